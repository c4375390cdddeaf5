"""How two reports of one row are merged, and which table holds which kind of row.

Merging makes replays safe: order and repetition of changes do not matter.
"""

from collections.abc import Callable
from math import inf
from typing import Any

from projector.model.changes import CompactionSeen, ErrorSeen, MessageSeen, PartSeen, Rank, ToolSeen

# Facts of which the earliest counts; of all others the latest.
EARLIEST = frozenset({"created_at", "copies_before", "project_path", "deleted_at"})

Row = MessageSeen | PartSeen | ToolSeen | ErrorSeen | CompactionSeen

# A row's fields are columns of its table. `projector.derived.refresh` sets the table's other columns.
TABLES: dict[type[Row], str] = {
    MessageSeen: "messages",
    PartSeen: "parts",
    ToolSeen: "tools",
    ErrorSeen: "session_errors",
    CompactionSeen: "compaction_events",
}
KINDS = {table: kind for kind, table in TABLES.items()}


def _first(a: Any, b: Any) -> Any:
    """The smaller of two values; None is no value."""
    return b if a is None or (b is not None and b < a) else a


def _last(a: Any, b: Any) -> Any:
    """The larger of two values; None is no value."""
    return b if a is None or (b is not None and b > a) else a


# What a snapshot of a message reports of what it used. A later snapshot replaces all of it.
_COUNTS = (
    *("prompt_tokens", "completion_tokens", "reasoning_tokens", "cache_read_tokens", "cache_write_tokens"),
    *("cache_write_1h_tokens", "web_searches", "price_context", "cost"),
)


def _message(row: MessageSeen, seen: MessageSeen) -> None:
    """The latest snapshot says how the message ended, the latest with counts what it used. Texts do not change."""
    if seen.role is not None:
        if row.role is None or (row.role_inferred and not seen.role_inferred):
            row.role, row.role_inferred = seen.role, seen.role_inferred
        elif bool(row.role_inferred) == bool(seen.role_inferred):
            row.role = _last(row.role, seen.role)
    row.parent_id = _last(row.parent_id, seen.parent_id)
    if seen.model is not None and (row.model is None or row.model_inferred):
        row.model, row.model_inferred = seen.model, seen.model_inferred
    elif not seen.model_inferred:
        row.model = _last(row.model, seen.model)
    row.provider = _last(row.provider, seen.provider)
    row.agent = _last(row.agent, seen.agent)
    before, now = _moment(row.completed_at), _moment(seen.completed_at)
    if now == before:
        row.finish_reason = _last(row.finish_reason, seen.finish_reason)
    elif now > before:
        row.finish_reason = seen.finish_reason
    _counts(row, seen)
    row.created_at = _first(row.created_at, seen.created_at)
    row.completed_at = _last(row.completed_at, seen.completed_at)
    row.deleted_at = _first(row.deleted_at, seen.deleted_at)
    row.synthetic |= seen.synthetic
    row.session_total |= seen.session_total
    row.made_at = _first(row.made_at, seen.made_at)
    row.position = _last(row.position, seen.position)
    row.reasoning_apart |= seen.reasoning_apart


def _counts(row: MessageSeen, seen: MessageSeen) -> None:
    """Merge what two reports say was used, by the time of the counts: not every snapshot has counts."""
    before, now = _moment(row.counted_at), _moment(seen.counted_at)
    if now < before:
        return
    for name in _COUNTS:
        value = getattr(seen, name)
        setattr(row, name, value if now > before else _last(getattr(row, name), value))
    row.counted_at = seen.counted_at


def _moment(at: int | None) -> float:
    """`at` for comparisons; no time is earlier than any."""
    return -inf if at is None else at


