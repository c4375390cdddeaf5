"""pi: how our extension is installed, and how its session files are read."""
