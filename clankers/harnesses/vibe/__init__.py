"""Mistral Vibe: how its hooks are installed, and how its sessions are read."""
