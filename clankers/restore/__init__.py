"""Makes a client's files from the records of a session, and writes them. Imports `log`, `ingest`, `system`."""
