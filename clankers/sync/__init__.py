"""Sends what is recorded to a server; may import queries, render and what they may. Nothing is sent by a harness.

A server gets what the plugin session-sync sends to `POST /admin/sync`, whatever the harness; `clankers serve` is one.
"""
