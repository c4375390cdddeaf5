"""pi's messages: prompts, responses and the results of tool calls."""

import re
from collections.abc import Callable
from typing import Any

from msgspec.json import decode, encode

from projector.adapters.base import Meaning
from projector.adapters.decode import LenientDecoder
from projector.adapters.pi.common import SOURCE, TOOLS
from projector.adapters.pi.wire import Block, ChildDetails, Cost, Entry, Message, MessageEntry, Usage
from projector.adapters.wire import any_millis, as_object
from projector.model.changes import Change, ErrorSeen, MessageSeen, PartSeen, Rank, ToolSeen
from projector.model.evidence import PromptSeen
from projector.model.naming import call_row_id, scoped_id

_EXIT_CODE = re.compile(r"Command exited with code (-?\d{1,10})\s*\Z")
_STATUS_CODE = re.compile(r"(\d{3}): ")  # begins the message of an error that a server sent
_ABORTED = re.compile(r"(?:Command|Operation) aborted\s*\Z")

_child_details = LenientDecoder(ChildDetails).decode


def row_id(entry: Entry) -> str:
    """The row id for an entry: its own id has only 8 digits, and a fork's copy has the same id and time."""
    return scoped_id(str(entry.id), str(entry.timestamp))


def error_id(entry: str) -> str:
    """The row id for the error that an entry reports: what hides the entry names no time."""
    return f"{SOURCE}:{entry}"


def _counts(usage: Usage | None, at: int | None) -> dict[str, Any]:
    """What a request used, as columns. `input` is without the cache, `output` with the reasoning.

    pi works a cost out from the user's table of models; 0 means that the table has none.
    """
    if usage is None:
        return {}
    cost = usage.cost if isinstance(usage.cost, Cost) else Cost(usage.cost)
    return {
        "prompt_tokens": usage.input,
        "completion_tokens": usage.output,
        "cache_read_tokens": usage.cacheRead,
        "cache_write_tokens": usage.cacheWrite,
        "cache_write_1h_tokens": usage.cacheWrite1h,
        "reasoning_tokens": usage.reasoning,
        "cost": cost.total if cost.total or cost.totalFromProvider else None,
        "counted_at": at,
    }


def message_of(
    session: str,
    entry: Entry,
    role: str,
    content: str | list[Block | str] | None,
    at: int | None,
    usage: Usage | None = None,
    **more: Any,
) -> list[Change]:
    """A message and its parts."""
    id = row_id(entry)
    changes: list[Change] = [MessageSeen(id, session, SOURCE, role, created_at=at, **_counts(usage, at), **more)]
    for seq, block in enumerate(_blocks(content)):
        kind, text, data = block.type or "text", block.text, None
        if kind == "thinking":
            kind, text = "reasoning", block.thinking
        elif kind == "toolCall" and block.id:
            kind, data = "tool", encode({"id": call_row_id(block.id, session)}).decode()
        changes.append(PartSeen(scoped_id(str(seq), id), id, session, SOURCE, seq, kind, text, data, at, at))
    return changes


def branch_point(session: str, entry: Entry, at: int | None) -> list[Change]:
    """A prompt's place in the tree: a second entry after the same one begins another branch."""
    return [PromptSeen(row_id(entry), session, SOURCE, entry.parentId, at)] if entry.parentId and at else []


def _blocks(content: str | list[Block | str] | None) -> list[Block]:
    blocks = [content] if isinstance(content, str) else content or []
    return [Block("text", block) if isinstance(block, str) else block for block in blocks]


def _user(session: str, entry: MessageEntry) -> list[Change]:
    message = entry.message
    at = any_millis(message.timestamp) or any_millis(entry.timestamp)
    changes = message_of(session, entry, "user", message.content, at, completed_at=at)
    return [*changes, *branch_point(session, entry, at)]


def _assistant(session: str, entry: MessageEntry) -> list[Change]:
    message = entry.message
    at = any_millis(message.timestamp) or any_millis(entry.timestamp)
    blocks = _blocks(message.content)
    failed = message.stopReason == "error"
    changes = message_of(
        *(session, entry, "assistant", message.content, at, message.usage),
        completed_at=any_millis(entry.timestamp),
        model=message.model,
        provider=message.provider,
        finish_reason=message.stopReason,
        synthetic=failed and not blocks,  # no response
    )
    changes += [_call(session, row_id(entry), block, at) for block in blocks if block.type == "toolCall" and block.id]
    if failed:
        changes.append(_error(session, entry, at))
    return changes


def _call(session: str, message: str, block: Block, at: int | None) -> ToolSeen:
    id = call_row_id(str(block.id), session)
    call = TOOLS.opened(id, session, SOURCE, block.name, block.arguments, at)
    call.message_id = message
    return call


def _error(session: str, entry: MessageEntry, at: int | None) -> ErrorSeen:
    text = entry.message.errorMessage or ""
    code = _STATUS_CODE.match(text)
    kind: object = None
    if code:
        try:
            body = decode(text[code.end() :])
            kind = body.get("type") if isinstance(body, dict) else None
        except ValueError:
            pass  # not JSON: the text says it
    return ErrorSeen(
        error_id(str(entry.id)),
        session,
        SOURCE,
        kind if isinstance(kind, str) else "error",
        text,
        at,
        row_id(entry),
        int(code[1]) if code else None,
    )


def _result(session: str, entry: MessageEntry) -> Meaning:
    message = entry.message
    if message.toolCallId is None:
        return []
    text = "\n".join(block.text for block in _blocks(message.content) if block.text is not None)
    exit_code = _EXIT_CODE.search(text)
    failed = message.isError is True
    aborted = failed and _ABORTED.search(text) is not None
    at = any_millis(message.timestamp) or any_millis(entry.timestamp)
    changes: list[Change] = [
        ToolSeen(
            call_row_id(message.toolCallId, session),
            session,
            SOURCE,
            close_rank=Rank.RECORD,
            status="interrupted" if aborted else "error" if failed else "completed",
            success=not failed and not (exit_code and int(exit_code[1])),
            tool_output=text,
            exit_code=int(exit_code[1]) if exit_code else None,
            error_message=text if failed else None,
            duration_ms=message.durationMs,
            completed_at=at,
        )
    ]
    if message.toolName in TOOLS.subtask and "results" in as_object(message.details):
        children, ignored = _child_details(message.details)
        return [*changes, *_children(session, entry, children, at), *ignored]
    return changes


def _children(session: str, entry: MessageEntry, details: ChildDetails, at: int | None) -> list[MessageSeen]:
    """What children without a session file used: nothing else reports it."""
    return [
        MessageSeen(
            scoped_id(str(i), row_id(entry)),
            session,
            SOURCE,
            "assistant",
            model=child.model,
            agent=child.agent,
            created_at=at,
            completed_at=at,
            synthetic=True,
            **_counts(child.usage, at),
        )
        for i, child in enumerate(details.results)
        if child.usage
    ]


def _bash(session: str, entry: MessageEntry) -> list[Change]:
    """A command that the user ran."""
    message: Message = entry.message
    at = any_millis(message.timestamp) or any_millis(entry.timestamp)
    text = f"$ {message.command or ''}\n{message.output or ''}"
    return message_of(session, entry, "user", text, at, synthetic=True, completed_at=at)


# By the role of a message, what it means. The system prompt is the client's, and has no row.
ROLES: dict[str, Callable[[str, MessageEntry], Meaning]] = {
    "user": _user,
    "assistant": _assistant,
    "toolResult": _result,
    "bashExecution": _bash,
}
