"""Replays the log into a database: fold, rebuild, follow, compare. May import every other room but trace and feed."""
