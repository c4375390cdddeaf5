"""Claude Code's transcript: the model's responses."""

from functools import lru_cache

from msgspec.json import decode, encode

from clankers.log.reader import Event
from projector.adapters.claude_code.common import SOURCE, TOOLS, is_unique, row_id
from projector.adapters.claude_code.transcript_session import ended, origin, session_changes
from projector.adapters.claude_code.transcript_wire import (
    AssistantLine,
    CacheCreation,
    ContentBlock,
    ServerToolUse,
    Usage,
    blocks_in,
    message_in,
)
from projector.adapters.wire import any_millis, json_text
from projector.model.changes import Change, ErrorSeen, MessageSeen, PartSeen, Rank, ToolSeen
from projector.model.naming import text_key

_PROVIDER = "anthropic"
_CALLS = frozenset({"tool_use", "server_tool_use", "mcp_tool_use"})  # the latter two run at the server
_RESULT = "_tool_result"  # ends the type of a block with the result of such a call, which stands in the response
_SYNTHETIC_MODEL = "<synthetic>"  # the "model" of lines that the client wrote itself


def assistant(_: Event, line: AssistantLine) -> list[Change]:
    """A line of a response, one or more of its blocks."""
    message = message_in(line.message)
    session = origin(line)
    # requestRef is the client's own id of the request, on every line of its response.
    id = row_id(message.id, line.requestRef or session) if message.id else line.uuid
    at = any_millis(line.timestamp)
    usage = message.usage or Usage()
    cache_creation = usage.cache_creation or CacheCreation()
    server_tools = usage.server_tool_use or ServerToolUse()
    real = message.model not in (None, _SYNTHETIC_MODEL)
    by_client = message.model == _SYNTHETIC_MODEL or (message.model is None and line.isApiErrorMessage is True)
    changes = session_changes(line, id, agent=line.attributionAgent if line.agentId else None)
    changes.append(
        MessageSeen(
            id,
            session,
            SOURCE,
            "assistant",
            model=message.model if real else None,
            provider=_PROVIDER if real else None,
            agent=line.attributionAgent,
            prompt_tokens=usage.input_tokens,
            completion_tokens=usage.output_tokens,
            cache_read_tokens=usage.cache_read_input_tokens,
            cache_write_tokens=usage.cache_creation_input_tokens,
            cache_write_1h_tokens=cache_creation.ephemeral_1h_input_tokens,
            web_searches=server_tools.web_search_requests,
            price_context=_price_context(usage.speed, usage.inference_geo),
            cost=line.costUSD,
            finish_reason=message.stop_reason,
            created_at=at,
            completed_at=ended(line, at),
            synthetic=by_client,
        )
    )
    changes += _side_requests(usage, id, session, at)
    blocks = blocks_in(message.content)
    for i, block in enumerate(blocks):
        part = _part_id(id, line, i, block)
        # Lines of older clients have no block index: their times order the parts.
        seq = i + (line.apiBlockIndex if line.apiBlockIndex is not None else at or 0)
        kind, text, data = block.type, block.text, None
        if block.type == "thinking":
            kind, text = "reasoning", block.thinking
        elif block.type.endswith(_RESULT) and block.tool_use_id:
            changes.append(_server_result(block, id, session, at))
            continue
        elif block.type in _CALLS and block.id:
            call = row_id(block.id, line.uuid if block.type == "tool_use" else id)
            kind, data = "tool", encode({"id": call}).decode()
            changes.append(
                ToolSeen(
                    call,
                    session,
                    SOURCE,
                    open_rank=Rank.RECORD,
                    message_id=id,
                    tool_name=block.name,
                    call_id=None if is_unique(block.id) else block.id,
                    tool_input=json_text(block.input),
                    file_path=TOOLS.file_path(block.input),
                    edits_file=block.name in TOOLS.editing,
                    created_at=at,
                    status="running",
                )
            )
        changes.append(PartSeen(part, id, session, SOURCE, seq, kind, text, data, at, at))
    if line.isApiErrorMessage:
        text = "\n".join(b.text for b in blocks if b.text)
        error = ErrorSeen(id, session, SOURCE, line.error or "unknown", text, at, id, line.apiErrorStatus)
        changes.append(error)
    return changes


def _part_id(message: str, line: AssistantLine, at: int, block: ContentBlock) -> str:
    """The id of a block's part: the same on every copy of the line, whatever the copy's own id and time.

    Lines of older clients have no index: what is in the block names it.
    """
    if line.apiBlockIndex is not None:
        return f"{message}:{line.apiBlockIndex + at}"
    content = block.id or block.text or block.thinking
    return f"{message}:{text_key(content)}" if content else f"{line.uuid}:{at}"


def _server_result(block: ContentBlock, message: str, session: str, at: int | None) -> ToolSeen:
    """The end of a call that the server ran, in the same response."""
    content = decode(block.content)
    inner = content if isinstance(content, dict) else {}
    failed = block.is_error is True or str(inner.get("type", "")).endswith("_error")
    text = inner.get("text") if isinstance(inner.get("text"), str) else json_text(block.content)
    return ToolSeen(
        row_id(block.tool_use_id or "", message),
        session,
        SOURCE,
        close_rank=Rank.RECORD,
        completed_at=at,
        status="error" if failed else "completed",
        success=not failed,
        tool_output=text,
        error_message=text if failed else None,
    )


def _side_requests(usage: Usage, id: str, session: str, at: int | None) -> list[MessageSeen]:
    """What requests to other models within a response spent, as an advisor's: its own counts do not have them."""
    return [
        MessageSeen(
            f"{id}:{i}",
            session,
            SOURCE,
            "assistant",
            model=one.model,
            provider=_PROVIDER if one.model else None,
            prompt_tokens=one.input_tokens,
            completion_tokens=one.output_tokens,
            cache_read_tokens=one.cache_read_input_tokens,
            cache_write_tokens=one.cache_creation_input_tokens,
            created_at=at,
            completed_at=at,
            synthetic=True,
        )
        for i, one in enumerate(usage.iterations)
        if one.type not in _own_types(usage)
    ]


def _own_types(usage: Usage) -> frozenset[str]:
    """The types of the iterations that the response's own counts add up."""
    for own in (frozenset({"message"}), frozenset({"fallback_message"})):
        if sum(one.output_tokens or 0 for one in usage.iterations if one.type in own) == usage.output_tokens:
            return own
    return frozenset({"message", ""})


@lru_cache(16)
def _price_context(speed: str | None, inference_geo: str | None) -> str | None:
    """What raises the price of a response: a fast mode, a requested region. None for the usual price."""
    context = {}
    if inference_geo == "us":
        context["inference_geo"] = inference_geo
    if speed not in (None, "standard"):
        context["speed"] = speed
    return encode(context).decode() if context else None
