"""The records of Cline's session files and the payloads of its hooks, as far as they are read."""

from msgspec import Raw, field

from projector.adapters.session_hooks import SessionHook
from projector.adapters.wire import ABSENT, Count, Dollars, Id, Wire

Time = str | float | None


class Block(Wire):
    """A block of a message's content."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    id: Id | None = None
    name: str | None = None
    input: Raw = ABSENT
    tool_use_id: Id | None = None
    content: Raw = ABSENT
    is_error: bool | None = None


class ModelInfo(Wire):
    id: str | None = None
    provider: str | None = None


class Metrics(Wire):
    inputTokens: Count | None = None
    outputTokens: Count | None = None
    cacheReadTokens: Count | None = None
    cacheWriteTokens: Count | None = None
    cost: Dollars | None = None


class MessageMetadata(Wire):
    displayRole: str | None = None
    kind: str | None = None
    tokensBefore: Count | None = None
    generatedAt: Time = None


class Message(Wire):
    id: Id | None = None
    role: str | None = None
    content: list[Block | str] | str | None = None
    ts: Time = None
    modelInfo: ModelInfo | None = None
    metrics: Metrics | None = None
    metadata: MessageMetadata | None = None


class MessageRecord(Wire):
    sessionId: Id
    message: Message


class Git(Wire):
    branch: str | None = None


class Origin(Wire):
    version: str | None = None


class Fork(Wire):
    forkedFromSessionId: Id | None = None


class Metadata(Wire):
    """What the client keeps of a session besides."""

    title: str | None = None
    git: Git | None = None
    sessionHistoryOrigin: Origin | None = None
    fork: Fork | None = None
    terminal_marker: str | None = None
    terminal_marker_at: Time = None


class Head(Wire):
    """The manifest of a session, or the head of its messages."""

    started_at: Time = None
    ended_at: Time = None
    updated_at: Time = None
    status: str | None = None
    cwd: str | None = None
    prompt: str | None = None
    agent: str | None = None
    origin: Origin | None = None
    metadata: Metadata | None = None


class HeadRecord(Wire):
    sessionId: Id
    head: Head
    ids: list[str] | None = None


class Row(Wire):
    """The row of a subagent in the database of sessions, and whose subagent its parent is."""

    session_id: Id
    parent_session_id: Id
    parent_subagent: Id | None = None
    started_at: Time = None
    ended_at: Time = None
    updated_at: Time = None
    status: str | None = None
    cwd: str | None = None
    metadata_json: Metadata | str | None = None


class Result(Wire):
    """One of the results of a call, or the only one."""

    result: str | None = None
    text: str | None = None
    error: str | None = None
    success: bool | None = None
    finishReason: str | None = None


class SessionContext(Wire):
    rootSessionId: Id


class WorkspaceInfo(Wire):
    rootPath: str | None = None


class Hook(SessionHook, kw_only=True):
    """What every hook's payload holds."""

    session_id: Id = ""
    sessionContext: SessionContext
    timestamp: Time = None
    parent_agent_id: Id | None = None
    workspaceInfo: WorkspaceInfo | None = None

    def __post_init__(self) -> None:
        """Take the session and the directory from where this client puts them."""
        self.session_id = self.sessionContext.rootSessionId
        self.cwd = self.workspaceInfo.rootPath if self.workspaceInfo else None


class Prompt(Wire):
    prompt: str | None = None


class PromptHook(Hook, kw_only=True):
    userPromptSubmit: Prompt = field(default_factory=Prompt)


class Call(Wire):
    """A call of a tool, and how it ended."""

    id: Id
    name: str | None = None
    input: Raw = ABSENT
    output: Raw = ABSENT
    error: str | None = None
    durationMs: Count | None = None
    startedAt: Time = None
    endedAt: Time = None


class CallHook(Hook, kw_only=True):
    tool_call: Call


class ResultHook(Hook, kw_only=True):
    tool_result: Call


class Failure(Wire):
    message: str | None = None


class ErrorHook(Hook, kw_only=True):
    error: Failure = field(default_factory=Failure)
