"""Which session a transcript line belongs to, and what the line says of it."""

from typing import Any

from projector.adapters.claude_code.common import SOURCE
from projector.adapters.claude_code.transcript_wire import Line
from projector.adapters.wire import millis
from projector.model.changes import Change, Copied, Rank, SessionSeen


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


def session_changes(line: Line, item: str | None = None, **more: Any) -> list[Change]:
    """The changes that a line makes to its session.

    Args:
        line: of the transcript.
        item: the id of the row that the line makes; if the line is a copy, so is the row.
        more: facts of the session; None for one that the line does not have.
    """
    facts: dict[str, Any] = {k: v for k, v in more.items() if v is not None}
    at = 0
    if line.timestamp:
        at = millis(line.timestamp)
        facts["updated_at"] = at
        if line.cwd:
            facts["project_path"] = line.cwd
        if line.version:
            facts["client_version"] = line.version
        if line.gitBranch:
            facts["git_branch"] = line.gitBranch
    changes: list[Change] = []
    if line.agentId:
        facts["parent_id"] = line.requestSessionId or line.sessionId
        changes.append(SessionSeen(facts["parent_id"], SOURCE))
    else:
        owner = origin(line)
        if owner != line.sessionId:
            facts["forked_from"] = owner
            changes.append(SessionSeen(owner, SOURCE))
            if item:
                changes.append(Copied(item, line.sessionId, owner, at))
    changes.append(SessionSeen(file_session(line), SOURCE, at, Rank.RECORD, facts))
    return changes
