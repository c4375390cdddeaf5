"""A session as a conversation: messages, tool calls and errors in their order, those of subagents within.

The fields are the columns of the rows, under their names: `clankers docs tables` says what they mean.
"""

from collections.abc import Iterator
from typing import Any, TypeVar

import msgspec
from msgspec import Struct, field

from clankers.queries.dialect import Database

_DEPTH = 20  # of subagents within subagents


class Session(Struct, kw_only=True):
    """The session's row: whose conversation it is, and its totals."""

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
    """

    session: Session
    items: list["Message | ToolCall | Failure | Compaction | Conversation"] = []


Item = Message | ToolCall | Failure | Compaction | Conversation
_Row = TypeVar("_Row", bound=Struct)
_NOT_COLUMNS = {"parts", "errors", "subagents"}  # fields that are no columns


def conversation(db: Database, id: str) -> Conversation:
    """The session `id` as a conversation.

    Raises:
        LookupError: there is no such session.
    """
    return _conversation(db, id, ())


def _conversation(db: Database, id: str, within: tuple[str, ...]) -> Conversation:
    session = next((row for row, _ in _rows(db, Session, "sessions", "id = :id", id)), None)
    if session is None:
        raise LookupError(id)
    messages = {row.id: row for row, _ in _rows(db, Message, "messages", "session_id = :id", id)}
    tools: dict[str, ToolCall] = {}
    message_of: dict[str, str] = {}  # the message of a call
    for tool, message in _rows(db, ToolCall, "tools", "session_id = :id", id, also="message_id"):
        tool.tool_input = _decoded(tool.tool_input)
        tools[tool.id] = tool
        if message in messages:
            message_of[tool.id] = message
    _put_parts(db, messages, tools, message_of)
    items: list[Item] = [*messages.values(), *(tool for tool in tools.values() if tool.id not in message_of)]
    for error, message in _rows(db, Failure, "session_errors", "session_id = :id", id, also="message_id"):
        if message in messages:
            messages[message].errors.append(error)
        else:
            items.append(error)
    items += [row for row, _ in _rows(db, Compaction, "compaction_events", "session_id = :id", id)]
    if len(within) < _DEPTH:
        items += _subagents(db, id, tools, (*within, id))
    items.sort(key=lambda item: began(item) or 0)
    return Conversation(session=session, items=items)


def began(item: Item) -> int | None:
    """When something happened, or began, in epoch milliseconds."""
    return item.session.created_at if isinstance(item, Conversation) else item.created_at


def _put_parts(
    db: Database, messages: dict[str, Message], tools: dict[str, ToolCall], message_of: dict[str, str]
) -> None:
    """Put the parts into their messages: calls where they were made, those that only a hook reported at the end."""
    placed = set()
    for message in messages.values():
        for part, _ in _rows(db, Part, "parts", "message_id = :id", message.id, order="seq, created_at, id"):
            part.data = _decoded(part.data)
            call = _call(part)
            if call in tools:
                message.parts.append(tools[call])
                placed.add(call)
                message_of[call] = message.id
            else:
                message.parts.append(part)
    for id, in_message in message_of.items():
        if id not in placed:
            messages[in_message].parts.append(tools[id])


def _call(part: Part) -> str:
    """The id of the call that a part stands for: Claude Code's name it, OpenCode's are it."""
    named = part.data.get("id") if isinstance(part.data, dict) and part.type == "tool" else None
    return named if isinstance(named, str) else part.id


def _subagents(db: Database, id: str, tools: dict[str, ToolCall], within: tuple[str, ...]) -> list[Item]:
    """The subagents of the session `id`: put where they were called, those whose call is not known returned."""
    called = dict(
        db.execute(
            "SELECT session_id, value FROM session_facts WHERE name = 'spawned_by' AND session_id IN "
            "(SELECT id FROM sessions WHERE parent_id = :id)",
            {"id": id},
        )
    )
    without_call: list[Item] = []
    children = db.execute(
        "SELECT id FROM sessions WHERE parent_id = :id ORDER BY created_at, id", {"id": id}
    ).fetchall()
    for child in (str(child) for (child,) in children):
        if child in within:
            continue  # a damaged log may make a session its own grandparent
        inner = _conversation(db, child, within)
        call = tools.get(called.get(child, ""))
        # Else by the result, in which the client names the subagent to the model.
        call = call or next((one for one in tools.values() if child in (one.tool_output or "")), None)
        if call:
            call.subagents.append(inner)
        else:
            without_call.append(inner)
    return without_call


def _rows(
    db: Database,
    kind: type[_Row],
    table: str,
    where: str,
    id: str,
    *,
    also: str = "NULL",
    order: str = "created_at, id",
) -> Iterator[tuple[_Row, Any]]:
    """The rows of a table as structs whose fields are its columns, each with the column `also`."""
    columns = [name for name in kind.__struct_fields__ if name not in _NOT_COLUMNS]
    names = ", ".join(f'"{name}"' for name in columns)
    for *values, more in db.execute(f"SELECT {names}, {also} FROM {table} WHERE {where} ORDER BY {order}", {"id": id}):
        yield kind(**dict(zip(columns, values, strict=True))), more


def _decoded(text: str | None) -> Any:
    """What the JSON in `text` means; the text itself where it is none."""
    if text is None:
        return None
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        return text


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
