"""The lines of GitHub Copilot CLI's event logs and the payloads of its hooks, as far as they are read."""

from msgspec import Raw, field

from projector.adapters.session_hooks import SessionHook
from projector.adapters.wire import ABSENT, Count, Id, Int, Wire

Time = str | float | None


class Line(Wire):
    id: Id | None = None
    timestamp: Time = None
    agentId: Id | None = None


class Context(Wire):
    cwd: str | None = None
    branch: str | None = None


class Start(Wire):
    copilotVersion: str | None = None
    context: Context | None = None


class StartLine(Line, kw_only=True):
    data: Start


class ContextLine(Line, kw_only=True):
    data: Context


class UserMessage(Wire):
    content: str | None = None
    source: str | None = None
    isAutopilotContinuation: bool | None = None
    attachments: list[dict[str, Raw]] | None = None


class UserLine(Line, kw_only=True):
    data: UserMessage


class ToolRequest(Wire):
    toolCallId: Id | None = None
    name: str | None = None
    arguments: Raw = ABSENT
    toolTitle: str | None = None


class AssistantMessage(Wire):
    content: str | None = None
    reasoningText: str | None = None
    model: str | None = None
    toolRequests: list[ToolRequest] | None = None
    interactionId: str | None = None
    turnId: str | None = None
    apiCallId: Id | None = None
    chunkIndex: Count | None = None
    outputTokens: Count | None = None


class AssistantLine(Line, kw_only=True):
    data: AssistantMessage


class Accounting(Wire):
    sourceSessionId: Id | None = None


class Usage(Wire):
    model: str | None = None
    inputTokens: Count | None = None
    outputTokens: Count | None = None
    cacheReadTokens: Count | None = None
    cacheWriteTokens: Count | None = None
    reasoningTokens: Count | None = None
    apiCallId: Id | None = None
    finishReason: str | None = None
    isByok: bool | None = None
    providerType: str | None = None
    accounting: Accounting | None = None


class UsageRecord(Wire):
    usage: Usage


class UsageLine(Line, kw_only=True):
    data: UsageRecord


class Requests(Wire):
    count: Count = 0


class ModelMetrics(Wire):
    usage: Usage | None = None
    requests: Requests | None = None


class AgentMetrics(Wire):
    modelMetrics: dict[str, ModelMetrics] = field(default_factory=dict)


class Shutdown(Wire):
    modelMetrics: dict[str, ModelMetrics] = field(default_factory=dict)
    agentMetrics: dict[str, AgentMetrics] | None = None


class ShutdownLine(Line, kw_only=True):
    data: Shutdown


class Failure(Wire):
    message: str | None = None
    code: str | None = None


class Result(Wire):
    content: str | None = None


class ShellExecution(Wire):
    exitCode: Int | None = None


class FileEdit(Wire):
    path: str | None = None


class ToolComplete(Wire):
    toolCallId: Id
    interactionId: str | None = None
    success: bool | None = None
    result: Result | None = None
    error: Failure | None = None
    shellExecution: ShellExecution | None = None
    fileEdits: list[FileEdit] | None = None


class ToolLine(Line, kw_only=True):
    data: ToolComplete


class Subagent(Wire):
    toolCallId: Id | None = None
    agentName: str | None = None
    agentType: str | None = None


class SubagentLine(Line, kw_only=True):
    data: Subagent


class SessionError(Wire):
    errorType: str | None = None
    message: str | None = None
    statusCode: Int | None = None


class ErrorLine(Line, kw_only=True):
    data: SessionError


class Info(Wire):
    infoType: str | None = None
    message: str | None = None


class InfoLine(Line, kw_only=True):
    data: Info


class Compaction(Wire):
    summaryContent: str | None = None
    preCompactionTokens: Count | None = None
    postCompactionTokens: Count | None = None
    trigger: str | None = None
    compactionTokensUsed: Usage | None = None


class CompactionLine(Line, kw_only=True):
    data: Compaction


class Notification(Wire):
    content: str | None = None


class NotificationLine(Line, kw_only=True):
    data: Notification


class Workspace(Wire):
    sessionId: Id
    text: str | None = None


class SavedFile(Wire):
    sessionId: Id
    name: str
    text: str | None = None


class UsageRow(Wire):
    session_id: Id
    agent_id: Id | None = None
    model: str | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_read_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    reasoning_tokens: Count | None = None
    finish_reason: str | None = None
    created_at: Time = None


class HookError(Wire):
    message: str | None = None


class Hook(SessionHook):
    timestamp: Time = None
    prompt: str | None = None
    error: HookError | str | None = None
    recoverable: bool | None = None


class CamelHook(Hook, rename="camel", kw_only=True):
    """The payload of a hook that is configured by its camel-case name; of some in any case."""

    session_id: Id
    agent_id: Id | None = None
    agent_type: str | None = None
