"""The commits that recorded tool calls made, as `git commit` printed them: `[main 1a2b3c4] Subject`."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from clankers.queries.dialect import Database, contains, listed

# What `git commit`, `cherry-pick`, `revert` and `merge` print of a commit. Clients may put something before it.
_PRINTED = re.compile(
    r"\[(?P<branch>[^\[\]\n]{1,255}?)(?: \(root-commit\))? (?P<hash>[0-9a-f]{4,64})\] "
    r"(?P<subject>[^\n]*)(?P<rest>(?:\n .*)*)"
)
_COUNTS = re.compile(r"\n \d+ files? changed")
_COMMAND = re.compile(r"\bgit\b.*\b(?:commit|cherry-pick|revert|merge|rebase|am)\b", re.DOTALL)

_CALLS = f"""
SELECT t.id, t.session_id, t.source, t.message_id, coalesce(t.model, s.model), s.project_path, t.created_at,
  t.completed_at, t.tool_input, t.tool_output
FROM tools AS t JOIN sessions AS s ON s.id = t.session_id
WHERE {{condition}} AND {contains("t.tool_output", "'] '")} ORDER BY coalesce(t.created_at, 0), t.id
"""


class RecordedCommit(Struct, frozen=True, kw_only=True):
    """A commit that a tool call made, as its output says.

    Attributes:
        hash: the beginning of it.
        branch: as git prints it; `detached HEAD` for none.
        subject: the first line of the message.
        tool_id: the call's row in `tools`.
        message_id: the response that made the call.
        model: the response's, else the session's.
        created_at: when the call began, epoch milliseconds.
        completed_at: when it ended.
    """

    hash: str
    branch: str
    subject: str
    tool_id: str
    session_id: str
    source: str
    message_id: str | None
    model: str | None
    project_path: str | None
    created_at: int | None
    completed_at: int | None

    @property
    def printed(self) -> str:
        """What git printed of it."""
        return f"[{self.branch} {self.hash}] {self.subject}"


def recorded_commits(db: Database, sessions: Sequence[str] | None = None) -> list[RecordedCommit]:
    """The commits that calls made, the first first: of some sessions, or None for all.

    A commit in the output of a command that makes none is not one of the call, unless git's counts of what was changed
    stand behind it: a script may have made it.
    """
    condition = "TRUE" if sessions is None else f"t.session_id IN {listed('sessions')}"
    values = {"sessions": msgspec.json.encode(list(sessions or ())).decode()}
    return [
        made
        for row in db.execute(_CALLS.format(condition=condition), {} if sessions is None else values)
        for made in _commits_of(*row)
    ]


def makes_commit(given: Any) -> bool:
    """Whether the input of a call has a command that makes commits."""
    return isinstance(given, str) and _COMMAND.search(given) is not None


def _commits_of(
    tool: str,
    session: str,
    source: str,
    message: str | None,
    model: str | None,
    project: str | None,
    began: int | None,
    ended: int | None,
    given: Any,
    output: Any,
) -> Iterator[RecordedCommit]:
    if not isinstance(output, str):  # a database that somebody else wrote
        return
    is_git = makes_commit(given)
    for printed in _PRINTED.finditer(output):
        if is_git or _COUNTS.search(printed["rest"]):
            yield RecordedCommit(
                hash=printed["hash"],
                branch=printed["branch"],
                subject=printed["subject"].rstrip("\r"),
                tool_id=tool,
                session_id=session,
                source=source,
                message_id=message,
                model=model,
                project_path=project,
                created_at=began,
                completed_at=ended,
            )
