"""The overview of a span: its totals beside those of the span before, its course over time, tools, top sessions.

Every number is one that `stats` has: the same rows, selected by the same filters.
"""

from dataclasses import replace
from datetime import datetime, timedelta
from math import fsum
from typing import Any, Literal

from msgspec import Struct

from clankers.queries.budgets import BudgetState
from clankers.queries.dialect import Database, greatest
from clankers.queries.filters import Filters
from clankers.queries.session_pages import COST_SOURCES, UNSURENESS
from clankers.queries.usage import (
    BY,
    Group,
    LocalTimes,
    SecondQuery,
    activity_rows,
    count_all,
    count_calls,
    key_name,
    local_times,
)

Step = Literal["day", "week", "month"]

TOP = 10  # sessions
_KEYS = ("model", "project", "source")  # of the slices, by their expressions in `BY`
WEEKS = 53  # of the days that are shown, whatever the span
_DAILY, _WEEKLY = timedelta(days=93), timedelta(days=731)  # spans that are cut into days, and into weeks

_TOKENS = "sum(r.prompt_tokens + r.completion_tokens + r.cache_read_tokens + r.cache_write_tokens)"
_AMOUNTS = f"sum(r.messages), sum(r.turns), {_TOKENS}, sum(r.cost)"
_HOUR_OF_WEEK = "({day} + 6) % 7 * 24 + {now} / 3600000 % 24"

# Subagents, each with the session that a person started.
_BELOW = """
  below (id, top) AS (
    SELECT s.id, t.id FROM sessions AS s JOIN sessions AS t ON t.id = s.parent_id
    WHERE NOT EXISTS (SELECT 1 FROM sessions AS p WHERE p.id = t.parent_id)
    UNION ALL
    SELECT s.id, below.top FROM below JOIN sessions AS s ON s.parent_id = below.id
  )
"""
# Sessions whose cost is in another's bill, each with whether the client reported that.
_BILLED = """
  billed (id, reported) AS (
    SELECT s.id, p.cost_source = 'client' FROM sessions AS s JOIN sessions AS p ON p.id = s.parent_id
    WHERE s.cost_source = 'parent' AND p.cost_source <> 'parent'
    UNION ALL
    SELECT s.id, billed.reported FROM billed JOIN sessions AS s ON s.parent_id = billed.id
    WHERE s.cost_source = 'parent'
  )
"""


class Slice(Struct, frozen=True):
    """What happened in one step of time under one key.

    Attributes:
        at: the day, week (ISO) or month; None for what has no time.
        key: a model, a project's path or a source; None where it has none.
        turns: prompts that a person typed and did not take back.
        tokens: all but reasoning, which some clients count as output too.
        cost: US dollars; None where none is known.
    """

    at: str | None
    key: str | None
    messages: int
    turns: int
    tokens: int
    cost: float | None


class HourOfWeek(Struct, frozen=True):
    """What happened in one hour of the day, local time, on one day of the week: 0 for Monday."""

    weekday: int
    hour: int
    messages: int
    turns: int
    tokens: int
    cost: float | None


class TopSession(Struct, frozen=True):
    """A session that a person started, with what it and its subagents did in the span.

    Attributes:
        created_at: epoch milliseconds.
        cost: US dollars; None where none is known.
        cost_source: the least sure of the session's and of those of its subagents that did something in the span.
    """

    id: str
    title: str | None
    source: str
    project_name: str | None
    project_path: str | None
    model: str | None
    created_at: int | None
    messages: int
    turns: int
    tokens: int
    cost: float | None
    cost_source: str | None


class ToolUse(Struct, frozen=True):
    """The calls of one tool.

    Attributes:
        closed: calls of which it is known how they ended; `failed` of them did so badly.
        p50_ms: half of the calls took no longer, 95 % no longer than `p95_ms`; None where no duration is known.
    """

    tool: str | None
    calls: int
    closed: int
    failed: int
    p50_ms: float | None
    p95_ms: float | None


