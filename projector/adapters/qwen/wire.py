"""The lines of Qwen Code's chat files and the payloads of its hooks, as far as they are read."""

from msgspec import Raw, field

from projector.adapters.session_hooks import SessionHook
from projector.adapters.wire import ABSENT, Count, Id, Int, Wire

Time = str | float | None


class ForkedFrom(Wire):
    sessionId: Id


class Line(Wire):
    uuid: Id | None = None
    parentUuid: Id | None = None
    sessionId: Id | None = None
    timestamp: Time = None
    agentId: Id | None = None
    agentName: str | None = None
    provenance: str | None = None
    cwd: str | None = None
    version: str | None = None
    gitBranch: str | None = None
    forkedFrom: ForkedFrom | None = None


class FunctionCall(Wire):
    id: Id | None = None
    name: str | None = None
    args: Raw = ABSENT


class FunctionResponse(Wire):
    id: Id | None = None
    name: str | None = None
    response: Raw = ABSENT


class Part(Wire):
    text: str | None = None
    thought: bool | None = None
    functionCall: FunctionCall | None = None
    functionResponse: FunctionResponse | None = None


class Message(Wire):
    parts: list[Part] = field(default_factory=list)


class Usage(Wire):
    promptTokenCount: Count | None = None
    candidatesTokenCount: Count | None = None
    thoughtsTokenCount: Count | None = None
    cachedContentTokenCount: Count | None = None


class UserLine(Line, kw_only=True):
    message: Message


class AssistantLine(Line, kw_only=True):
    message: Message
    model: str | None = None
    usageMetadata: Usage | None = None


class ShellResult(Wire):
    exitCode: Int | None = None


class CallResult(Wire):
    callId: Id | None = None
    status: str | None = None
    resultDisplay: ShellResult | str | None = None
    durationMs: Count | None = None


class ResultLine(Line, kw_only=True):
    message: Message
    toolCallResult: CallResult | None = None


class UiEvent(Wire, rename={"event_name": "event.name"}):
    """An event of the client's telemetry."""

    event_name: str | None = None
    model: str | None = None
    prompt_id: str | None = None
    duration_ms: Count | None = None
    input_token_count: Count | None = None
    output_token_count: Count | None = None
    cached_content_token_count: Count | None = None
    thoughts_token_count: Count | None = None
    response_text: str | None = None
    subagent_name: str | None = None
    subagent_id: Id | None = None
    subagent_task_name: str | None = None
    error_message: str | None = None
    error_type: str | None = None
    status_code: Int | None = None
    call_id: Id | None = None
    function_name: str | None = None
    function_args: Raw = ABSENT
    success: bool | None = None


class Compression(Wire):
    originalTokenCount: Count | None = None
    newTokenCount: Count | None = None
    triggerReason: str | None = None


class SystemPayload(Wire):
    uiEvent: UiEvent | None = None
    info: Compression | None = None


class SystemLine(Line, kw_only=True):
    subtype: str | None = None
    systemPayload: SystemPayload | None = None


class Hook(SessionHook):
    submitted_prompt: str | None = None
