"""OpenCode's JSON as its events and stores hold it, as far as it is read."""

import msgspec
from msgspec import Raw, Struct

from projector.adapters.wire import ABSENT, Count, Dollars, Id, Int, Millis, Wire


class Time(Struct, frozen=True):
    created: Millis | None = None
    updated: Millis | None = None
    completed: Millis | None = None
    start: Millis | None = None
    end: Millis | None = None


class ModelInfo(Wire):
    id: str | None = None
    modelID: str | None = None
    providerID: str | None = None


class SessionInfo(Wire):
    id: Id
    projectID: str | None = None
    directory: str | None = None
    parentID: Id | None = None
    title: str | None = None
    version: str | None = None
    agent: str | None = None
    model: ModelInfo | None = None
    cost: Dollars | None = None
    time: Time = Time()


class SessionProperties(Wire):
    info: SessionInfo


class Cache(Struct, frozen=True):
    read: Count | None = None
    write: Count | None = None


class Tokens(Wire):
    input: Count | None = None
    output: Count | None = None
    reasoning: Count | None = None
    cache: Cache = Cache()


class ErrorData(Struct, frozen=True):
    message: str | None = None
    statusCode: Int | None = None


class ErrorInfo(Wire):
    name: str = "unknown"
    data: ErrorData = ErrorData()


class MessageInfo(Wire):
    id: Id
    sessionID: Id
    role: str
    parentID: Id | None = None
    agent: str | None = None
    mode: str | None = None
    modelID: str | None = None
    providerID: str | None = None
    model: ModelInfo | None = None
    cost: Dollars | None = None
    tokens: Tokens | None = None
    time: Time = Time()
    finish: str | None = None
    error: ErrorInfo | None = None
    summary: Raw = ABSENT


class MessageProperties(Wire):
    info: MessageInfo


class ToolState(Wire):
    status: str
    input: Raw = ABSENT
    output: str | None = None
    error: str | None = None
    title: str | None = None
    metadata: Raw = ABSENT
    time: Time = Time()


class PartInfo(Wire):
    id: Id
    messageID: Id
    sessionID: Id
    type: str
    text: str | None = None
    synthetic: bool | None = None
    time: Time = Time()
    tool: str | None = None
    callID: str | None = None
    state: ToolState | None = None
    auto: bool | None = None


class PartProperties(Wire):
    part: Raw


class DeltaProperties(Wire):
    sessionID: Id
    messageID: Id
    partID: Id
    field: str
    delta: str


class RemovedProperties(Wire):
    sessionID: Id
    messageID: Id
    partID: Id | None = None


class StatusInfo(Wire):
    type: str
    attempt: Count | None = None
    message: str | None = None
    next: float | None = None  # epoch milliseconds; a back-off may be a fraction


class StatusProperties(Wire):
    sessionID: Id
    status: StatusInfo


class ErrorProperties(Wire):
    sessionID: Id | None = None
    error: ErrorInfo | None = None


class TodoInfo(Wire):
    content: str
    status: str | None = None
    priority: str | None = None
    id: str | None = None


class TodoProperties(Wire):
    sessionID: Id
    todos: list[TodoInfo] = msgspec.field(default_factory=list)


class ProjectInfo(Wire):
    id: str
    worktree: str
    vcs: str | None = None
    name: str | None = None


class NamedProperties(Wire):
    """Where events of different types name their session."""

    sessionID: Id | None = None
    info: Raw = ABSENT
    part: Raw = ABSENT
