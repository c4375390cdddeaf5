"""Forms of a session: Markdown, HTML, Parquet; asks nothing."""
