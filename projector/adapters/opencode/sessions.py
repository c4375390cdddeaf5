"""OpenCode's sessions, their status, failures and to-dos, and its projects."""

from typing import Any
from zlib import crc32

from clankers.log.reader import Event
from projector.adapters.opencode.common import SOURCE
from projector.adapters.opencode.ids import event_id, event_time, own_id
from projector.adapters.opencode.wire import (
    ErrorProperties,
    ModelInfo,
    NamedProperties,
    ProjectInfo,
    SessionProperties,
    StatusProperties,
    TodoProperties,
)
from projector.model.changes import Change, ErrorSeen, HookReport, ProjectSeen, Rank, SessionSeen, Todo, TodosSeen
from projector.model.naming import HOOK_PREFIX


def session(event: Event, properties: SessionProperties) -> list[Change]:
    """A snapshot of a session: an absent field clears."""
    info = properties.info
    model = info.model or ModelInfo()
    at = info.time.updated or info.time.created or 0
    facts: dict[str, Any] = {
        "title": info.title,
        "parent_id": info.parentID,
        "agent": info.agent,
        "model": model.id or model.modelID,
        "provider": model.providerID,
        "client_version": info.version,
        "created_at": info.time.created,
        "copies_before": info.time.created,  # a fork's copies have new ids, but keep their times
        "updated_at": info.time.updated,
        "billed": info.cost is not None,
    }
    if event.type == "session.deleted":
        facts["deleted_at"] = event_time(event)
    # A session can be moved: where it is now counts, not where it began.
    place = SessionSeen(info.id, SOURCE, at, Rank.RECORD, {"project_path": info.directory}, latest=True)
    changes: list[Change] = [SessionSeen(info.id, SOURCE, at, Rank.RECORD, facts), place]
    if info.parentID:
        changes.append(SessionSeen(info.parentID, SOURCE))
    if info.directory:
        changes.append(ProjectSeen(info.directory, SOURCE, info.projectID))
    return changes


def status_changed(event: Event, properties: StatusProperties) -> list[Change]:
    """A session's status, and a failure after which the client tries again."""
    status, session = properties.status, properties.sessionID
    changes: list[Change] = [_status(session, status.type)]
    if status.type == "retry":
        # An attempt may be reported twice; the time of the next one distinguishes attempts.
        id = f"retry:{session}:{event_id(event) if status.next is None else int(status.next)}"
        changes.append(ErrorSeen(id, session, SOURCE, "retry", status.message, event_time(event), will_retry=True))
    return changes


def _status(session: str, status: str) -> SessionSeen:
    return SessionSeen(session, SOURCE, 0, Rank.HOOK, {"status": status})


def idle(_: Event, properties: NamedProperties) -> list[Change]:
    """A session waits for its user."""
    return [_status(properties.sessionID, "idle")] if properties.sessionID else []


def failed(event: Event, properties: ErrorProperties) -> list[Change]:
    """A failure. If it belongs to a message, the message holds it too, and makes the row."""
    if not properties.sessionID or not properties.error:
        return []
    error = properties.error
    text = error.data.message or error.name
    # Events of 1.0 and 1.1 have no id: equal failures of a session count as one.
    unique = own_id(event) or f"{properties.sessionID}:{error.name}:{crc32(text.encode()):08x}"
    id = f"{HOOK_PREFIX}error:{unique}"
    return [HookReport(id, properties.sessionID, SOURCE, "error", error.name, text, event_time(event))]


def todos(event: Event, properties: TodoProperties) -> list[Change]:
    """A session's complete to-do list."""
    entries = [Todo(t.content, t.status, t.priority, t.id) for t in properties.todos]
    return [TodosSeen(properties.sessionID, SOURCE, event_time(event), Rank.HOOK, entries)]


def project(_: Event, info: ProjectInfo) -> list[Change]:
    """A project, as the client knows it."""
    return [ProjectSeen(info.worktree, SOURCE, info.id, info.name, info.vcs)]
