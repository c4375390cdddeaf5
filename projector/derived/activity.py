"""The rows of `activity`, which `stats` adds up: a session's messages by quarter of an hour and model, with their cost.

The cost of a session is divided among its messages and those of the subagents that its bill includes, in proportion to
their own costs. If the client reports the cost of every message, each message has exactly that. If the client reports
only a bill for the session, the shares are estimates that add up to the bill; `cost_split` holds them. If the cost of
some message is not known, the bill is divided by token weight instead: an output token weighs five input tokens, a
token read from the cache a tenth.
"""

from collections import defaultdict
from collections.abc import Iterable
from math import fsum
from typing import Any, NamedTuple

import apsw
import msgspec

from projector.derived.buckets import WEIGHTS, bucket_start


class ActivityBucket(msgspec.Struct):
    """The messages of a session in one quarter of an hour with one model, or none. Counts, and epoch milliseconds.

    Attributes:
        begin: of the quarter of an hour; None for messages without a time.
        turns: prompts that a person typed and did not take back.
        cache_write_1h_tokens: the part of `cache_write_tokens` that is kept for an hour.
        used: messages that used tokens.
        cost: the sum of the messages' own costs, in US dollars; None if none has one.
        costless: messages that used tokens and have no cost.
        worst: the least certain `cost_source`: 0 for `client`, 1 for `prices`, 2 for `unknown`; None for none.
        first: when the first message was created.
        last: when the last one was completed.
    """

    begin: int | None
    model: str | None
    messages: int
    turns: int
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    used: int
    cost: float | None
    costless: int
    worst: int | None
    first: int | None
    last: int | None

    def add(self, other: "ActivityBucket") -> None:
        """Add the counts of `other`."""
        self.messages += other.messages
        self.turns += other.turns
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens
        self.reasoning_tokens += other.reasoning_tokens
        self.cache_read_tokens += other.cache_read_tokens
        self.cache_write_tokens += other.cache_write_tokens
        self.used += other.used
        self.cost = (self.cost or 0.0) + (other.cost or 0.0)
        self.costless += other.costless

    @property
    def weight(self) -> int:
        """The total weight of its tokens."""
        return sum(each * int(getattr(self, kind)) for kind, each in WEIGHTS.items())


_USED = "(prompt_tokens > 0 OR completion_tokens > 0 OR cache_read_tokens > 0 OR cache_write_tokens > 0)"
_BUCKETS = f"""
SELECT ?1, {bucket_start("created_at")}, model, count(*),
  count(*) FILTER (WHERE role = 'user' AND NOT synthetic AND deleted_at IS NULL),
  ifnull(sum(prompt_tokens), 0), ifnull(sum(completion_tokens), 0), ifnull(sum(reasoning_tokens), 0),
  ifnull(sum(cache_read_tokens), 0), ifnull(sum(cache_write_tokens), 0), ifnull(sum(cache_write_1h_tokens), 0),
  count(*) FILTER (WHERE {_USED}), sum(cost), count(*) FILTER (WHERE cost IS NULL AND {_USED}),
  max(iif(cost_source = 'unknown', 2, cost_source = 'prices')),
  min(created_at), max(max(created_at, ifnull(completed_at, created_at)))
FROM messages WHERE session_id = ?1 AND NOT copied GROUP BY 2, 3
"""
# A session with those that share a bill with it: parents whose bill includes it, subagents that its bill includes.
_RELATED = """
WITH RECURSIVE related (id) AS (
  VALUES (?)
  UNION SELECT s.parent_id FROM related JOIN sessions AS s USING (id) WHERE s.cost_source = 'parent'
  UNION SELECT s.id FROM related JOIN sessions AS s ON s.parent_id = related.id
    WHERE s.parent_id IS NOT NULL AND s.cost_source = 'parent'
)
SELECT id FROM related JOIN sessions USING (id)
"""
_ABOUT = f"""
SELECT id, parent_id, cost, cost_source = 'parent', model, {bucket_start("created_at")}
FROM sessions WHERE id = ?
"""
_INSERT = f"INSERT INTO activity VALUES (?{', ?' * 16})"


class _About(NamedTuple):
    """The columns of a session that matter here."""

    parent: str | None
    cost: float | None
    paid_for: bool
    model: str | None
    begin: int | None


