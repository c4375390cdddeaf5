"""OpenCode's own stores into changes: files of the JSON tree (1.0, 1.1) and rows of the database (1.2 and later).

A file holds what the events' `info` and `part` hold; a row of messages or parts has its ids beside the JSON in `data`,
a session's or project's row its fields in columns. All of it is brought into the shape of the events, which then
mean what they always mean: so a session that was told live and is found in both stores has the same rows.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw
from msgspec.json import Decoder, decode

from clankers.log.reader import Event
from projector.adapters.opencode import events
from projector.adapters.opencode.wire import (
    MessageInfo,
    MessageProperties,
    Model,
    PartProperties,
    ProjectInfo,
    SessionInfo,
    SessionProperties,
    Time,
    TodoInfo,
)
from projector.adapters.wire import Dollars, Id, Millis, Wire
from projector.model.changes import Change, ProjectSeen, Rank, Todo, TodosSeen


class StoredTodos(Wire):
    """A file of to-dos with its session and time: the list as it stands there."""

    sessionID: Id
    todos: list[TodoInfo]
    time: Time = Time()


class SessionColumns(Wire):
    id: Id
    title: str | None = None
    project_id: str | None = None
    parent_id: Id | None = None
    directory: str | None = None
    version: str | None = None
    agent: str | None = None
    model: Model | None = None
    cost: Dollars | None = None
    time_created: Millis | None = None
    time_updated: Millis | None = None


class MessageColumns(Wire):
    id: Id
    session_id: Id
    data: Raw


class PartColumns(Wire):
    id: Id
    message_id: Id
    session_id: Id
    data: Raw


class TodoColumns(TodoInfo):
    time_updated: Millis = 0


class TodosRows(Wire):
    session_id: Id
    todos: list[TodoColumns]


class PluginInput(Wire):
    """What OpenCode gives to a plugin when it loads it."""

    directory: str | None = None
    worktree: str | None = None
    project: ProjectInfo | None = None


def _session_file(event: Event, info: SessionInfo) -> list[Change]:
    return events.session(event, SessionProperties(info))


def _message_file(event: Event, info: MessageInfo) -> list[Change]:
    return events.message(event, MessageProperties(info))


def _part_file(event: Event, part: Raw) -> list[Change]:
    return events.part(event, PartProperties(part))


def _todo_file(_: Event, found: StoredTodos) -> list[Change]:
    return [_todos(found.sessionID, found.time.updated or 0, found.todos)]


def _session_row(event: Event, row: SessionColumns) -> list[Change]:
    info = SessionInfo(
        row.id,
        row.project_id,
        row.directory,
        row.parent_id,
        row.title,
        row.version,
        row.agent,
        row.model,
        row.cost,
        Time(created=row.time_created, updated=row.time_updated),
    )
    return events.session(event, SessionProperties(info))


def _message_row(event: Event, row: MessageColumns) -> list[Change]:
    info = _with_ids(row.data, id=row.id, sessionID=row.session_id)
    return events.message(event, MessageProperties(decode(info, type=MessageInfo)))


def _part_row(event: Event, row: PartColumns) -> list[Change]:
    part = _with_ids(row.data, id=row.id, sessionID=row.session_id, messageID=row.message_id)
    return events.part(event, PartProperties(Raw(part)))


def _todo_rows(_: Event, rows: TodosRows) -> list[Change]:
    at = max((todo.time_updated for todo in rows.todos), default=0)
    return [_todos(rows.session_id, at, rows.todos)]


def _todos(session: str, at: int, todos: list[TodoInfo] | list[TodoColumns]) -> TodosSeen:
    listed = [Todo(t.content, t.status, t.priority, t.id) for t in todos]
    return TodosSeen(session, events.SOURCE, at, Rank.HOOK, listed)


def _with_ids(data: Raw, **ids: str) -> bytes:
    """The JSON object `data` with `ids` as its first members."""
    known: dict[str, Any] = ids | decode(data, type=dict[str, Raw])
    return msgspec.json.encode(known)


def _project(_: Event, info: ProjectInfo) -> list[Change]:
    return events.project(_, info)


def _plugin_project(_: Event, given: PluginInput) -> list[Change]:
    project = given.project
    return [ProjectSeen(project.worktree, events.SOURCE, project.id, project.name, project.vcs)] if project else []


def _case(wire: type[Any], adapt: Callable[[Event, Any], list[Change]]) -> Callable[[Event], list[Change]]:
    decoder = Decoder(wire)
    return lambda event: adapt(event, decoder.decode(event.payload))


CASES: dict[str, Callable[[Event], list[Change]]] = {
    "storage.session": _case(SessionInfo, _session_file),
    "storage.message": _case(MessageInfo, _message_file),
    "storage.part": _case(Raw, _part_file),
    "storage.todo": _case(StoredTodos, _todo_file),
    "storage.project": _case(ProjectInfo, _project),
    "db.session": _case(SessionColumns, _session_row),
    "db.message": _case(MessageColumns, _message_row),
    "db.part": _case(PartColumns, _part_row),
    "db.todo": _case(TodosRows, _todo_rows),
    "db.project": _case(ProjectInfo, _project),
    "plugin.project": _case(PluginInput, _plugin_project),
}
