"""The lines of the log that a session's rows come from. Each line is adapted again to find them."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from clankers.log.reader import Line, LogFile, log_files, read
from projector.model.changes import (
    CallReport,
    Change,
    PartDelta,
    ProjectSeen,
    RowDeleted,
    RowReplaced,
    SessionSeen,
    TodosSeen,
    TodoStatusSeen,
)
from projector.model.evidence import (
    BillSeen,
    Copied,
    HistoryMark,
    HookReport,
    OutputSaved,
    PromptSeen,
    ResponseLine,
    Step,
    UsageSeen,
)
from projector.model.merge import TABLES
from projector.trace.ownership import SessionMatcher


class SourceLine(NamedTuple):
    """A line of the log that is about some sessions.

    Attributes:
        file: of the log.
        line: in that file.
        rows: that it makes or changes, as table and id; none if it only names a session or cannot be read.
    """

    file: LogFile
    line: Line
    rows: list[tuple[str, str]]


def source_lines(
    root: str, sessions: SessionMatcher, progress: Callable[[int], object] = lambda _: None, *, first: str = ""
) -> Iterator[SourceLine]:
    """The lines of the log in `root` about `sessions`, in the order of the log.

    Args:
        root: the data root.
        sessions: matches their lines.
        progress: called with the size of each line in bytes.
        first: name of the file to begin with; the files are in the order of their names.

    Raises:
        OSError: the log cannot be read.
    """
    for file in log_files(root):
        if file.name < first:
            continue
        for line in read(root, file):
            progress(line.size)
            if (rows := rows_made(line, sessions)) is not None:
                yield SourceLine(file, line, rows)


def rows_made(line: Line, sessions: SessionMatcher) -> list[tuple[str, str]] | None:
    """The rows of `sessions` that `line` makes or changes; None if it is not about them."""
    if not sessions.may_name(line.raw):
        return None
    owner, readable = sessions.owner(line)
    if line.event is None or not readable:
        return [] if owner else None
    changes = sessions.adapters.adapt(line.event).changes
    found = dict.fromkeys(row for change in changes if (row := _row(change)) and _session(change) in sessions.ids)
    return list(found) if found or owner else None


def _session(change: Change) -> str | None:
    named = change.part if isinstance(change, PartDelta) else change
    return None if isinstance(named, ProjectSeen) else named.session_id


def _row(change: Change) -> tuple[str, str] | None:
    """The table and id of the row that a change makes or changes; None if it only names a session."""
    match change:
        case SessionSeen():
            return ("sessions", change.session_id) if change.facts else None
        case BillSeen() | CallReport() | HistoryMark():
            return "sessions", change.session_id
        case TodosSeen() | TodoStatusSeen():
            return "todos", change.session_id
        case OutputSaved():
            return ("tools", change.tool_id) if change.tool_id else None
        case HookReport():
            return ("session_errors" if change.kind in ("error", "retry") else "messages"), change.id
        case PartDelta():
            return "parts", change.part.id
        case Step() | UsageSeen() | ResponseLine():  # what they make depends on others
            return None
        case ProjectSeen() | Copied() | PromptSeen():
            return None
        case RowReplaced():
            return _row(change.row)
        case RowDeleted():
            return change.table, change.id
        case _:
            return TABLES[type(change)], change.id
