"""The database: its file, writing batches, reading it. May import model, derived, `clankers.log` and `system`."""
