"""Kilo: OpenCode under another name, with its plugin and its stores."""
