"""OpenCode's own stores: files of the JSON tree (1.0, 1.1) and rows of the database (1.2 and later).

A file holds what the events' `info` and `part` hold. A row of messages or parts has its ids beside the JSON in `data`;
a session's or project's row has columns. All are brought into the shape of the events and then mean the same, so that a
session that was recorded live and is found in both stores has the same rows.
"""

from typing import Any

import msgspec
from msgspec import Raw
from msgspec.json import decode

from clankers.log.reader import Event
from projector.adapters.base import Case, Meaning, case
from projector.adapters.decode import LenientDecoder
from projector.adapters.opencode.messages import message, part
from projector.adapters.opencode.sessions import project, session
from projector.adapters.opencode.store_wire import (
    MessageColumns,
    PartColumns,
    PluginInput,
    SessionColumns,
    StoredTodos,
    TodoColumns,
    TodosRows,
)
from projector.adapters.opencode.wire import (
    Cache,
    MessageInfo,
    MessageProperties,
    PartProperties,
    ProjectInfo,
    SessionInfo,
    SessionProperties,
    Time,
    TodoInfo,
    Tokens,
)
from projector.model.changes import Change, Rank, Todo, TodosSeen


def _session_file(event: Event, info: SessionInfo) -> list[Change]:
    return session(event, SessionProperties(info=info))


def _message_file(event: Event, info: MessageInfo) -> list[Change]:
    return message(event, MessageProperties(info))


def _part_file(event: Event, info: Raw) -> Meaning:
    return part(event, PartProperties(info))


def _todo_file(event: Event, found: StoredTodos) -> list[Change]:
    return [_todos(event.source, found.sessionID, found.time.updated or 0, found.todos)]


def _session_row(event: Event, row: SessionColumns) -> list[Change]:
    cache = Cache(row.tokens_cache_read, row.tokens_cache_write)
    info = SessionInfo(
        id=row.id,
        projectID=row.project_id,
        directory=row.directory,
        parentID=row.parent_id,
        title=row.title,
        version=row.version,
        agent=row.agent,
        model=row.model,
        cost=row.cost,
        tokens=Tokens(row.tokens_input, row.tokens_output, row.tokens_reasoning, cache),
        time=Time(created=row.time_created, updated=row.time_updated),
    )
    return session(event, SessionProperties(info=info))


_decode_message = LenientDecoder(MessageInfo).decode


def _message_row(event: Event, row: MessageColumns) -> Meaning:
    info, ignored = _decode_message(_with_ids(row.data, id=row.id, sessionID=row.session_id))
    return [*message(event, MessageProperties(info)), *ignored]


def _part_row(event: Event, row: PartColumns) -> Meaning:
    info = _with_ids(row.data, id=row.id, sessionID=row.session_id, messageID=row.message_id)
    return part(event, PartProperties(Raw(info)))


def _todo_rows(event: Event, rows: TodosRows) -> list[Change]:
    at = max((todo.time_updated for todo in rows.todos), default=0)
    return [_todos(event.source, rows.session_id, at, rows.todos)]


def _todos(source: str, session: str, at: int, todos: list[TodoInfo] | list[TodoColumns]) -> TodosSeen:
    listed = [Todo(t.content, t.status, t.priority, t.id) for t in todos]
    return TodosSeen(session, source, at, Rank.HOOK, listed)


def _with_ids(data: Raw, **ids: str) -> bytes:
    """The JSON object `data` with `ids` as its first members."""
    known: dict[str, Any] = ids | decode(data, type=dict[str, Raw])
    return msgspec.json.encode(known)


def _plugin_project(event: Event, given: PluginInput) -> list[Change]:
    return project(event, given.project) if given.project else []


CASES: dict[str, Case] = {
    "storage.session": case(SessionInfo, _session_file),
    "storage.message": case(MessageInfo, _message_file),
    "storage.part": case(Raw, _part_file),
    "storage.todo": case(StoredTodos, _todo_file),
    "storage.project": case(ProjectInfo, project),
    "db.session": case(SessionColumns, _session_row),
    "db.message": case(MessageColumns, _message_row),
    "db.part": case(PartColumns, _part_row),
    "db.todo": case(TodosRows, _todo_rows),
    "db.project": case(ProjectInfo, project),
    "plugin.project": case(PluginInput, _plugin_project),
}
