"""The list of sessions, a page at a time, in any order."""

from typing import Any

import msgspec

from clankers.errors import UsageError
from clankers.queries.session_pages import ORDERS, SessionOrder, SessionPage, SessionPlace, session_page
from clankers.web.page import Asked, Page

_AT_ONCE = 100  # sessions


def find(asked: Asked) -> SessionPage:
    """The sessions that match the filters and the words `q`, sorted by `sort`, `order` being `asc` or `desc`.

    Raises:
        UsageError: a wrong filter, order or place.
    """
    by = asked.one("sort", "active")
    if by not in ORDERS:
        raise UsageError(f"Sessions cannot be sorted by {by!r}, but by {', '.join(ORDERS)}.")
    return session_page(
        asked.db,
        _AT_ONCE,
        asked.filters,
        words=asked.one("q")[:200],
        parent=asked.one("parent") or None,
        order=SessionOrder(by, asked.one("order") != "asc"),
        after=_place(asked.one("after")),
    )


def _place(text: str) -> SessionPlace | None:
    if not text:
        return None
    try:
        found: Any = msgspec.json.decode(text, type=tuple[str | float, str])
    except (msgspec.DecodeError, RecursionError):
        raise UsageError("This is no place in the list; begin with its first page.") from None
    return SessionPlace(*found)


PAGE = Page(
    "/sessions",
    "sessions.html",
    find,
    "Sessions",
    filtered=True,
    parameters={
        "q": "Each of these words is in the title, project, branch, model or id.",
        "sort": f"By what they are sorted: {', '.join(ORDERS)}.",
        "order": "`asc` for the smallest first, else `desc`.",
        "parent": "Only the subagents of this session.",
        "after": "Go on behind this place, as `next` in the answer before gives it, in JSON.",
    },
)
