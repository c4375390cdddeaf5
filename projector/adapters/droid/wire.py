"""The lines of Droid's session files, its settings and the payloads of its hooks, as far as they are read."""

from msgspec import Raw, field

from projector.adapters.session_hooks import SessionHook
from projector.adapters.wire import ABSENT, Count, Id, Wire

Time = str | float | None


class Text(Wire):
    text: str | None = None


class Part(Wire):
    """A part of a message."""

    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    id: Id | None = None
    name: str | None = None
    input: Raw = ABSENT
    tool_use_id: Id | None = None
    is_error: bool | None = None
    content: str | list[Text] | None = None


class Message(Wire):
    role: str | None = None
    content: str | list[Part] = field(default_factory=list)
    visibility: str | None = None
    hookEventName: str | None = None
    modelId: str | None = None


class MessageLine(Wire):
    message: Message
    id: Id | None = None
    parentId: Id | None = None
    timestamp: Time = None


class StartLine(Wire):
    title: str | None = None
    cwd: str | None = None
    parent: Id | None = None
    forkedAtMessageId: Id | None = None


class OutcomeLine(Wire):
    turnId: Id | None = None
    reason: str | None = None


class Usage(Wire):
    inputTokens: Count | None = None
    outputTokens: Count | None = None
    cacheReadTokens: Count | None = None
    cacheCreationTokens: Count | None = None
    thinkingTokens: Count | None = None


class Settings(Wire):
    model: str | None = None
    providerLock: str | None = None
    autonomyMode: str | None = None
    tokenUsage: Usage | None = None


class SettingsRecord(Wire):
    sessionId: Id
    settings: Settings
    at: Time = None


class Hook(SessionHook):
    prompt: str | None = None
