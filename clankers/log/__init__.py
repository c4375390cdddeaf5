"""The append-only log: its line, its files, writing and reading them. Imports `clankers.system` and errors."""
