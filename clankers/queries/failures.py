"""Tool calls that failed, the last first, and the later call that recovered each."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

from clankers.queries.dialect import JOIN_IN_THIS_ORDER, Database, Values
from clankers.queries.filters import Filters
from clankers.queries.tool_calls import COMMAND_KEYS, subject

_LONGEST = 2_000  # characters of an error and of a subject
_LOOK = 200  # later calls of a tool among which the recovery is looked for

# Ordered as the index of failed calls is.
_FAILED = f"""
SELECT t.id, t.session_id, s.title, t.source, s.project_path, s.project_name, t.tool_name, t.file_path, t.status,
  t.exit_code, t.created_at, coalesce(t.completed_at, t.created_at + 1), t.tool_input, t.error_message,
  CASE WHEN t.error_message > '' THEN NULL ELSE t.tool_output END
FROM tools AS t {JOIN_IN_THIS_ORDER} sessions AS s ON s.id = t.session_id
WHERE t.success = 0 AND {{condition}} ORDER BY coalesce(t.created_at, 0) DESC, t.id DESC LIMIT :limit
"""
_BEFORE = "(coalesce(t.created_at, 0), t.id) < (:before, :before_id)"
_SUCCEEDED = """
SELECT id, created_at, file_path, tool_input FROM tools
WHERE session_id = :session AND tool_name = :tool AND success = 1 AND created_at >= :since
ORDER BY created_at LIMIT :look
"""

# What may stand before the program: changes of directory, variables, programs that run another.
_BEFORE_PROGRAM = re.compile(
    r"(?:\s*(?:(?:cd|export|source|set)\s[^;&\n]*(?:&&|;|\n)|\w+=\S*\s|(?:sudo|time|nice|env|exec|timeout\s+\S+)\s))*"
)
_WORD_OR_END = re.compile(r"(?P<end>\d*[<>]|[;&|()\n])|[^\s;&|<>()]+")


class FailurePlace(NamedTuple):
    """Where a failed call is in the order of all: its time (epoch milliseconds; 0: not known) and its id."""

    at: int
    id: str


class Recovery(Struct, frozen=True, kw_only=True):
    """The first later call of the same session that did what the failed one did not.

    Attributes:
        id: of the row in `tools`.
        created_at: epoch milliseconds.
        subject: what the call was about: a command, a file, ...; cut after 2,000 characters.
    """

    id: str
    created_at: int | None
    subject: str | None


class FailedCall(Struct, frozen=True, kw_only=True):
    """A tool call that failed, was denied or was interrupted, or whose command exited with another code than 0.

    Attributes:
        id: of the row in `tools`.
        subject: what the call was about: a command, a file, ...; cut after 2,000 characters.
        error: its message, or the end of its output; of either at most 2,000 characters.
        created_at: epoch milliseconds.
        recovery: None where no later call of the session succeeded at the same.
    """

    id: str
    session_id: str
    title: str | None
    source: str
    project_path: str | None
    project_name: str | None
    tool_name: str | None
    file_path: str | None
    status: str | None
    exit_code: int | None
    created_at: int | None
    subject: str | None
    error: str | None
    recovery: Recovery | None

    @property
    def place(self) -> FailurePlace:
        """Where to go on."""
        return FailurePlace(self.created_at or 0, self.id)


def failed_calls(
    db: Database,
    limit: int,
    chosen: Filters | None = None,
    *,
    session: str | None = None,
    tool: str | None = None,
    before: FailurePlace | None = None,
    redact: Callable[[str], str] = str,
) -> list[FailedCall]:
    """The `limit` calls that failed last, the last first.

    A later call recovers a failed one if it is of the same session and tool, succeeded, and worked on the same file, or
    ran the same program with the same first argument, or is about the same otherwise.

    Args:
        db: the database.
        limit: how many, at most.
        chosen: of which calls.
        session: only calls of the session with this id.
        tool: only calls of this tool.
        before: the place of the last call that was read: go on behind it.
        redact: masks credentials in a text, before that is cut: a part of one would not be recognized.
    """
    chosen = chosen or Filters()
    conditions = [chosen.rows("t.created_at", "t.model")]
    values: dict[str, str | int | None] = {"limit": limit, **chosen.values}
    if session is not None:
        conditions.append("t.session_id = :session")
        values["session"] = session
    if tool is not None:
        conditions.append("t.tool_name = :tool")
        values["tool"] = tool
    if before is not None:
        conditions.append(_BEFORE)
        values |= {"before": before.at, "before_id": before.id}
    rows = db.execute(_FAILED.format(condition=" AND ".join(conditions)), values).fetchall()
    return [_failed_call(db, redact, *row) for row in rows]


def _failed_call(db: Database, redact: Callable[[str], str], *row: Any) -> FailedCall:
    id, session, title, source, path, name, tool, file_path, status, exit_code, at, ended, given, message, output = row
    about, attempt = _about(given, file_path)
    # The end of an output says why a command failed.
    error = redact(message)[:_LONGEST] if message else redact(output)[-_LONGEST:] if output else None
    return FailedCall(
        id=id,
        session_id=session,
        title=title,
        source=source,
        project_path=path,
        project_name=name,
        tool_name=tool,
        file_path=file_path,
        status=status,
        exit_code=exit_code,
        created_at=at,
        subject=about and redact(about)[:_LONGEST],
        error=error,
        recovery=_recovery(db, session, tool, ended, attempt, redact),
    )


def _recovery(
    db: Database, session: str, tool: str | None, since: int | None, attempt: str | None, redact: Callable[[str], str]
) -> Recovery | None:
    """The first call since then (epoch milliseconds) that succeeded at `attempt`: one that ran beside is none."""
    if tool is None or since is None or attempt is None:
        return None
    values: Values = {"session": session, "tool": tool, "since": since, "look": _LOOK}
    for id, created_at, file_path, given in db.execute(_SUCCEEDED, values):
        about, its_attempt = _about(given, file_path)
        if its_attempt == attempt:
            return Recovery(id=id, created_at=created_at, subject=about and redact(about)[:_LONGEST])
    return None


def _about(given: str | None, file_path: str | None) -> tuple[str | None, str | None]:
    """What a call is about, and a text that is equal for calls that attempt the same; None where it does not say.

    Args:
        given: its input, as it is stored.
        file_path: the file that it works on.
    """
    try:
        found = subject(msgspec.json.decode(given or "null"), file_path)
    except (msgspec.DecodeError, RecursionError):
        found = None
    if found is None:
        return file_path, file_path
    name, text = found
    return text, file_path or (_program(text[:_LONGEST]) if name in COMMAND_KEYS else text)


def _program(command: str) -> str:
    """The program that a shell command runs first, with its first argument that is no option."""
    start = _BEFORE_PROGRAM.match(command)
    words: list[str] = []
    for found in _WORD_OR_END.finditer(command, start.end() if start else 0):
        if found["end"] and words:
            break
        if not found["end"] and not found[0].startswith("-"):
            words.append(found[0])
    return " ".join(words[:2])
