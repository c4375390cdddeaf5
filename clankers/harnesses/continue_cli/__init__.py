"""Continue: how its session files are read; it has no hooks that run."""
