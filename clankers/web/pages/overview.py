"""The overview: what happened in a span, what it cost, and against the span before."""

import time
from datetime import datetime

import msgspec

from clankers import paths
from clankers.errors import ClankersError
from clankers.queries.budgets import budget_states, load_budgets
from clankers.queries.overview import Overview, overview
from clankers.web.page import Asked, Page


def find(asked: Asked) -> Overview:
    """The overview of what the filters select, with the budgets; a file of budgets that is wrong is on Health."""
    found = overview(asked.db, asked.filters, round(time.time() * 1000))
    try:
        budgets = load_budgets(paths.data_root()).budget
    except ClankersError:
        return found
    now = datetime.now()  # noqa: DTZ005 - days are local
    return msgspec.structs.replace(found, budgets=budget_states(asked.db, budgets, now))


PAGE = Page("/overview", "overview.html", find, "Overview", filtered=True)
