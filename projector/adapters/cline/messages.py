"""The messages of Cline's session files: prompts, responses, the results of calls, errors, summaries."""

from typing import Any

from msgspec.json import encode

from projector.adapters.base import Meaning
from projector.adapters.cline.calls import close, opened
from projector.adapters.cline.common import BY_CLIENT, ERROR, SOURCE, typed
from projector.adapters.cline.wire import Block, Message, MessageMetadata, Metrics, ModelInfo
from projector.adapters.wire import any_millis
from projector.model.changes import (
    Change,
    CompactionSeen,
    ErrorSeen,
    MessageSeen,
    PartSeen,
    Rank,
    ToolSeen,
    ValueIgnored,
)
from projector.model.naming import call_row_id, scoped_id

_RESULT, _CALL = "tool_result", "tool_use"


def message_changes(session: str, id: str, message: Message, *, subagent: bool) -> Meaning:
    """What a message means.

    Args:
        session: whose it is.
        id: of its row.
        message: it.
        subagent: whether the session is a subagent, whose prompts the client writes.
    """
    at = any_millis(message.ts)
    blocks = _blocks(message)
    changes: list[Change] = []
    ignored: list[ValueIgnored] = []
    for block in blocks:
        if block.type == _CALL and block.id:
            call = opened(block.id, block.name, block.input, session, Rank.RECORD, at)
            call.message_id = id
            changes.append(call)
        elif block.type == _RESULT and block.tool_use_id:
            result = ToolSeen(call_row_id(block.tool_use_id, session), session, SOURCE)
            ignored += close(result, block.content, Rank.RECORD, at, failed=block.is_error is True)
            changes.append(result)
    if blocks and all(block.type == _RESULT for block in blocks):
        return [*changes, *ignored]
    about = message.metadata or MessageMetadata()
    by_client = about.displayRole is not None or about.kind is not None
    row = MessageSeen(id, session, SOURCE, _role(message.role, by_client=by_client), created_at=at, completed_at=at)
    row.position = at
    row.synthetic = by_client or (subagent and row.role == "user") or (not blocks and message.metrics is None)
    if row.role == "assistant":
        model = message.modelInfo or ModelInfo()
        row.model, row.provider = model.id, model.provider
        _spend(row, message.metrics, at)
    changes += [row, *_parts(row, blocks, at)]
    if about.displayRole == ERROR:
        changes.append(ErrorSeen(id, session, SOURCE, ERROR, _text(blocks), at, id))
    return [*changes, *ignored]


def summary_changes(session: str, id: str, message: Message) -> list[Change]:
    """A summary that stands for earlier messages."""
    about = message.metadata
    at = any_millis(about.generatedAt if about and about.generatedAt else message.ts)
    row = MessageSeen(id, session, SOURCE, "user", created_at=at, completed_at=at, synthetic=True)
    compaction = CompactionSeen(id, session, SOURCE, at, pre_tokens=about.tokensBefore if about else None)
    return [compaction, row, *_parts(row, _blocks(message), at)]


def _role(role: str | None, *, by_client: bool) -> str:
    if role == "user":
        return "user"
    return "assistant" if role == "assistant" and not by_client else "system"


def _spend(row: MessageSeen, metrics: Metrics | None, at: int | None) -> None:
    """The counts of a response; all are 0 where its stream was cut, so nothing is known.

    Input includes what was read from the cache and written to it, output includes the reasoning.
    """
    if metrics is None or not (metrics.inputTokens or metrics.outputTokens):
        return
    cached = (metrics.cacheReadTokens or 0) + (metrics.cacheWriteTokens or 0)
    if metrics.inputTokens is not None:
        row.prompt_tokens = max(metrics.inputTokens - cached, 0)
    row.completion_tokens = metrics.outputTokens
    row.cache_read_tokens, row.cache_write_tokens = metrics.cacheReadTokens, metrics.cacheWriteTokens
    row.cost, row.counted_at = metrics.cost, at


def _parts(row: MessageSeen, blocks: list[Block], at: int | None) -> list[PartSeen]:
    """The parts of a message; of a prompt, what the client put around it is synthetic."""
    marked = row.role == "user" and any(typed(block.text or "")[0] is not None for block in blocks)
    found: list[tuple[str, str | None, str | None, int | None]] = []
    for block in blocks:
        if block.type == _CALL and block.id:
            found.append(("tool", None, _data(id=call_row_id(block.id, row.session_id)), None))
        elif block.type == "thinking":
            found.append(("reasoning", block.thinking, None, None))
        elif block.type == "text" and marked:
            prompt, around = typed(block.text or "")
            if prompt is not None:
                found.append(("text", prompt, None, int(prompt.startswith(BY_CLIENT))))
            found += [("text", around, None, 1)] if around else []
        elif block.type == "text":
            found.append(("text", block.text, None, None))
        elif block.type in ("image", "file", "media"):
            found.append(("file", None, None, None))
    session = row.session_id
    return [
        PartSeen(scoped_id(str(n), row.id), row.id, session, SOURCE, n, kind, text, data, at, at, synthetic=synthetic)
        for n, (kind, text, data, synthetic) in enumerate(found)
    ]


def _data(**members: Any) -> str:
    return encode(members).decode()


def _blocks(message: Message) -> list[Block]:
    content = [message.content] if isinstance(message.content, str) else message.content or []
    return [Block("text", one) if isinstance(one, str) else one for one in content]


def _text(blocks: list[Block]) -> str | None:
    return "\n".join(block.text for block in blocks if block.text) or None
