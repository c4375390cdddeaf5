"""The totals behind `clankers stats`: sessions, messages, tools, tokens and cost by day, model, project, ...

Each message counts once: what a fork copied is left out, a session that was resumed or compacted is one session.

What a session cost is spread over its messages and those of the subagents it pays for, in proportion to what each of
them cost by itself. Where every message tells its own cost (OpenCode), each has exactly that. Where the client only
says what a session cost as a whole (Claude Code), the parts are an estimate, and their sum is what the client says;
such parts are told apart as `cost_split`. Where it is not known of all messages what they cost by themselves, their
tokens stand in, an output token for five of input, one read from the cache for a tenth, as most prices relate.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any

import apsw

from clankers.cli.filters import Filters

TOKENS = ("prompt_tokens", "completion_tokens", "reasoning_tokens", "cache_read_tokens", "cache_write_tokens")

# What `--by` may be, as an expression for the time `{t}`, the model `{m}` and the session `s`.
_LOCAL = "strftime('{form}', {{t}} / 1000, 'unixepoch', 'localtime')"
BY = {
    "day": _LOCAL.format(form="%Y-%m-%d"),
    "week": _LOCAL.format(form="%G-W%V"),
    "month": _LOCAL.format(form="%Y-%m"),
    "model": "ifnull({m}, s.model)",
    "project": "s.project_path",
    "source": "s.source",
    "tool": "t.tool_name",
}
TIMES = ("day", "week", "month")
_ALL = "NULL"  # of one group

_SESSIONS = """
SELECT s.id, s.parent_id, s.cost, {key} AS key, {asked} AS asked, s.message_count = 0 AS silent,
  s.cost_source = 'parent' AS paid_for FROM sessions AS s
"""
_MESSAGES = """
SELECT m.session_id, {key} AS key, {asked} AS asked, count(*),
  count(*) FILTER (WHERE m.role = 'user' AND NOT m.synthetic),
  ifnull(sum(m.prompt_tokens), 0), ifnull(sum(m.completion_tokens), 0), ifnull(sum(m.reasoning_tokens), 0),
  ifnull(sum(m.cache_read_tokens), 0), ifnull(sum(m.cache_write_tokens), 0), ifnull(sum(m.cost), 0),
  sum({weight}), sum({weight} > 0), sum(m.cost IS NULL AND {weight} > 0)
FROM messages AS m JOIN sessions AS s ON s.id = m.session_id
WHERE NOT m.copied {of_these} GROUP BY 1, 2, 3
"""
_WEIGHT = (  # of a message's tokens
    "(ifnull(m.prompt_tokens, 0) + 5 * ifnull(m.completion_tokens, 0) + 0.1 * ifnull(m.cache_read_tokens, 0) "
    "+ 1.25 * ifnull(m.cache_write_tokens, 0))"
)
_TOOLS = """
SELECT {key} AS key, count(*), count(success), count(*) FILTER (WHERE success = 0), percentile(duration_ms, 50),
  percentile(duration_ms, 95), count(DISTINCT session_id) FILTER (WHERE s.parent_id IS NULL),
  count(DISTINCT session_id) FILTER (WHERE s.parent_id IS NOT NULL)
