"""The records of Gemini CLI's chat files and the payloads of its hooks, as far as they are read."""

from msgspec import Raw, field

from projector.adapters.session_hooks import SessionHook
from projector.adapters.wire import ABSENT, Count, Id, Wire


class Part(Wire):
    """A part of a message's content."""

    text: str | None = None
    thought: bool | str | None = None
    functionCall: Raw = ABSENT
    functionResponse: Raw = ABSENT
    inlineData: Raw = ABSENT
    fileData: Raw = ABSENT


class FunctionCall(Wire):
    id: Id | None = None
    name: str | None = None
    args: Raw = ABSENT


class FunctionResponse(Wire):
    id: Id | None = None
    name: str | None = None
    response: Raw = ABSENT


class ResultPart(Wire):
    functionResponse: FunctionResponse | None = None


class ToolCall(Wire):
    id: Id
    name: str | None = None
    args: Raw = ABSENT
    result: list[ResultPart] | str | None = None
    status: str | None = None
    timestamp: str | None = None
    resultDisplay: Raw = ABSENT
    description: str | None = None
    agentId: Id | None = None


class Thought(Wire):
    subject: str | None = None
    description: str | None = None


class Tokens(Wire):
    input: Count | None = None
    output: Count | None = None
    cached: Count | None = None
    thoughts: Count | None = None
    tool: Count | None = None


class Message(Wire):
    """A message; one without a usable id gets one from its place."""

    id: Id = ""
    timestamp: str | None = None
    type: str | None = None
    content: list[Part] | str | None = None
    displayContent: list[Part] | str | None = None
    thoughts: list[Thought] | None = None
    tokens: Tokens | None = None
    model: str | None = None
    toolCalls: list[ToolCall] | None = None


class Header(Wire):
    startTime: str | None = None
    lastUpdated: str | None = None
    summary: str | None = None
    directories: list[str] | None = None


class Update(Wire):
    """What `$set` sets; `messages` replaces the complete list."""

    lastUpdated: str | None = None
    summary: str | None = None
    directories: list[str] | None = None
    messages: list[Message] | None = None


class SetLine(Wire):
    set: Update = field(name="$set")


class RewindLine(Wire):
    to: Id = field(name="$rewindTo")


class DocumentHead(Wire):
    head: Header
    ids: list[str] | None = None


class DocumentMessage(Wire):
    message: Message


class Project(Wire):
    sessionId: Id
    projectRoot: str


class Output(Wire):
    sessionId: Id
    name: str
    text: Raw = ABSENT
    text_b64: str | None = None


class Hook(SessionHook):
    timestamp: str | None = None


class PromptHook(Hook, kw_only=True):
    prompt: str


class ToolHook(Hook, kw_only=True):
    tool_name: str | None = None
    tool_input: Raw = ABSENT
    tool_response: Raw = ABSENT


class ToolError(Wire):
    type: str | None = None
    message: str | None = None


class ToolResponse(Wire):
    llmContent: Raw = ABSENT
    error: ToolError | None = None


class NotificationHook(Hook, kw_only=True):
    notification_type: str | None = None
    message: str | None = None