def activity_buckets(db: apsw.Connection, sessions: Iterable[str]) -> dict[str, list[ActivityBucket]]:
    """The buckets of each of `sessions`, by time, without what a fork copied."""
    found: dict[str, list[ActivityBucket]] = {session: [] for session in sessions}
    for session, *rest in db.executemany(_BUCKETS, [(session,) for session in found]):
        found[session].append(ActivityBucket(*rest))
    return found


def related(db: apsw.Connection, sessions: Iterable[str]) -> set[str]:
    """All sessions that share a bill with one of `sessions`, including these."""
    return {id for (id,) in db.executemany(_RELATED, [(session,) for session in sessions])}


def refresh_activity(db: apsw.Connection, found: dict[str, list[ActivityBucket]]) -> None:
    """Replace the rows of `activity`, after those of `sessions` are up to date.

    Args:
        db: the database.
        found: the buckets of each session, including all `related` sessions.
    """
    about = {id: _About(*rest) for id, *rest in db.executemany(_ABOUT, [(session,) for session in found])}
    families = defaultdict(list)
    for session in sorted(about):
        families[_payer(session, about)].append(session)
        _name_model(found[session], about[session].model)
    rows = []
    for payer, members in families.items():
        bill = about[payer].cost
        rates = _rates(bill, [one for session in members for one in found[session]])
        for session in members:
            of_session = [_row(about[session], one, *rates) for one in found[session]]
            unspread = bill if bill and session == payer and rates == _NOTHING else None
            if unspread is not None or not of_session:  # the session is counted even if no message holds anything
                of_session.append(_bare(about[session], unspread))
            rows += [(session, i, *row) for i, row in enumerate(of_session)]
    db.executemany("DELETE FROM activity WHERE session_id = ?", [(session,) for session in about])
    db.executemany(_INSERT, rows)


def _name_model(buckets: list[ActivityBucket], model: str | None) -> None:
    """Give messages without a model, such as prompts, that of their session."""
    kept: dict[tuple[int | None, str | None], ActivityBucket] = {}
    for one in buckets:
        one.model = model if one.model is None else one.model
        same = kept.setdefault((one.begin, one.model), one)
        if same is not one:
            same.add(one)
    buckets[:] = kept.values()


def _payer(session: str, about: dict[str, _About]) -> str:
    """The session whose bill includes `session`: itself, or an ancestor."""
    seen = set()
    at: str | None = session
    while at in about and at not in seen:
        seen.add(at)
        if not about[at].paid_for:
            return at
        at = about[at].parent
    return session


_NOTHING = (0.0, 0.0)


def _rates(bill: float | None, parts: list[ActivityBucket]) -> tuple[float | None, float | None]:
    """The share of `bill` (US dollars) per dollar of a message's own cost, and per unit of its token weight."""
    if bill is None:
        return None, None
    own = fsum(one.cost for one in parts if one.cost)
    if own > 0 and not any(one.costless for one in parts):
        # A difference that comes from the order of the additions alone makes no estimate.
        return (1.0 if abs(bill - own) <= 1e-9 * own else bill / own), 0.0
    weight = sum(one.weight for one in parts)
    return (0.0, bill / weight) if weight else _NOTHING


def _row(about: _About, one: ActivityBucket, cost_rate: float | None, token_rate: float | None) -> tuple[Any, ...]:
    """The values for `_INSERT` after the key."""
    cost = None
    if cost_rate is not None and token_rate is not None:
        cost = (one.cost or 0.0) * cost_rate + one.weight * token_rate
    return (
        one.begin,
        one.model,
        about.parent is not None,
        one.messages,
        one.turns if about.parent is None else 0,
        one.prompt_tokens,
        one.completion_tokens,
        one.reasoning_tokens,
        one.cache_read_tokens,
        one.cache_write_tokens,
        cost,
        0.0 if cost_rate == 1 else cost,
        one.used if cost is None else 0,
        cost_rate,
        token_rate,
    )


def _bare(about: _About, cost: float | None) -> tuple[Any, ...]:
    """The row, like `_row`, for a session without messages or for a bill without tokens to divide it by."""
    return (about.begin, about.model, about.parent is not None, *(0,) * 7, cost, 0.0, 0, 1.0, 0.0)