FROM tools AS t JOIN sessions AS s ON s.id = t.session_id WHERE {asked} GROUP BY 1
"""
_TOOL_MODEL = "(SELECT model FROM messages WHERE id = t.message_id)"


@dataclass
class Group:
    """What belongs to one key; counts, and costs in US dollars.

    Attributes:
        key: a day, a week (ISO), a month, a model, a project's path, a source or a tool; None where it has none.
        sessions: those of a person with a message in it, or without any message.
        subagents: the same for sessions that were started by another.
        turns: prompts that a person typed.
        tools: calls; of `tools_closed` it is known how they ended, `tools_failed` did so badly.
        tool_p50_ms: half of the calls took no longer; None where no duration is known.
        cost: None where none is known.
        cost_split: what part of `cost` is an estimate.
        unpriced_messages: messages that used tokens and whose cost is not known.
    """

    key: str | None
    sessions: int = 0
    subagents: int = 0
    turns: int = 0
    messages: int = 0
    tools: int = 0
    tools_closed: int = 0
    tools_failed: int = 0
    tool_p50_ms: float | None = None
    tool_p95_ms: float | None = None
    prompt_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cache_read_tokens: int = 0
    cache_write_tokens: int = 0
    cost: float | None = None
    cost_split: float = 0.0
    unpriced_messages: int = 0

    @property
    def tokens(self) -> int:
        """All but reasoning, which some clients count as output too."""
        return self.prompt_tokens + self.completion_tokens + self.cache_read_tokens + self.cache_write_tokens

    def add(self, other: "Group") -> None:
        """Count `other` in, but for what cannot be added up."""
        self.turns += other.turns
        self.messages += other.messages
        for kind in TOKENS:
            setattr(self, kind, getattr(self, kind) + getattr(other, kind))
        if other.cost is not None:
            self.cost = (self.cost or 0.0) + other.cost
        self.cost_split += other.cost_split
        self.unpriced_messages += other.unpriced_messages

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


@dataclass
class _Purse:
    """A session that has a cost, and all whose messages that pays for.

    Attributes:
        cost: in US dollars; None where it is not known.
        told: the sum of what its messages cost by themselves.
        weight: the sum of what their tokens weigh.
        untold: how many of them do not say what they cost.
    """

    cost: float | None
    told: float = 0.0
    weight: float = 0.0
    untold: int = 0
    parts: list[tuple[Group, float, float, int]] = field(default_factory=list)

    def spread(self) -> None:
        """Put the cost into the groups of the messages."""
        by_told = not self.untold and self.told > 0
        whole = self.told if by_told else self.weight
        # Equal but for the order in which they were added up.
        exact = by_told and self.cost is not None and abs(self.cost - self.told) <= 1e-9 * self.told
        for group, told, weight, used in self.parts:
            if self.cost is None:
                group.unpriced_messages += used
                continue
            part = told if exact else self.cost * (told if by_told else weight) / whole if whole else 0.0
            group.cost = (group.cost or 0.0) + part
            if not exact:
                group.cost_split += part


def count(db: apsw.Connection, by: str, chosen: Filters) -> tuple[list[Group], Group]:
    """The groups `by` one of `BY`, by their keys, and the total of what `chosen` asks for.

    By tool there are no tokens and no cost but in the total: a message may call several.
    """
    groups, ids = _messages(db, _ALL if by == "tool" else BY[by], chosen)
    whole = Group(None)
    for one in groups.values():
        whole.add(one)
    whole.sessions, whole.subagents = ids  # of which several groups may have the same
    _tools(db, _ALL, chosen, lambda _: whole)
    if by == "tool":
        groups = {}
    _tools(db, BY[by], chosen, lambda key: groups.setdefault(key, Group(key)), sessions=by == "tool")
    return sorted(groups.values(), key=lambda g: (g.key is None, g.key)), whole


def _messages(db: apsw.Connection, key: str, chosen: Filters) -> tuple[dict[str | None, Group], tuple[int, int]]:
    """The groups without what is told of tools, and how many sessions and subagents they are of."""
    groups: dict[str | None, Group] = {}

    def group(key: str | None) -> Group:
        if (one := groups.get(key)) is None:
            one = groups[key] = Group(key)
        return one

    query = _SESSIONS.format(key=key.format(t="s.created_at", m="NULL"), asked=chosen.sessions())
    sessions = {id: rest for id, *rest in db.execute(query, chosen.values)}
    parents = {id: parent for id, (parent, *_) in sessions.items()}
    payers = {id: _payer(id, sessions) for id in sessions}
    purses = {id: _Purse(sessions[id][1]) for id in payers.values()}
    asked = {payers[id] for id, (_, _, _, is_asked, *_) in sessions.items() if is_asked}
    counted: set[str] = set()

    def count_session(key: str | None, id: str) -> None:
        counted.add(id)
        group(key).sessions += parents[id] is None
        group(key).subagents += parents[id] is not None

    values: dict[str, Any] = dict(chosen.values)
    of_these = ""
    if chosen:  # what is not asked for matters where it shares a cost with what is
        import json

        values["these"] = json.dumps([id for id, payer in payers.items() if payer in asked])
        of_these = "AND m.session_id IN (SELECT value FROM json_each(:these))"
    query = _MESSAGES.format(
        key=key.format(t="m.created_at", m="m.model"),
        asked=chosen.rows("m.created_at", "m.model"),
        weight=_WEIGHT,
        of_these=of_these,
    )
    for id, name, is_asked, messages, turns, *tokens, told, weight, used, untold in db.execute(query, values):
        purse = purses[payers[id]]
        purse.told += told
        purse.weight += weight
        purse.untold += untold
        if not is_asked:
            continue
        count_session(name, id)
        one = group(name)
        one.messages += messages
        one.turns += turns if parents[id] is None else 0
        for kind, n in zip(TOKENS, tokens, strict=True):
            setattr(one, kind, getattr(one, kind) + n)
        purse.parts.append((one, told, weight, used))
    for id, (_, cost, name, is_asked, silent, _) in sessions.items():
        if silent and is_asked:
            count_session(name, id)
        if cost and is_asked and not (purses[id].told or purses[id].weight):  # nothing to spread it over
            group(name).cost = (group(name).cost or 0.0) + cost
    for purse in purses.values():
        purse.spread()
    tops = sum(parents[id] is None for id in counted)
    return groups, (tops, len(counted) - tops)


def _payer(id: str, sessions: dict[str, list[Any]]) -> str:
    """The session that pays for `id`: itself, or the one above whose bill holds its cost."""
    seen = set()
    at: str | None = id
    while at in sessions and at not in seen:
        seen.add(at)
        parent, *_, paid_for = sessions[at]
        if not paid_for:
            return at
        at = parent
    return id


def _tools(
    db: apsw.Connection, key: str, chosen: Filters, group: Callable[[str | None], Group], *, sessions: bool = False
) -> None:
    query = _TOOLS.format(
        key=key.format(t="t.created_at", m=_TOOL_MODEL), asked=chosen.rows("t.created_at", _TOOL_MODEL)
    )
    for name, calls, closed, failed, p50, p95, tops, subagents in db.execute(query, chosen.values):
        one = group(name)
        one.tools, one.tools_closed, one.tools_failed, one.tool_p50_ms, one.tool_p95_ms = (
            calls,
            closed,
            failed,
            p50,
            p95,
        )
        if sessions:
            one.sessions, one.subagents = tops, subagents
