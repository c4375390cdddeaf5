"""What went wrong: errors of models and services by kind, and failed tool calls with what recovered each."""

from dataclasses import dataclass

from clankers.queries.errors import ErrorKind, error_kinds
from clankers.queries.failures import FailedCall, FailurePlace, failed_calls
from clankers.web.page import Asked, Page

_KINDS = 50
_CALLS = 50


@dataclass
class ErrorsData:
    """Kinds of errors, the most frequent first, and failed calls, the last first.

    Attributes:
        more: whether there are failed calls behind the last one.
    """

    kinds: list[ErrorKind]
    calls: list[FailedCall]
    more: bool


def find(asked: Asked) -> ErrorsData:
    """What the filters select; with `tool`, calls of that alone. Behind the first page there are calls only."""
    place = _place(asked)
    tool = asked.one("tool") or None
    kinds = [] if place or tool else error_kinds(asked.db, _KINDS, asked.filters)
    calls = failed_calls(asked.db, _CALLS + 1, asked.filters, tool=tool, before=place)
    return ErrorsData(kinds, calls[:_CALLS], len(calls) > _CALLS)


def _place(asked: Asked) -> FailurePlace | None:
    """Behind which call the page begins: its time and id, with a dot between them."""
    at, _, id = asked.one("before").partition(".")
    return FailurePlace(int(at), id) if id and at.isdecimal() and len(at) < 19 else None


PAGE = Page(
    "/errors",
    "errors.html",
    find,
    "Errors",
    filtered=True,
    parameters={
        "tool": "Only calls of this tool.",
        "before": "Go on behind this row: its time in epoch milliseconds, a dot, and its id.",
    },
)