def _part(row: PartSeen, seen: PartSeen) -> None:
    """A text grows until it is final (`completed_at`). The final one may be shorter, because clients trim it."""
    final, was_final = seen.completed_at is not None, row.completed_at is not None
    if (
        seen.text is not None
        and (
            (final and not was_final)
            or (final == was_final and (len(seen.text), seen.text) > (len(row.text or ""), row.text or ""))
        )
    ) or row.text is None:
        row.text = seen.text
    row.message_id = seen.message_id
    row.seq = min(row.seq, seen.seq) or max(row.seq, seen.seq)  # an unknown time is 0
    row.type = _last(row.type, seen.type)
    row.data = _last(row.data, seen.data)
    row.synthetic = _last(row.synthetic, seen.synthetic)
    row.created_at = _first(row.created_at, seen.created_at)
    row.completed_at = _first(row.completed_at, seen.completed_at)
    row.deleted_at = _first(row.deleted_at, seen.deleted_at)


def _better(rank: int, at: int | None, old_rank: int, old_at: int | None) -> bool:
    """Whether a report beats another: by its source, then by being the earlier one."""
    if rank != old_rank:
        return rank > old_rank
    return at is not None and (old_at is None or at < old_at)


def _tool(row: ToolSeen, seen: ToolSeen) -> None:
    """The call as its best source reports it, and the result likewise; only hooks know how long a call took."""
    row.duration_ms = _last(row.duration_ms, seen.duration_ms)
    if seen.open_rank != Rank.UNREPORTED and _better(seen.open_rank, seen.created_at, row.open_rank, row.created_at):
        row.session_id = seen.session_id
        row.message_id = seen.message_id
        row.tool_name = seen.tool_name
        row.call_id = seen.call_id
        row.title = seen.title
        row.tool_input = seen.tool_input
        row.file_path = seen.file_path
        row.edits_file = seen.edits_file
        row.created_at = seen.created_at
        row.open_rank = seen.open_rank
        if row.close_rank == Rank.UNREPORTED:
            row.status = seen.status
    if seen.close_rank != Rank.UNREPORTED and _better(
        seen.close_rank, seen.completed_at, row.close_rank, row.completed_at
    ):
        row.status = seen.status
        row.success = seen.success
        row.tool_output = seen.tool_output
        row.exit_code = seen.exit_code
        row.error_message = seen.error_message
        row.completed_at = seen.completed_at
        row.edited_files = seen.edited_files
        row.close_rank = seen.close_rank


def _error(row: ErrorSeen, seen: ErrorSeen) -> None:
    """The same failure again: only its time may still change."""
    row.message_id = _last(row.message_id, seen.message_id)
    row.error_type = _last(row.error_type, seen.error_type)
    row.error_message = _last(row.error_message, seen.error_message)
    row.status_code = _last(row.status_code, seen.status_code)
    row.will_retry |= seen.will_retry
    row.created_at = _last(row.created_at, seen.created_at)


def _compaction(row: CompactionSeen, seen: CompactionSeen) -> None:
    """The same compaction again."""
    row.trigger = _last(row.trigger, seen.trigger)
    row.pre_tokens = _last(row.pre_tokens, seen.pre_tokens)
    row.post_tokens = _last(row.post_tokens, seen.post_tokens)
    row.duration_ms = _last(row.duration_ms, seen.duration_ms)
    row.created_at = _first(row.created_at, seen.created_at)


def is_older(seen: Row, than: Row) -> bool:
    """Whether a row that another database sends is an older copy of `than`: not finished yet, or finished earlier."""
    if isinstance(seen, ToolSeen) and isinstance(than, ToolSeen):
        return seen.close_rank == Rank.UNREPORTED != than.close_rank
    if isinstance(seen, MessageSeen | PartSeen) and isinstance(than, MessageSeen | PartSeen):
        return _moment(seen.completed_at) < _moment(than.completed_at)
    return False


# By kind: merges the second row into the first.
MERGE: dict[type[Row], Callable[[Any, Any], None]] = {
    MessageSeen: _message,
    PartSeen: _part,
    ToolSeen: _tool,
    ErrorSeen: _error,
    CompactionSeen: _compaction,
}
