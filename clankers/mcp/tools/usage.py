"""The tool `usage`: tokens, cost and counts by day, model, project, ..."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from clankers.mcp.paging import Room, cursor, place_of
from clankers.mcp.scope import FilterInput
from clankers.mcp.tool import Answer, Lookup, Tool
from clankers.queries.usage import count


class UsageInput(FilterInput, kw_only=True):
    """What to count."""

    by: Annotated[
        Literal["day", "week", "month", "model", "project", "source", "tool"], Meta(description="What to count by.")
    ] = "day"
    cursor: Annotated[str | None, Meta(description="The next_cursor of the answer before.")] = None


class UsageRow(Struct, kw_only=True):
    """What belongs to one key; each message counts once.

    Attributes:
        key: null where it is not known, and in the total.
        turns: prompts that a person typed.
        tools: calls, of which `tools_failed` failed.
        tool_p95_ms: 95 of 100 calls took no longer.
        cost: US dollars; null: not known.
        cost_split: the part of `cost` that is an estimate.
        unpriced_messages: whose cost is not known.
    """

    key: str | None
    sessions: int
    subagents: int
    turns: int
    messages: int
    tools: int
    tools_failed: int
    tool_p95_ms: float | None
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cost: float | None
    cost_split: float
    unpriced_messages: int


class UsageAnswer(Answer, kw_only=True):
    """The groups by their keys, and the total of all of them."""

    by: str
    groups: list[UsageRow]
    total: UsageRow


def _usage(lookup: Lookup, asked: UsageInput) -> UsageAnswer:
    groups, total = count(lookup.db, asked.by, lookup.filters(asked))
    (start,) = place_of(asked.cursor, tuple[int]) if asked.cursor else (0,)
    room = Room()
    rows: list[UsageRow] = []
    for group in groups[max(start, 0) :]:
        row = msgspec.convert(group.plain(), UsageRow)
        row.key = lookup.recorded.short(row.key)
        if not room.takes(row):
            break
        rows.append(row)
    end = max(start, 0) + len(rows)
    return UsageAnswer(
        by=asked.by,
        groups=rows,
        total=msgspec.convert(total.plain(), UsageRow),
        next_cursor=cursor(end) if end < len(groups) else None,
    )


TOOL = Tool(
    "usage",
    "Tokens and cost",
    "Count sessions, turns, tool calls, tokens and cost of past coding sessions, by day, week, month, model, project, "
    "agent or tool. By tool there are no tokens and no cost.",
    UsageInput,
    UsageAnswer,
    _usage,
)
