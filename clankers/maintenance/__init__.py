"""Checks the log and changes its bytes: archive, verify, repair, scrub. Imports `log`, `secrets` and `system`."""
