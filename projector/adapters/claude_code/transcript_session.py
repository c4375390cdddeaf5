"""Which session a transcript line belongs to, and what the line says of it."""

import re
from collections.abc import Callable
from typing import Any

from msgspec import ValidationError

from clankers.log.reader import Event
from projector.adapters.base import Case, Meaning, case
from projector.adapters.claude_code.common import SOURCE
from projector.adapters.claude_code.transcript_wire import Line
from projector.adapters.wire import any_millis
from projector.model.changes import Change, Rank, SessionSeen, ValueIgnored
from projector.model.evidence import Copied

PREFIX = "transcript."  # of the types of transcript lines

# How the id of a transcript's line begins (`clankers.harnesses.claude_code.transcript_files`): the session, and the
# subagent whose file it is.
_FILE = re.compile(r"([^/:@#]+)(?:/([^/:@#]+))?[:@#]")


def file_of(event: Event) -> tuple[str, str | None] | None:
    """The session in whose files a line is, and the subagent whose file it is; None for an event that is not a line."""
    file = _FILE.match(event.id) if event.type.startswith(PREFIX) else None
    return (file[1], file[2]) if file else None


def line_case(wire: Any, adapt: Callable[[Event, Any], Meaning]) -> Case:
    """A case for a line of a transcript.

    What names the line may be missing in it, and then comes from its place. A copy with a uuid of its own, as the
    Agent SDK makes them, stands for the line that it names.
    """

    def located(event: Event, line: Line) -> Meaning:
        if not line.sessionId:
            if (file := file_of(event)) is None:
                raise ValidationError("Object missing required field `sessionId`")
            line.sessionId, line.agentId = file[0], line.agentId or file[1]
        line.uuid = line.uuid or event.id
        line.copy_id = None
        if line.forkedFrom and line.forkedFrom.messageUuid not in (None, line.uuid):
            line.uuid, line.copy_id = line.forkedFrom.messageUuid, line.uuid
        changes = adapt(event, line)
        if line.timestamp is None or any_millis(line.timestamp) is not None:
            return changes
        return [*changes, ValueIgnored("$.timestamp", f"Not a time: {line.timestamp!r:.80}")]

    return case(wire, located)


def file_session(line: Line) -> str:
    """The session whose file holds the line."""
    return line.agentId or line.sessionId


def origin(line: Line) -> str:
    """The session that the line belongs to, as far as the line itself says."""
    if line.agentId:
        return line.agentId
    if line.requestSessionId:
        return line.requestSessionId
    return line.forkedFrom.sessionId if line.forkedFrom else line.sessionId


def ended(line: Line, at: int | None) -> int | None:
    """`at`, the time of the line, as that of an end. Not of a marked copy: the last one has the time of the fork."""
    return at if origin(line) == file_session(line) else None


def session_changes(line: Line, item: str | None = None, **more: Any) -> list[Change]:
    """The changes that a line makes to its session.

    Args:
        line: of the transcript.
        item: the id of the row that the line makes; if the line is a copy, so is the row.
        more: facts of the session; None for one that the line does not have.
    """
    facts: dict[str, Any] = {k: v for k, v in more.items() if v is not None}
    at = any_millis(line.timestamp) or 0
    if at:
        facts["updated_at"] = at
        if line.cwd:
            facts["project_path"] = line.cwd
        if line.version:
            facts["client_version"] = line.version
        if line.gitBranch:
            facts["git_branch"] = line.gitBranch
    changes: list[Change] = []
    if line.parentUuid:
        facts["chained"] = True
    if line.agentId:
        facts["parent_id"] = line.requestSessionId or line.sessionId
        changes.append(SessionSeen(facts["parent_id"], SOURCE))
    else:
        owner = origin(line)
        if owner != line.sessionId:
            facts["forked_from"] = line.forkedFrom.sessionId if line.forkedFrom else owner
            changes.append(SessionSeen(owner, SOURCE))
            if item:
                changes.append(Copied(item, line.sessionId, owner, at, line.copy_id if item == line.uuid else None))
    changes.append(SessionSeen(file_session(line), SOURCE, at, Rank.RECORD, facts))
    return changes
