"""A session as a conversation: messages, tool calls and errors in their order, those of subagents within.

The fields are the columns of the rows, under their names: `clankers docs tables` says what they mean.
`conversation_reader` reads them.
"""

from collections.abc import Iterator
from typing import Any

from msgspec import Struct, field

from clankers.queries.commits import RecordedCommit


class Session(Struct, kw_only=True):
    """The session's row: whose conversation it is, and its totals.

    Attributes:
        failed_calls: tool calls that failed; the table has no such column.
    """

    id: str
    title: str | None
    source: str
    project_path: str | None
    project_name: str | None
    git_branch: str | None
    model: str | None
    provider: str | None
    agent: str | None
    client_version: str | None
    status: str | None
    parent_id: str | None
    forked_from: str | None
    created_at: int | None
    updated_at: int | None
    ended_at: int | None
    deleted_at: int | None
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost: float | None
    cost_source: str | None
    message_count: int
    tool_call_count: int
    error_count: int
    failed_calls: int = 0


class Part(Struct, tag_field="kind", tag="part", kw_only=True):
    """A part of a message that is no tool call: text, reasoning, a file, ...

    Attributes:
        data: what `text` does not hold.
    """

    id: str
    type: str | None
    synthetic: int | None
    created_at: int | None
    deleted_at: int | None
    text: str | None
    data: Any


class ToolCall(Struct, tag_field="kind", tag="tool", kw_only=True):
    """A tool call.

    Attributes:
        tool_input: the arguments; text where they are no JSON.
        subagents: the conversations that this call began.
    """

    id: str
    tool_name: str | None
    file_path: str | None
    status: str | None
    success: int | None
    exit_code: int | None
    duration_ms: int | None
    created_at: int | None
    completed_at: int | None
    error_message: str | None
    tool_input: Any
    tool_output: str | None
    subagents: list["Conversation"] = []


class Failure(Struct, tag_field="kind", tag="error", kw_only=True):
    """A failure that reached the user, or was retried."""

    id: str
    error_type: str | None
    error_message: str | None
    status_code: int | None
    will_retry: int
    created_at: int | None


class Compaction(Struct, tag_field="kind", tag="compaction", kw_only=True):
    """The conversation was summarised to make room."""

    id: str
    trigger: str | None
    pre_tokens: int | None
    post_tokens: int | None
    duration_ms: int | None
    created_at: int | None


class Message(Struct, tag_field="kind", tag="message", kw_only=True):
    """A prompt or a model's response.

    Attributes:
        parts: in order; a tool call among them stands where it was made.
        errors: failures that stand in the message.
    """

    id: str
    role: str | None
    model: str | None
    agent: str | None
    synthetic: int
    copied: int
    created_at: int | None
    completed_at: int | None
    deleted_at: int | None
    prompt_tokens: int | None
    completion_tokens: int | None
    reasoning_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    cost: float | None
    cost_source: str | None
    finish_reason: str | None
    parts: list[Part | ToolCall] = field(default_factory=list, name="pieces")  # its name in JSON from the beginning
    errors: list[Failure] = []


class Conversation(Struct, tag_field="kind", tag="conversation", kw_only=True):
    """A session, and what happened in it, in order.

    Attributes:
        items: subagents whose call is not known stand among them, where they began.
        commits: that calls of the session or its subagents made; of a subagent none, because the outer one has them.
    """

    session: Session
    items: list["Message | ToolCall | Failure | Compaction | Conversation"] = []
    commits: list[RecordedCommit] = []


Item = Message | ToolCall | Failure | Compaction | Conversation


def subagents(one: Conversation) -> Iterator[Conversation]:
    """The conversations within `one`, and within those."""
    for item in one.items:
        calls = item.parts if isinstance(item, Message) else [item]
        for inner in calls:
            found = (
                [inner] if isinstance(inner, Conversation) else inner.subagents if isinstance(inner, ToolCall) else []
            )
            for child in found:
                yield child
                yield from subagents(child)


def sessions_within(one: Conversation) -> list[Session]:
    """The rows of all subagents of a conversation."""
    return [inner.session for inner in subagents(one)]
