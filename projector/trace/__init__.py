"""Which line makes which row, and erasing. May import adapters, model, store, `clankers.maintenance` and below."""
