"""OpenCode's JSON as its events and stores hold it, as far as it is read.

Other plugins report the same in other places, with the same meaning: a session's fields directly in `properties`, its
directory in `path` or `cwd`, its model as text, its totals in `usage`. Each struct has all of them.
"""

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


class PathInfo(Wire):
    cwd: str | None = None


class Cache(Struct, frozen=True):
    read: Count | None = None
    write: Count | None = None


class Tokens(Wire):
    input: Count | None = None
    output: Count | None = None
    reasoning: Count | None = None
    cache: Cache = Cache()


class Usage(Wire):
    promptTokens: Count | None = None
    completionTokens: Count | None = None
    cost: Dollars | None = None


class SessionInfo(Wire):
    id: Id | None = None
    sessionID: Id | None = None
    projectID: str | None = None
    directory: str | None = None
    cwd: str | None = None
    path: PathInfo | str | None = None  # text: the directory's path within the project
    parentID: Id | None = None
    title: str | None = None
    version: str | None = None
    agent: str | None = None
    modelID: str | None = None
    providerID: str | None = None
    model: ModelInfo | str | None = None
    provider: str | None = None
    cost: Dollars | None = None
    tokens: Tokens | None = None
    usage: Usage | None = None
    time: Time = Time()


class SessionProperties(SessionInfo):
    info: SessionInfo | None = None


class ErrorData(Struct, frozen=True):
    message: str | None = None
    statusCode: Int | None = None


class ErrorInfo(Wire):
    name: str = "unknown"
    data: ErrorData = ErrorData()


def error_in(found: ErrorInfo | str) -> ErrorInfo:
    """A failure; text alone is its message."""
    return found if isinstance(found, ErrorInfo) else ErrorInfo(data=ErrorData(found))


class MessageInfo(Wire):
    id: Id
    sessionID: Id
    role: str | None = None
    parentID: Id | None = None
    agent: str | None = None
    mode: str | None = None
    modelID: str | None = None
    providerID: str | None = None
    model: ModelInfo | str | None = None
    provider: str | None = None
    cost: Dollars | None = None
    tokens: Tokens | None = None
    usage: Usage | None = None
    time: Time = Time()
    finish: str | None = None
    error: ErrorInfo | str | None = None
    summary: Raw = ABSENT


def model_of(info: SessionInfo | MessageInfo) -> str | None:
    """The model of a session or message; empty is none."""
    model = info.model
    if isinstance(model, ModelInfo):
        model = model.modelID or model.id
    return info.modelID or model or None


def provider_of(info: SessionInfo | MessageInfo) -> str | None:
    """The provider of that model; empty is none."""
    inner = info.model.providerID if isinstance(info.model, ModelInfo) else None
    return info.providerID or inner or info.provider or None


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
    messageID: Id
    sessionID: Id
    type: str
    id: Id | None = None
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
    error: ErrorInfo | str | None = None


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

    id: Id | None = None
    sessionID: Id | None = None
    info: Raw = ABSENT
    part: Raw = ABSENT
