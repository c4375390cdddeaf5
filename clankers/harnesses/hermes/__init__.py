"""Hermes Agent: how its database is read."""
