"""The database: its file, writing and reading it. May import `projector.model`, `projector.derived`."""
