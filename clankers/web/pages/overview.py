"""The overview: what happened in a span, what it cost, and against the span before."""

import time

from clankers.queries.overview import Overview, overview
from clankers.web.page import Asked, Page


def find(asked: Asked) -> Overview:
    """The overview of what the filters select."""
    return overview(asked.db, asked.filters, round(time.time() * 1000))


PAGE = Page("/overview", "overview.html", find, "Overview", filtered=True)
