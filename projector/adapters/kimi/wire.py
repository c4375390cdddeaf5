"""The lines of Kimi Code's wire logs, its state and the payloads of its hooks, as far as they are read."""

from msgspec import Raw, field

from projector.adapters.session_hooks import SessionHook
from projector.adapters.wire import ABSENT, Count, Id, Int, Millis, Wire


class Line(Wire):
    time: Millis | None = None


class Origin(Wire):
    kind: str | None = None
    inTurn: bool | None = None


class Part(Wire):
    """A part of a prompt, of a response, or of a result."""

    type: str | None = None
    text: str | None = None
    think: str | None = None


class PromptLine(Line, kw_only=True):
    input: list[Part] = field(default_factory=list)
    origin: Origin | None = None
    promptId: Id | None = None


class Message(Wire):
    role: str
    id: Id | None = None
    content: list[Part] = field(default_factory=list)
    origin: Origin | None = None


class MessageLine(Line, kw_only=True):
    message: Message


class Result(Wire):
    output: str | list[Part] | None = None
    isError: bool | None = None
    durationMs: Count | None = None


class LoopEvent(Wire):
    type: str
    uuid: Id | None = None
    stepUuid: Id | None = None
    parentUuid: Id | None = None
    part: Part | None = None
    toolCallId: Id | None = None
    name: str | None = None
    args: Raw = ABSENT
    result: Result | None = None
    finishReason: str | None = None
    usage: Raw = ABSENT


class LoopLine(Line, kw_only=True):
    event: LoopEvent


class RequestLine(Line, kw_only=True):
    kind: str | None = None
    model: str | None = None
    provider: str | None = None


class Usage(Wire):
    inputOther: Count | None = None
    output: Count | None = None
    inputCacheRead: Count | None = None
    inputCacheCreation: Count | None = None


class UsageLine(Line, kw_only=True):
    usage: Usage
    usageScope: str | None = None


class ErrorDetails(Wire):
    statusCode: Int | None = None


class TurnError(Wire):
    code: str | None = None
    message: str | None = None
    details: ErrorDetails | None = None


class TurnEndLine(Line, kw_only=True):
    reason: str | None = None
    error: TurnError | None = None


class RetryLine(Line, kw_only=True):
    errorName: str | None = None
    errorMessage: str | None = None
    statusCode: Int | None = None


class CompactionLine(Line, kw_only=True):
    summary: str | None = None
    contextSummary: str | None = None
    tokensBefore: Count | None = None
    tokensAfter: Count | None = None


class UndoLine(Line, kw_only=True):
    count: Count = 0


class SpawnLine(Line, kw_only=True):
    subagentId: Id
    subagentName: str | None = None
    parentToolCallId: Id | None = None


class ProfileLine(Line, kw_only=True):
    profileName: str | None = None


class ModeLine(Line, kw_only=True):
    mode: str | None = None


class AgentState(Wire):
    type: str | None = None
    parentAgentId: Id | None = None


class State(Wire):
    cwd: str | None = None
    title: str | None = None
    createdAt: Millis | None = None
    updatedAt: Millis | None = None
    forkedFrom: Id | None = None
    agents: dict[str, AgentState] = field(default_factory=dict)


class StateHead(Wire):
    sessionId: Id
    head: State


class Output(Wire):
    """A tool's output, in a file of its own."""

    sessionId: Id
    name: str
    text: Raw = ABSENT
    text_b64: str | None = None


class Hook(SessionHook, kw_only=True):
    prompt: list[Part] | str | None = None
