"""Replays the log into a database: rebuild, follow, compare. May import what is below, but no harness."""
