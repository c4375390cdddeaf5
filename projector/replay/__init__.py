"""Replays the log into a database: folding, rebuilding, following, comparing."""
