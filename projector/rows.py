"""The rows that changes are merged into, field by field as `schema.sql` has the columns, and how they merge.

Merging is what makes replays safe: it does not matter in which order, or how often, a change is merged.
"""

from typing import Any

from msgspec import Struct

from projector.changes import CompactionSeen, ErrorSeen, MessageSeen, PartSeen, ToolClosed, ToolOpened

# Facts of which the first counts; of all others the last.
EARLIEST = frozenset({"created_at", "project_path", "deleted_at"})


class MessageRow(Struct):
    """A row of `messages`."""

    id: str
    session_id: str
    role: str | None
    text_content: str | None
    model: str | None
    prompt_tokens: int | None
    completion_tokens: int | None
    duration_ms: int | None
    created_at: int | None
    completed_at: int | None
    source: str
    parent_id: str | None
    provider: str | None
    agent: str | None
    reasoning_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    cost: float | None
    finish_reason: str | None
    synthetic: int
    copied: int
    deleted_at: int | None


class PartRow(Struct):
    """A row of `parts`."""

    id: str
    message_id: str
    session_id: str
    seq: int
    type: str | None
    text: str | None
    data: str | None
    synthetic: int | None
    created_at: int | None
    completed_at: int | None
    deleted_at: int | None


class ToolRow(Struct):
    """A row of `tools`."""

    id: str
    session_id: str
    message_id: str | None
    tool_name: str | None
    tool_input: str | None
    tool_output: str | None
    file_path: str | None
    status: str | None
    success: int | None
    exit_code: int | None
    error_message: str | None
    duration_ms: int | None
    created_at: int | None
    completed_at: int | None
    source: str
    open_rank: int
    close_rank: int


class ErrorRow(Struct):
    """A row of `session_errors`."""

    id: str
    session_id: str
    message_id: str | None
    error_type: str | None
    error_message: str | None
    status_code: int | None
    will_retry: int
    created_at: int | None
    source: str


class CompactionRow(Struct):
    """A row of `compaction_events`."""

    id: str
    session_id: str
    trigger: str | None
    pre_tokens: int | None
    post_tokens: int | None
    duration_ms: int | None
    created_at: int | None
    source: str


def blank(row: type[Any], id: str, session_id: str, source: str) -> Any:
    """A row of which only the identity is known."""
    values: dict[str, Any] = dict.fromkeys(row.__struct_fields__)
    values |= {"synthetic": 0, "copied": 0, "seq": 0, "will_retry": 0, "open_rank": -1, "close_rank": -1}
    values |= {"id": id, "session_id": session_id, "source": source}
    if row is PartRow:
        values["synthetic"] = None  # not said, which is not "no"
    return row(**{name: values[name] for name in row.__struct_fields__})


def _first(a: Any, b: Any) -> Any:
    """The smaller of two values; None is no value."""
    return b if a is None or (b is not None and b < a) else a


def _last(a: Any, b: Any) -> Any:
    """The larger of two values; None is no value."""
    return b if a is None or (b is not None and b > a) else a


def merge_message(row: MessageRow, seen: MessageSeen) -> None:
    """Counts grow while a response streams, so the largest is the last; words that can differ never do."""
    row.role = _last(row.role, seen.role)
    row.parent_id = _last(row.parent_id, seen.parent_id)
    row.model = _last(row.model, seen.model)
    row.provider = _last(row.provider, seen.provider)
    row.agent = _last(row.agent, seen.agent)
    row.prompt_tokens = _last(row.prompt_tokens, seen.prompt_tokens)
    row.completion_tokens = _last(row.completion_tokens, seen.completion_tokens)
    row.reasoning_tokens = _last(row.reasoning_tokens, seen.reasoning_tokens)
    row.cache_read_tokens = _last(row.cache_read_tokens, seen.cache_read_tokens)
    row.cache_write_tokens = _last(row.cache_write_tokens, seen.cache_write_tokens)
    row.cost = _last(row.cost, seen.cost)
    row.finish_reason = _last(row.finish_reason, seen.finish_reason)
    row.created_at = _first(row.created_at, seen.created_at)
    row.completed_at = _last(row.completed_at, seen.completed_at)
    row.deleted_at = _first(row.deleted_at, seen.deleted_at)
    row.synthetic |= seen.synthetic
    if row.role == "assistant" and row.completed_at is not None and row.created_at is not None:
        row.duration_ms = row.completed_at - row.created_at


def merge_part(row: PartRow, seen: PartSeen) -> None:
    """A text grows until it is final (`completed_at`); the final one may be shorter: clients trim it."""
    final, was_final = seen.completed_at is not None, row.completed_at is not None
    if (
        seen.text is not None
        and (
            (final and not was_final)
            or (final == was_final and (len(seen.text), seen.text) > (len(row.text or ""), row.text or ""))
        )
    ) or row.text is None:
        row.text = seen.text
    row.seq = max(row.seq, seen.seq)
    row.type = _last(row.type, seen.type)
    row.data = _last(row.data, seen.data)
    row.synthetic = _last(row.synthetic, seen.synthetic)
    row.created_at = _first(row.created_at, seen.created_at)
    row.completed_at = _last(row.completed_at, seen.completed_at)
    row.deleted_at = _first(row.deleted_at, seen.deleted_at)


def _better(rank: int, at: int | None, old_rank: int, old_at: int | None) -> bool:
    """Whether a report beats another: by its source, then by being the earlier one."""
    if rank != old_rank:
        return rank > old_rank
    return at is not None and (old_at is None or at < old_at)


def merge_opened(row: ToolRow, seen: ToolOpened) -> None:
    """The best source's words about the call."""
    if _better(seen.rank, seen.at, row.open_rank, row.created_at):
        row.session_id = seen.session_id
        row.message_id = seen.message_id
        row.tool_name = seen.tool_name
        row.tool_input = seen.tool_input
        row.file_path = seen.file_path
        row.created_at = seen.at
        row.open_rank = seen.rank
        if row.close_rank < 0:
            row.status = seen.status


def merge_closed(row: ToolRow, seen: ToolClosed) -> None:
    """The best source's words about the result; only hooks know how long a call took."""
    row.duration_ms = _last(row.duration_ms, seen.duration_ms)
    if _better(seen.rank, seen.at, row.close_rank, row.completed_at):
        row.status = seen.status
        row.success = int(seen.success)
        row.tool_output = seen.tool_output
        row.exit_code = seen.exit_code
        row.error_message = seen.error_message
        row.completed_at = seen.at
        row.close_rank = seen.rank


def merge_error(row: ErrorRow, seen: ErrorSeen) -> None:
    """The same failure, told again: only its time may still change."""
    row.message_id = _last(row.message_id, seen.message_id)
    row.error_type = _last(row.error_type, seen.error_type)
    row.error_message = _last(row.error_message, seen.error_message)
    row.status_code = _last(row.status_code, seen.status_code)
    row.will_retry |= seen.will_retry
    row.created_at = _last(row.created_at, seen.created_at)


def merge_compaction(row: CompactionRow, seen: CompactionSeen) -> None:
    """The same compaction, told again."""
    row.trigger = _last(row.trigger, seen.trigger)
    row.pre_tokens = _last(row.pre_tokens, seen.pre_tokens)
    row.post_tokens = _last(row.post_tokens, seen.post_tokens)
    row.duration_ms = _last(row.duration_ms, seen.duration_ms)
    row.created_at = _first(row.created_at, seen.created_at)
