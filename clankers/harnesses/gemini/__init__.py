"""Gemini CLI: how it is installed, and how its chat files are read."""
