"""The lines of the log behind a session, or behind one of its rows, some at a time."""

import time

from msgspec import Struct

from clankers.log.envelope import day_of
from clankers.log.reader import log_files, read
from clankers.log.writer import file_name
from clankers.queries.dialect import Database
from projector.trace.ownership import SessionMatcher
from projector.trace.provenance import rows_made

_DAY = 86_400_000  # milliseconds; a clock may have been set back by less than that
_LONGEST = 20_000  # characters of a line
_DATED = ("messages", "tools", "session_errors", "compaction_events", "parts", "sessions")


class LogPlace(Struct, frozen=True):
    """Where to go on: a file of the log, and how much of it was looked through, in uncompressed bytes and in lines."""

    file: str
    offset: int = 0
    lines: int = 0


class LogLine(Struct, frozen=True, kw_only=True):
    """A line of the log.

    Attributes:
        file: of the day.
        number: of the line in it, from 1.
        offset: uncompressed bytes before it.
        size: bytes of it, with its newline.
        text: its first 20,000 characters.
        rows: that are made of it, as table and id; none if it only names the session, or cannot be read.
    """

    file: str
    number: int
    offset: int
    size: int
    text: str
    rows: list[tuple[str, str]]


class LogLines(Struct, frozen=True):
    """Some lines, and where to go on; None: these are the last."""

    lines: list[LogLine]
    next: LogPlace | None


def log_lines(
    db: Database,
    root: str,
    session: str,
    *,
    row: str | None = None,
    after: LogPlace | None = None,
    limit: int,
    seconds: float,
) -> LogLines:
    """The lines about a session, in their order.

    Args:
        db: the database.
        root: the data root.
        session: its id.
        row: only the lines that make or change the row with this id.
        after: go on there.
        limit: how many lines, at most.
        seconds: for which to look; what is found by then is returned.

    Raises:
        OSError: the log cannot be read.
    """
    deadline = time.monotonic() + seconds
    start = after or LogPlace(_first_file(db, row or session))
    sessions = SessionMatcher(root, {session})
    found: list[LogLine] = []
    for file in log_files(root):
        if file.name < start.file:
            continue
        offset, number = (start.offset, start.lines) if file.name == start.file else (0, 0)
        for line in read(root, file, offset, number):
            rows = rows_made(line, sessions)
            if rows is not None and (row is None or any(id == row for _, id in rows)):
                text = line.raw[: 4 * _LONGEST].decode("utf-8", "replace")[:_LONGEST]
                found.append(
                    LogLine(
                        file=file.name, number=line.number, offset=line.offset, size=line.size, text=text, rows=rows
                    )
                )
            if len(found) >= limit or time.monotonic() > deadline:
                return LogLines(found, LogPlace(file.name, line.offset + line.size, line.number))
    return LogLines(found, None)


def _first_file(db: Database, id: str) -> str:
    """The file of the log before which there is nothing about a row: an event is logged after it happened."""
    for table in _DATED:
        found = db.execute(f"SELECT created_at FROM {table} WHERE id = :id", {"id": id}).fetchone()
        if found:
            return file_name(day_of(max((found[0] or 0) - _DAY, 0) * 1_000_000))
    return ""
