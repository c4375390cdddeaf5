"""The machine: locks, files, processes, services. Imports `clankers.errors` and `clankers.paths`."""
