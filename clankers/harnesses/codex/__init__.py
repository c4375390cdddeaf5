"""Codex: how its hooks are installed, and how its rollouts are read."""
