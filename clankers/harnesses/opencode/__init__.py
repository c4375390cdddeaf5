"""OpenCode: how it is installed, and how its stores are read."""
