"""Reads what harnesses wrote into the log, each record once. Imports `clankers.log` and `system`."""
