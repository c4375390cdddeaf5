"""What happened in each quarter of an hour of a session, by model, and what of a bill that bears: `stats` adds it up.

What a session cost is spread over its messages and those of the subagents it pays for, in proportion to what each of
them cost by itself. Where every message tells its own cost (OpenCode), each has exactly that. Where the client only
says what a session cost as a whole (Claude Code), the parts are an estimate, and their sum is what the client says;
such parts are told apart as `cost_split`. Where it is not known of all messages what they cost by themselves, their
tokens stand in, an output token for five of input, one read from the cache for a tenth, as most prices relate.
"""

from collections import defaultdict
from collections.abc import Iterable
from math import fsum
from typing import Any, NamedTuple

import apsw
import msgspec

from projector.derived.buckets import WEIGHTS, bucket_start


class ActivityBucket(msgspec.Struct):
    """The messages of a session in a quarter of an hour that name one model, or none; counts, and epoch milliseconds.

    Attributes:
        begin: of the quarter; None for messages without a time.
        turns: prompts that were typed.
        cache_write_1h_tokens: of `cache_write_tokens` those that are kept for an hour.
        used: messages that used tokens.
        told: what messages cost by themselves, in US dollars; None where none says so.
        untold: messages that used tokens and do not say what they cost.
        worst: of the messages' `cost_source`: 0 for `client`, 1 for `prices`, 2 for `unknown`; None for none of them.
        first: when the first was made.
        last: when the last thing happened.
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
    told: float | None
    untold: int
    worst: int | None
    first: int | None
    last: int | None

    def add(self, other: "ActivityBucket") -> None:
        """Count `other` in."""
        self.messages += other.messages
        self.turns += other.turns
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens
        self.reasoning_tokens += other.reasoning_tokens
        self.cache_read_tokens += other.cache_read_tokens
        self.cache_write_tokens += other.cache_write_tokens
        self.used += other.used
        self.told = (self.told or 0.0) + (other.told or 0.0)
        self.untold += other.untold

    @property
    def weight(self) -> int:
        """What its tokens weigh together."""
        return sum(each * int(getattr(self, kind)) for kind, each in WEIGHTS.items())


_USED = "(prompt_tokens > 0 OR completion_tokens > 0 OR cache_read_tokens > 0 OR cache_write_tokens > 0)"
_BUCKETS = f"""
SELECT ?1, {bucket_start("created_at")}, model, count(*), count(*) FILTER (WHERE role = 'user' AND NOT synthetic),
  ifnull(sum(prompt_tokens), 0), ifnull(sum(completion_tokens), 0), ifnull(sum(reasoning_tokens), 0),
  ifnull(sum(cache_read_tokens), 0), ifnull(sum(cache_write_tokens), 0), ifnull(sum(cache_write_1h_tokens), 0),
  count(*) FILTER (WHERE {_USED}), sum(cost), count(*) FILTER (WHERE cost IS NULL AND {_USED}),
  max(iif(cost_source = 'unknown', 2, cost_source = 'prices')),
  min(created_at), max(max(created_at, ifnull(completed_at, created_at)))
FROM messages WHERE session_id = ?1 AND NOT copied GROUP BY 2, 3
"""
# A session with those whose bill it is in, and whose are in its own.
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
    """What matters of a session's row."""

    parent: str | None
    cost: float | None
    paid_for: bool
    model: str | None
    begin: int | None


def activity_buckets(db: apsw.Connection, sessions: Iterable[str]) -> dict[str, list[ActivityBucket]]:
    """What happened in each of `sessions`, in the order of time; what a fork copied is left out."""
    found: dict[str, list[ActivityBucket]] = {session: [] for session in sessions}
    for session, *rest in db.executemany(_BUCKETS, [(session,) for session in found]):
        found[session].append(ActivityBucket(*rest))
    return found


def related(db: apsw.Connection, sessions: Iterable[str]) -> set[str]:
    """All sessions over which a bill is spread together with one of `sessions`, these included."""
    return {id for (id,) in db.executemany(_RELATED, [(session,) for session in sessions])}


def refresh_activity(db: apsw.Connection, found: dict[str, list[ActivityBucket]]) -> None:
    """Bring the rows of `activity` up to date, behind those of `sessions`.

    Args:
        db: the database.
        found: what happened in each session; all that are related to one of them are among them.
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
            if unspread is not None or not of_session:  # where it stands that there was something, if not in a message
                of_session.append(_bare(about[session], unspread))
            rows += [(session, i, *row) for i, row in enumerate(of_session)]
    db.executemany("DELETE FROM activity WHERE session_id = ?", [(session,) for session in about])
    db.executemany(_INSERT, rows)


def _name_model(happened: list[ActivityBucket], model: str | None) -> None:
    """Let messages without a model of their own, as prompts are, have `model`, their session's."""
    kept: dict[tuple[int | None, str | None], ActivityBucket] = {}
    for one in happened:
        one.model = model if one.model is None else one.model
        same = kept.setdefault((one.begin, one.model), one)
        if same is not one:
            same.add(one)
    happened[:] = kept.values()


def _payer(session: str, about: dict[str, _About]) -> str:
    """The session that pays for `session`: itself, or the one above whose bill holds its cost."""
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
    """What of `bill` (US dollars) a message bears: for a dollar that it costs itself, and for a unit of its weight."""
    if bill is None:
        return None, None
    told = fsum(one.told for one in parts if one.told)
    if told > 0 and not any(one.untold for one in parts):
        # Equal but for the order in which they were added up: that is no estimate.
        return (1.0 if abs(bill - told) <= 1e-9 * told else bill / told), 0.0
    whole = sum(one.weight for one in parts)
    return (0.0, bill / whole) if whole else _NOTHING


def _row(about: _About, one: ActivityBucket, cost_rate: float | None, token_rate: float | None) -> tuple[Any, ...]:
    """What `_INSERT` takes behind the key."""
    cost = None
    if cost_rate is not None and token_rate is not None:
        cost = (one.told or 0.0) * cost_rate + one.weight * token_rate
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
    """The row of a session without messages, or of a bill without tokens to spread it over; see `_row`."""
    return (about.begin, about.model, about.parent is not None, *(0,) * 7, cost, 0.0, 0, 1.0, 0.0)
