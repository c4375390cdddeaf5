"""What is recorded, sent to a server: one more reader of the log, so nothing is sent from inside a harness.

A server gets what the plugin session-sync sends to `POST /admin/sync`, whatever the harness; `clankers serve` is one.
"""
