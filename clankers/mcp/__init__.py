"""The recorded history over the Model Context Protocol, read-only. May import queries, render and what they may.

`server` alone imports the protocol's SDK, which takes a second; tools know nothing of it.
"""
