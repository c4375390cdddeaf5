"""Claude Code's transcript lines as it writes them, as far as they are read."""

from msgspec import UNSET, Raw, UnsetType, field

from projector.adapters.wire import ABSENT, Count, Dollars, Id, Int, Wire


class CacheCreation(Wire):
    ephemeral_1h_input_tokens: Count | None = None


class ServerToolUse(Wire):
    web_search_requests: Count | None = None


class Iteration(Wire):
    """A request to a model within a response. Only those of type `message` are in the response's own counts."""

    type: str = ""
    model: str | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None


class Usage(Wire):
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_read_input_tokens: Count | None = None
    cache_creation_input_tokens: Count | None = None
    cache_creation: CacheCreation | None = None
    server_tool_use: ServerToolUse | None = None
    speed: str | None = None
    inference_geo: str | None = None
    iterations: list[Iteration] = field(default_factory=list)


class ContentBlock(Wire):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    id: Id | None = None
    name: str | None = None
    input: Raw = ABSENT
    tool_use_id: Id | None = None
    content: Raw = ABSENT
    is_error: bool | None = None


def blocks_in(content: str | list[ContentBlock | str]) -> list[ContentBlock]:
    """The blocks of a message; text alone is one block, and a block without a type may be text."""
    blocks = [
        ContentBlock(type="text", text=one) if isinstance(one, str) else one
        for one in ([content] if isinstance(content, str) else content)
    ]
    for block in blocks:
        block.type = block.type or ("unknown" if block.text is None else "text")
    return blocks


class ApiMessage(Wire):
    id: Id | None = None
    model: str | None = None
    content: str | list[ContentBlock | str] = ""
    stop_reason: str | None = None
    usage: Usage | None = None


def message_in(said: ApiMessage | str | None) -> ApiMessage:
    """The message of a line; text alone is one."""
    return said if isinstance(said, ApiMessage) else ApiMessage(content=[] if said is None else said)


class ForkedFrom(Wire):
    sessionId: Id
    messageUuid: Id | None = None


class Line(Wire):
    """What all lines of a transcript share.

    A line that names no session belongs to the one whose file it is in. `located` fills that in, and the id of the line
    that it is or is a copy of: the line's own is then in `copy_id`.
    """

    sessionId: Id = ""
    uuid: Id = ""
    parentUuid: Id | UnsetType | None = UNSET
    isSidechain: bool | None = None
    timestamp: str | float | None = None
    agentId: Id | None = None
    cwd: str | None = None
    version: str | None = None
    gitBranch: str | None = None
    requestSessionId: Id | None = None
    forkedFrom: ForkedFrom | None = None
    copy_id: str | None = None


class UserLine(Line, kw_only=True):
    message: ApiMessage | str | None = None
    permissionMode: str | None = None
    isMeta: bool | None = None
    isCompactSummary: bool | None = None
    origin: Raw = ABSENT
    toolUseResult: Raw = ABSENT
    toolDenialKind: str | None = None
    sourceToolAssistantUUID: Id | None = None


class AssistantLine(Line, kw_only=True):
    message: ApiMessage | str | None = None
    costUSD: Dollars | None = None  # of the response, in versions up to 1.0
    apiBlockIndex: Count | None = None
    requestRef: Id | None = None
    attributionAgent: str | None = None
    isApiErrorMessage: bool | None = None
    error: str | None = None
    apiErrorStatus: Int | None = None


class ToolOutputRecord(Wire):
    """A file with a tool's long output; `text_b64` if it is not UTF-8. A text that was left out is an object."""

    sessionId: Id
    name: str
    text: Raw = ABSENT
    text_b64: str | None = None


class QueuedCommand(Wire):
    prompt: str | list[ContentBlock | str] | None = None
    commandMode: str | None = None


class AttachmentLine(Line, kw_only=True):
    attachment: Raw


class ApiError(Wire):
    status: Int | None = None
    message: str | None = None
    formatted: str | None = None


class CompactMetadata(Wire):
    trigger: str | None = None
    preTokens: Count | None = None
    postTokens: Count | None = None
    durationMs: Count | None = None


class SystemLine(Line, kw_only=True):
    subtype: str | None = None
    content: Raw = ABSENT
    error: Raw = ABSENT
    compactMetadata: CompactMetadata | None = None


class CustomTitleLine(Line, kw_only=True):
    customTitle: str


class AiTitleLine(Line, kw_only=True):
    aiTitle: str


class SummaryLine(Line, kw_only=True):
    summary: str


class ModelUsage(Wire):
    inputTokens: Count = 0
    outputTokens: Count = 0
    cacheReadInputTokens: Count = 0
    cacheCreationInputTokens: Count = 0
    cacheCreationEphemeral1hInputTokens: Count = 0
    webSearchRequests: Count = 0


class CostLine(Line, kw_only=True):
    totalCostUSD: Dollars
    modelUsage: dict[str, ModelUsage] = field(default_factory=dict)
    hasUnknownModelCost: bool = False


class AgentMeta(Wire):
    agentType: str | None = None
    toolUseId: Id | None = None
    description: str | None = None


class MetaRecord(Wire):
    sessionId: Id
    agentId: Id
    meta: AgentMeta
