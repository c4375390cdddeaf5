"""OpenCode's sessions, their status, failures and to-dos, and its projects."""

from typing import Any
from zlib import crc32

import msgspec

from clankers.log.reader import Event
from projector.adapters.opencode.ids import event_id, event_time, own_id
from projector.adapters.opencode.wire import (
    ErrorProperties,
    PathInfo,
    ProjectInfo,
    SessionInfo,
    SessionProperties,
    StatusProperties,
    TodoProperties,
    Tokens,
    Usage,
    error_in,
    model_of,
    provider_of,
)
from projector.model.changes import Change, ErrorSeen, ProjectSeen, Rank, SessionSeen, Todo, TodosSeen
from projector.model.evidence import HookReport
from projector.model.naming import HOOK_PREFIX


def session(event: Event, properties: SessionProperties) -> list[Change]:
    """A session, in `info` or directly in the properties.

    An `info` is a complete snapshot: an absent field clears, and the latest by its own time counts. Elsewhere an absent
    field is unknown, and the last in the log counts.

    Raises:
        msgspec.ValidationError: it is not named.
    """
    info = properties.info or properties
    id = info.sessionID or info.id or properties.sessionID
    if not id:
        raise msgspec.ValidationError("Object missing required field `sessionID` - at `$.properties`")
    facts, place = _facts(info), {"project_path": _directory(info)}
    at = info.time.updated or info.time.created or 0
    if info is properties:
        at = 0
        facts, place = ({k: v for k, v in some.items() if v is not None} for some in (facts, place))
    if event.type == "session.deleted":
        facts["deleted_at"] = event_time(event)
    changes: list[Change] = [SessionSeen(id, event.source, at, Rank.RECORD, facts)]
    if place:  # a session can be moved: where it is now counts, not where it began
        changes.append(SessionSeen(id, event.source, at, Rank.RECORD, place, latest=True))
    if info.parentID:
        changes.append(SessionSeen(info.parentID, event.source))
    if path := _directory(info):
        changes.append(ProjectSeen(path, event.source, info.projectID))
    return changes


def _directory(info: SessionInfo) -> str | None:
    inner = info.path.cwd if isinstance(info.path, PathInfo) else None
    return inner or info.cwd or info.directory


def _facts(info: SessionInfo) -> dict[str, Any]:
    tokens, usage = info.tokens or Tokens(), info.usage or Usage()
    cost = info.cost or usage.cost or info.cost
    facts: dict[str, Any] = {
        "title": info.title,
        "parent_id": info.parentID,
        "agent": info.agent,
        "model": model_of(info),
        "provider": provider_of(info),
        "client_version": info.version,
        "created_at": info.time.created,
        "copies_before": info.time.created,  # a fork's copies have new ids, but keep their times
        "updated_at": info.time.updated,
        "billed": cost is not None or None,
    }
    # What is below is never cleared: not every snapshot reports it.
    if cost is not None:
        facts["reported_cost"] = cost
    if info.tokens or info.usage:
        counts = {
            "prompt_tokens": tokens.input or usage.promptTokens or 0,
            "completion_tokens": tokens.output or usage.completionTokens or 0,
            "reasoning_tokens": tokens.reasoning or 0,
            "cache_read_tokens": tokens.cache.read or 0,
            "cache_write_tokens": tokens.cache.write or 0,
        }
        facts["reported_tokens"] = msgspec.json.encode(counts).decode()
    return facts


def status_changed(event: Event, properties: StatusProperties) -> list[Change]:
    """A session's status, and a failure after which the client tries again."""
    status, session = properties.status, properties.sessionID
    changes: list[Change] = [_status(event, session, status.type)]
    if status.type == "retry":
        # An attempt may be reported twice; the time of the next one distinguishes attempts.
        id = f"retry:{session}:{event_id(event) if status.next is None else int(status.next)}"
        changes.append(
            ErrorSeen(id, session, event.source, "retry", status.message, event_time(event), will_retry=True)
        )
    return changes


def _status(event: Event, session: str, status: str) -> SessionSeen:
    return SessionSeen(session, event.source, 0, Rank.HOOK, {"status": status})


def idle(event: Event, properties: SessionProperties) -> list[Change]:
    """A session waits for its user.

    Raises:
        msgspec.ValidationError: it is not named.
    """
    changes = session(event, properties)
    named = changes[0]
    assert isinstance(named, SessionSeen)
    return [_status(event, named.session_id, "idle"), *changes]


def failed(event: Event, properties: ErrorProperties) -> list[Change]:
    """A failure. If it belongs to a message, the message holds it too, and makes the row."""
    if not properties.sessionID or not properties.error:
        return []
    error = error_in(properties.error)
    text = error.data.message or error.name
    # Events of 1.0 and 1.1 have no id: equal failures of a session count as one.
    unique = own_id(event) or f"{properties.sessionID}:{error.name}:{crc32(text.encode()):08x}"
    id = f"{HOOK_PREFIX}error:{unique}"
    return [HookReport(id, properties.sessionID, event.source, "error", error.name, text, event_time(event))]


def todos(event: Event, properties: TodoProperties) -> list[Change]:
    """A session's complete to-do list."""
    entries = [Todo(t.content, t.status, t.priority, t.id) for t in properties.todos]
    return [TodosSeen(properties.sessionID, event.source, event_time(event), Rank.HOOK, entries)]


def project(event: Event, info: ProjectInfo) -> list[Change]:
    """A project, as the client knows it."""
    return [ProjectSeen(info.worktree, event.source, info.id, info.name, info.vcs)]
