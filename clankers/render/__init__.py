"""Forms of a session: Markdown, HTML, Parquet. Asks nothing; may import structs of `queries`, and `secrets`."""