class Overview(Struct, frozen=True):
    """A span, and what happened in it.

    Attributes:
        since: epoch milliseconds, the first of the span; None for all that is recorded.
        until: epoch milliseconds, the first after it; None for now.
        total: as `stats` has it.
        before: the total of the span of the same length before; None where the span has no begin.
        cost_reported: what of the total's cost the clients reported, in US dollars.
        cost_estimated: what of it follows from a price table.
        cache_share: tokens read from the cache, as a share (0 to 1) of all input tokens; None without any.
        step: of the slices of `models`, `projects` and `sources`.
        models: the course by model.
        projects: the course by project.
        sources: the course by source.
        days: of the 53 weeks that end with the span, without key.
        hours: of the week, those in which something happened.
        tools: the most called first.
        top: the sessions that cost most, or used most tokens where no cost is known.
        budgets: how much of each budget is spent now, whatever the span.
    """

    since: int | None
    until: int | None
    total: Group
    before: Group | None
    cost_reported: float
    cost_estimated: float
    cache_share: float | None
    step: Step
    models: list[Slice]
    projects: list[Slice]
    sources: list[Slice]
    days: list[Slice]
    hours: list[HourOfWeek]
    tools: list[ToolUse]
    top: list[TopSession]
    budgets: list[BudgetState] = []


def overview(db: Database, chosen: Filters, now: int) -> Overview:
    """The overview of what `chosen` selects; `now` (epoch milliseconds) ends a span without an end."""
    times = local_times(db, "begin", "activity")
    before = _span_before(chosen, now)

    def others(db: Database) -> tuple[Any, ...]:
        in_before = count_all(db, before) if before else None
        return in_before, _days(db, times, weeks(chosen, now)), _top(db, chosen), _tools(db, chosen)

    second = SecondQuery(db, others)
    step = _step(db, chosen, now)
    in_all = count_all(db, chosen)
    slices, reported = _slices(db, times, step, chosen)
    estimated = fsum(one.cost or 0.0 for one in slices["source"]) - reported
    hours = _hours(db, times, chosen)
    in_before, days, top, tools = second.answer()
    return Overview(
        since=chosen.since,
        until=chosen.until,
        total=in_all,
        before=in_before,
        cost_reported=reported,
        cost_estimated=estimated,
        cache_share=cache_share(in_all),
        step=step,
        models=slices["model"],
        projects=slices["project"],
        sources=slices["source"],
        days=days,
        hours=hours,
        tools=tools,
        top=top,
    )


def cache_share(one: Group) -> float | None:
    """Tokens read from the cache as a share (0 to 1) of all input tokens; None without any."""
    given = one.prompt_tokens + one.cache_read_tokens + one.cache_write_tokens
    return one.cache_read_tokens / given if given else None


def _span_before(chosen: Filters, now: int) -> Filters | None:
    if chosen.since is None:
        return None
    until = now if chosen.until is None else chosen.until
    return replace(chosen, since=2 * chosen.since - until, until=chosen.since)


def _step(db: Database, chosen: Filters, now: int) -> Step:
    """The step that gives some dozens of slices, not hundreds."""
    first, last = chosen.since, chosen.until
    if first is None or last is None:
        found = db.execute("SELECT min(begin), max(begin) FROM activity").fetchone()
        first, last = (found[0] or now if first is None else first), (found[1] or now if last is None else last)
    lasted = timedelta(milliseconds=last - first)
    return "day" if lasted <= _DAILY else "week" if lasted <= _WEEKLY else "month"


def weeks(chosen: Filters, now: int) -> Filters:
    """The whole weeks up to the end of the span, whenever that begins."""
    until = now if chosen.until is None else min(chosen.until, now)
    last = datetime.fromtimestamp((until - 1) / 1000)  # noqa: DTZ006 - days are local
    first = (last - timedelta(days=last.weekday(), weeks=WEEKS - 1)).replace(hour=0, minute=0, second=0, microsecond=0)
    return replace(chosen, since=round(first.timestamp() * 1000), until=until)


def _slices(db: Database, times: LocalTimes, step: Step, chosen: Filters) -> tuple[dict[str, list[Slice]], float]:
    """The slices of each `step` by each of `_KEYS`, oldest first; and what of their cost was reported."""
    keys = ", ".join(BY[key] for key in _KEYS)
    query = f"""
    WITH RECURSIVE {_BILLED}
    SELECT {BY[step].format_map(times)}, {keys}, coalesce(b.reported, s.cost_source = 'client'), {_AMOUNTS}
    FROM {activity_rows(chosen)} JOIN sessions AS s ON s.id = r.session_id LEFT JOIN billed AS b ON b.id = s.id
    WHERE {chosen.rows_with_model("r", "r.begin")} GROUP BY 1, 2, 3, 4, 5
    """
    found = db.execute(query, chosen.values).fetchall()
    reported = fsum(cost or 0.0 for *_, is_reported, _, _, _, cost in found if is_reported)
    return {key: _folded(found, step, key) for key in _KEYS}, reported


