"""The records of Continue's session files, as far as they are read."""

from msgspec import Raw, field

from projector.adapters.wire import ABSENT, Count, Dollars, Id, Wire

Time = str | float | None


class Part(Wire):
    """A part of a message's content."""

    type: str | None = None
    text: str | None = None


class Function(Wire):
    name: str | None = None
    arguments: str | None = None


class Call(Wire):
    id: Id | None = None
    function: Function | None = None


class PromptDetails(Wire):
    cached_tokens: Count | None = None


class CompletionDetails(Wire):
    reasoning_tokens: Count | None = None


class Usage(Wire):
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    prompt_tokens_details: PromptDetails | None = None
    completion_tokens_details: CompletionDetails | None = None
    model: str | None = None
    cost_cents: Dollars | None = None


class Message(Wire):
    role: str | None = None
    content: list[Part | str] | str | None = None
    toolCalls: list[Call] = field(default_factory=list)
    usage: Usage | None = None


class Output(Wire):
    content: str | None = None


class CallState(Wire):
    """How a call goes, and what it put out."""

    toolCallId: Id | None = None
    status: str | None = None
    parsedArgs: Raw = ABSENT
    output: list[Output] = field(default_factory=list)


class Entry(Wire):
    """An entry of the history."""

    message: Message
    toolCallStates: list[CallState] = field(default_factory=list)


class EntryRecord(Wire):
    sessionId: Id
    message: Entry


class Head(Wire):
    title: str | None = None
    workspaceDirectory: str | None = None


class HeadRecord(Wire):
    sessionId: Id
    head: Head
    ids: list[str] | None = None


class IndexEntry(Wire):
    sessionId: Id
    dateCreated: Time = None
