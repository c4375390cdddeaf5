"""OpenHands: how its hooks are installed, and how its conversations are read."""
