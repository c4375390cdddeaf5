"""Qwen Code: how its hooks are installed, and how its chat files are read."""
