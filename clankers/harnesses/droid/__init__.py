"""Factory's Droid: how its hooks are installed, and how its session files are read."""