def _folded(found: list[Any], step: Step, by: str) -> list[Slice]:
    """The rows of `_slices` by one of `_KEYS` alone."""
    place = 1 + _KEYS.index(by)
    slices: dict[tuple[Any, Any], list[Any]] = {}
    for row in found:
        into = slices.setdefault((row[0], row[place]), [0, 0, 0, None])
        *counts, cost = row[-4:]
        for i, number in enumerate(counts):
            into[i] += number
        if cost is not None:
            into[3] = (into[3] or 0.0) + cost
    ordered = sorted(slices.items(), key=lambda one: [(value is None, value) for value in one[0]])
    return [Slice(key_name(step, at), key_name(by, key), *amounts) for (at, key), amounts in ordered]


def _days(db: Database, times: LocalTimes, chosen: Filters) -> list[Slice]:
    query = f"""
    SELECT {BY["day"].format_map(times)}, {_AMOUNTS} FROM {activity_rows(chosen)}
    WHERE {chosen.rows_with_model("r", "r.begin")} GROUP BY 1 ORDER BY 1
    """
    return [Slice(key_name("day", at), None, *amounts) for at, *amounts in db.execute(query, chosen.values)]


def _hours(db: Database, times: LocalTimes, chosen: Filters) -> list[HourOfWeek]:
    query = f"""
    SELECT {_HOUR_OF_WEEK.format_map(times)}, {_AMOUNTS} FROM {activity_rows(chosen)}
    WHERE r.begin IS NOT NULL AND {chosen.rows_with_model("r", "r.begin")} GROUP BY 1 ORDER BY 1
    """
    found = db.execute(query, chosen.values)
    return [HourOfWeek(*divmod(hour, 24), *amounts) for hour, *amounts in found if hour is not None]


def _tools(db: Database, chosen: Filters) -> list[ToolUse]:
    return sorted(
        (ToolUse(name, *numbers.values()) for name, numbers in count_calls(db, "tool", chosen)),
        key=lambda one: (-one.calls, one.tool or ""),
    )


def _top(db: Database, chosen: Filters) -> list[TopSession]:
    query = f"""
    WITH RECURSIVE {_BELOW}, spent (id, messages, turns, tokens, cost, unsureness) AS (
      SELECT coalesce(b.top, r.session_id), {_AMOUNTS}, max({UNSURENESS.format(s="s")})
      FROM {activity_rows(chosen)} JOIN sessions AS s ON s.id = r.session_id LEFT JOIN below AS b ON b.id = s.id
      WHERE {chosen.rows_with_model("r", "r.begin")} GROUP BY 1
    )
    SELECT t.id, t.title, t.source, t.project_name, t.project_path, t.model, t.created_at,
      spent.messages, spent.turns, spent.tokens, spent.cost,
      {greatest("spent.unsureness", UNSURENESS.format(s="t"))}
    FROM spent JOIN sessions AS t USING (id)
    ORDER BY coalesce(spent.cost, 0) DESC, spent.tokens DESC, t.id LIMIT :top
    """
    values: dict[str, Any] = {**chosen.values, "top": TOP}
    return [TopSession(*(*row, COST_SOURCES[unsureness])) for *row, unsureness in db.execute(query, values)]


def estimated_models(db: Database, chosen: Filters) -> list[str | None]:
    """The models of whose cost in what `chosen` selects at least a part is estimated."""
    query = f"""
    WITH RECURSIVE {_BILLED}
    SELECT DISTINCT {BY["model"]}
    FROM {activity_rows(chosen)} JOIN sessions AS s ON s.id = r.session_id LEFT JOIN billed AS b ON b.id = s.id
    WHERE r.cost > 0 AND NOT coalesce(b.reported, s.cost_source = 'client')
      AND {chosen.rows_with_model("r", "r.begin")}
    """
    return [key_name("model", key) for (key,) in db.execute(query, chosen.values)]
