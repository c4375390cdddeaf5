"""The lines of the log behind a session, or behind one item of it."""

from msgspec import Struct

from clankers import paths
from clankers.queries.log_lines import LogLines, LogPlace, log_lines
from clankers.queries.session_rows import session_row
from clankers.web.page import Asked, NotFoundError, Page

_AT_ONCE = 50  # lines
_SECONDS = 2.0  # for which to look; the page leads on from there


class LogData(Struct, kw_only=True):
    """Some lines of the log about a session; `row` is the id of the item that is asked for, if one is."""

    session: str
    title: str | None
    row: str | None
    found: LogLines


def find(asked: Asked) -> LogData:
    """The lines about the session that the path names, or about its item `row`.

    Raises:
        NotFoundError: there is no such session.
    """
    id = asked.place["id"]
    session = session_row(asked.db, id)
    if session is None:
        raise NotFoundError(f"No session {id} is recorded.")
    row = asked.one("row") or None
    after = None
    if file := asked.one("file"):
        after = LogPlace(file, asked.number("offset", 0, 0, 1 << 62), asked.number("lines", 0, 0, 1 << 62))
    found = log_lines(asked.db, paths.data_root(), id, row=row, after=after, limit=_AT_ONCE, seconds=_SECONDS)
    return LogData(session=id, title=session.title, row=row, found=found)


PAGE = Page(
    "/log/{id:path}",
    "log.html",
    find,
    parameters={
        "row": "Only lines about the message, call or error with this id.",
        "file": "Go on behind a line of this file,",
        "offset": "at this offset in bytes,",
        "lines": "after so many lines of it.",
    },
)
