"""The database: its file, writing batches, reading it."""
