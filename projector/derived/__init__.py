"""Derived rows: totals, activity, forks, hook reports, text, prices. May import `projector.model`."""
