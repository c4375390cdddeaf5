"""The entries of pi's session files and the events of our extension, as far as they are read."""

from msgspec import Raw

from projector.adapters.session_hooks import SessionHook
from projector.adapters.wire import ABSENT, Count, Dollars, Id, Int, Wire

Time = str | float | None


class Cost(Wire):
    total: Dollars | None = None
    totalFromProvider: bool | None = None


class Usage(Wire):
    input: Count | None = None
    output: Count | None = None
    cacheRead: Count | None = None
    cacheWrite: Count | None = None
    cacheWrite1h: Count | None = None
    reasoning: Count | None = None
    cost: Cost | Dollars | None = None


class Block(Wire):
    type: str | None = None
    text: str | None = None
    thinking: str | None = None
    id: Id | None = None
    name: str | None = None
    arguments: Raw = ABSENT


class Message(Wire):
    role: str
    content: str | list[Block | str] | None = None
    timestamp: Time = None
    provider: str | None = None
    model: str | None = None
    usage: Usage | None = None
    stopReason: str | None = None
    errorMessage: str | None = None
    toolCallId: Id | None = None
    toolName: str | None = None
    isError: bool | None = None
    details: Raw = ABSENT
    durationMs: Count | None = None
    command: str | None = None
    output: str | None = None
    exitCode: Int | None = None


class Entry(Wire):
    id: Id | None = None
    parentId: Id | None = None
    timestamp: Time = None


class Header(Entry, kw_only=True):
    cwd: str | None = None
    parentSession: str | None = None


class MessageEntry(Entry, kw_only=True):
    message: Message


class CustomMessage(Entry, kw_only=True):
    content: str | list[Block | str] | None = None


class Summary(Entry, kw_only=True):
    summary: str | None = None
    tokensBefore: Count | None = None
    usage: Usage | None = None


class UsageEntry(Entry, kw_only=True):
    provider: str | None = None
    model: str | None = None
    usage: Usage | None = None


class SessionInfo(Entry, kw_only=True):
    name: str | None = None


class ContextEdit(Entry, kw_only=True):
    targetId: Id | None = None
    replacement: Raw = ABSENT


class ChildResult(Wire):
    """What the example extension `subagent` reports of a child, which has no session file."""

    agent: str | None = None
    model: str | None = None
    usage: Usage | None = None


class ChildDetails(Wire):
    results: list[ChildResult]


class LiveEvent(SessionHook):
    time: Time = None
    text: str | None = None
