"""OpenCode's messages, parts and tool calls: snapshots, sent many times while they grow.

Token counts stay as the client gives them: `output` includes reasoning up to version 1.2.
"""

import msgspec
from msgspec import Raw

from clankers.log.reader import Event
from projector.adapters.base import Meaning
from projector.adapters.decode import LenientDecoder
from projector.adapters.opencode.common import TOOLS
from projector.adapters.opencode.ids import event_id, event_time, made_at, made_since, order_of
from projector.adapters.opencode.wire import (
    DeltaProperties,
    ErrorInfo,
    MessageInfo,
    MessageProperties,
    PartInfo,
    PartProperties,
    RemovedProperties,
    Tokens,
    ToolState,
    Usage,
    error_in,
    model_of,
    provider_of,
)
from projector.adapters.wire import as_object, millis
from projector.model.changes import Change, CompactionSeen, ErrorSeen, MessageSeen, PartDelta, PartSeen, Rank, ToolSeen
from projector.model.naming import scoped_id

_NO_ROLE = (None, "", "unknown")


def message(event: Event, properties: MessageProperties) -> list[Change]:
    """A snapshot of a message, and the failure in it."""
    info = properties.info
    tokens, usage = info.tokens or Tokens(), info.usage or Usage()
    counts = (
        usage.promptTokens if tokens.input is None else tokens.input,
        usage.completionTokens if tokens.output is None else tokens.output,
        tokens.reasoning,
        tokens.cache.read,
        tokens.cache.write,
    )
    cost = usage.cost if info.cost is None else info.cost
    counted = any(count is not None for count in (*counts, cost))
    changes: list[Change] = [
        MessageSeen(
            info.id,
            info.sessionID,
            event.source,
            None if info.role in _NO_ROLE else info.role,
            info.parentID,
            model_of(info),
            provider_of(info),
            info.agent or info.mode,
            *counts,
            cost=cost,
            finish_reason=info.finish,
            created_at=info.time.created,
            completed_at=info.time.completed,
            # On assistant messages `summary` is a flag: the text is a compaction's. Elsewhere it is an object.
            synthetic=bytes(info.summary) == b"true",
            made_at=made_since(info.id, info.time.created),
            counted_at=info.time.completed if counted else None,
        )
    ]
    if info.error:
        changes.append(_error(event.source, info, error_in(info.error)))
    return changes


def _error(source: str, info: MessageInfo, error: ErrorInfo) -> ErrorSeen:
    at, data = info.time.completed or info.time.created or 0, error.data
    return ErrorSeen(info.id, info.sessionID, source, error.name, data.message, at, info.id, data.statusCode)


_decode_part = LenientDecoder(PartInfo).decode


def part(event: Event, properties: PartProperties) -> Meaning:
    """A snapshot of a part; a tool call is a row of its own too.

    Of parts without an id, a message has one of each type, and one of each tool call.
    """
    part, ignored = _decode_part(properties.part)
    id = part.id or scoped_id(part.callID or part.type, part.messageID)
    text, data = part.text, None
    if part.type not in ("text", "reasoning", "tool", "step-start"):
        data = _without_ids(properties.part)
    # From its id: the client rewrites the times in it as the part grows, and its stores omit some.
    logged = millis(event.ts)
    created = made_at(id, logged) or part.time.start or logged
    changes: list[Change] = [_tool(event.source, id, part, part.state)] if part.type == "tool" and part.state else []
    changes.append(
        PartSeen(
            id,
            part.messageID,
            part.sessionID,
            event.source,
            order_of(id),
            part.type,
            text,
            data,
            created,
            part.time.end,
            synthetic=int(part.synthetic is True or part.type == "compaction")
            if text or part.type == "compaction"
            else None,
        )
    )
    if part.type == "compaction":
        trigger = "auto" if part.auto else "manual"
        changes.append(CompactionSeen(id, part.sessionID, event.source, created, trigger))
    return [*changes, *ignored]


def _tool(source: str, id: str, part: PartInfo, state: ToolState) -> ToolSeen:
    name, failed = part.tool, state.status == "error"
    message = state.error
    if name == "invalid":  # an unknown tool, or arguments that are not JSON; the input has the name
        given = as_object(state.input)
        name = given["tool"] if isinstance(given.get("tool"), str) else name  # type: ignore[assignment]
        message = given["error"] if isinstance(given.get("error"), str) else state.output  # type: ignore[assignment]
        failed = True
    ended = state.status in ("completed", "error")
    call = ToolSeen(
        id,
        part.sessionID,
        source,
        open_rank=Rank.RECORD if ended else Rank.HOOK if state.status == "running" else Rank.GUESS,
        message_id=part.messageID,
        tool_name=name,
        call_id=part.callID,
        title=state.title or None,
        tool_input=_compact(state.input),
        file_path=TOOLS.file_path(state.input),
        edits_file=name in TOOLS.editing,
        created_at=state.time.start,
        status=state.status,
    )
    if ended:
        metadata = as_object(state.metadata)
        code = metadata.get("exit")
        # A command that was stopped, by a timeout or by the user, has an exit that is null.
        stopped = "exit" in metadata and code is None
        start, end = state.time.start, state.time.end
        call.close_rank = Rank.RECORD
        call.status = "error" if failed else "interrupted" if stopped else "completed"
        call.exit_code = code if type(code) is int and abs(code) < 2**53 else None
        call.success = not failed and not stopped and not call.exit_code
        call.tool_output = state.output
        call.error_message = message if failed else None
        call.duration_ms = end - start if start is not None and end is not None else None
        call.completed_at = end
    return call


def _without_ids(part: Raw) -> str:
    """A part as JSON without its ids, which are columns. Sorted, because the stores order members differently."""
    members = as_object(part)
    for name in ("id", "sessionID", "messageID"):
        members.pop(name, None)
    return msgspec.json.encode(members, order="sorted").decode()


def _compact(raw: Raw) -> str | None:
    """`raw` without white space, which the JSON tree has."""
    text = msgspec.json.format(raw, indent=-1).decode("utf-8", "replace")
    return None if text == "null" else text


def delta(event: Event, properties: DeltaProperties) -> list[Change]:
    """More text of a part; that of reasoning is not kept."""
    if properties.field != "text":
        return []
    id = properties.partID
    part = PartSeen(id, properties.messageID, properties.sessionID, event.source, order_of(id))
    return [PartDelta(event_id(event), part, properties.delta)]


def message_removed(event: Event, removed: RemovedProperties) -> list[Change]:
    """A message was reverted."""
    return [MessageSeen(removed.messageID, removed.sessionID, event.source, deleted_at=event_time(event))]


def part_removed(event: Event, removed: RemovedProperties) -> list[Change]:
    """A part was removed.

    Raises:
        msgspec.ValidationError: it is not named.
    """
    if not removed.partID:
        raise msgspec.ValidationError("Object missing required field `partID` - at `$.properties`")
    at = event_time(event)
    order = order_of(removed.partID)
    return [PartSeen(removed.partID, removed.messageID, removed.sessionID, event.source, order, deleted_at=at)]
