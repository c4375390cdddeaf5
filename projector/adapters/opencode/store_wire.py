"""OpenCode's stores as it writes them, where they differ from its events: files of to-dos, columns of rows."""

from msgspec import Raw

from projector.adapters.opencode.wire import ModelInfo, ProjectInfo, Time, TodoInfo
from projector.adapters.wire import Count, Dollars, Id, Millis, Wire


class StoredTodos(Wire):
    """A file with a session's to-do list, with its session and time added."""

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
    model: ModelInfo | None = None
    cost: Dollars | None = None
    tokens_input: Count | None = None
    tokens_output: Count | None = None
    tokens_reasoning: Count | None = None
    tokens_cache_read: Count | None = None
    tokens_cache_write: Count | None = None
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
    """The argument that OpenCode gives to a plugin when it loads it."""

    directory: str | None = None
    worktree: str | None = None
    project: ProjectInfo | None = None
