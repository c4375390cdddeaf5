"""A client's bill for a session against what its messages used: what the bill has besides, and whether it is whole.

A bill includes subagents, earlier runs of the session and, in a fork, what the origin had cost until then. It also has
requests that no record holds, such as those of a compaction or for a title.
"""

from typing import Any, NamedTuple

import apsw
import msgspec

from projector.model.evidence import BILL_COUNTS

_TOLERANCE = 1.01  # computed costs may be so much higher than a bill without counts, and the bill still be whole

# A session with the subagents that its bill includes; the last condition is that of the partial index.
_FAMILY = """
(session_id = ?1 OR session_id IN (SELECT session_id FROM session_facts WHERE value = ?1 AND name = 'parent_id'
  AND name IN ('parent_id', 'forked_from', 'spawned_by')))
"""
_USED = f"""
SELECT model, {", ".join(f"ifnull(sum({name}), 0)" for name in BILL_COUNTS)} FROM messages
WHERE {_FAMILY} AND NOT copied AND NOT session_total AND model IS NOT NULL GROUP BY model
"""
_SPENT = f"""
SELECT sum(cost), count(*) FILTER (WHERE cost_source = 'unknown') FROM messages
WHERE {_FAMILY} AND NOT copied AND NOT session_total
"""
_LAST_BILL = "SELECT cost, output_tokens, usage FROM bills WHERE session_id = ? ORDER BY cost DESC, output_tokens DESC"
_BILL_AT_FORK = "SELECT cost, usage FROM bills WHERE session_id = ? ORDER BY abs(output_tokens - ?), cost LIMIT 1"

_Counts = dict[str, list[int]]  # by model, in the order of BILL_COUNTS


class Bill(NamedTuple):
    """What a session and its subagents cost, without what they copied.

    Attributes:
        cost: US dollars.
        beside: counts of what no message holds, by model; None for a model of several. Empty for nothing.
        whole: whether the bill has all that the messages used; None if it has no counts.
    """

    cost: float
    beside: dict[str | None, list[int]]
    whole: bool | None


def whole_bill(db: apsw.Connection, session: str) -> float | None:
    """The session's bill in US dollars, subagents included.

    None if the client reported none, or one that is smaller than what the messages cost: it lacks something.
    """
    bill = last_bill(db, session)
    if bill is None or bill.whole:
        return None if bill is None else bill.cost
    spent, unknown = db.execute(_SPENT, (session,)).get
    limit = bill.cost if bill.whole is False else bill.cost * _TOLERANCE
    return bill.cost if unknown or (spent or 0.0) <= limit else None


def last_bill(db: apsw.Connection, session: str) -> Bill | None:
    """The session's last bill; None if the client reported none.

    Bills grow over resumes, so the highest is the latest. A fork's bill starts with its origin's at the time of the
    fork. That one is found among the origin's bills by the output tokens that were not the fork's own.
    """
    last = db.execute(_LAST_BILL, (session,)).fetchone()
    if last is None:
        return None
    cost: Any
    cost, output, usage = last
    billed = _counts(usage)
    used: _Counts = {model: counts for model, *counts in db.execute(_USED, (session,)).fetchall()}  # type: ignore[misc]
    fork = "SELECT value FROM session_facts WHERE session_id = ? AND name = 'forked_from'"
    if origin := db.execute(fork, (session,)).get:
        own = sum(counts[1] for counts in used.values())
        before = db.execute(_BILL_AT_FORK, (origin, output - own)).fetchone()
        if before is None:
            return None
        cost = max(0.0, cost - before[0])
        usage = usage if before[1] else None
        for model, counts in _counts(before[1]).items():
            billed[model] = [a - b for a, b in zip(billed.get(model, [0] * len(counts)), counts, strict=True)]
    beside = _beside(billed, used)
    whole = all(count >= 0 for counts in beside.values() for count in counts) if usage else None
    return Bill(cost, {model: counts for model, counts in beside.items() if any(counts)} if whole else {}, whole)


def _counts(usage: str | None) -> _Counts:
    return msgspec.json.decode(usage, type=_Counts) if usage else {}


def _beside(billed: _Counts, used: _Counts) -> dict[str | None, list[int]]:
    """What `billed` has and `used` has not, by model: of all together if they name the models differently."""
    used = {model: counts for model, counts in used.items() if any(counts)}
    if used.keys() <= billed.keys():
        nothing = [0] * len(BILL_COUNTS)
        return {m: [a - b for a, b in zip(c, used.get(m, nothing), strict=True)] for m, c in billed.items()}
    sums = ([sum(column) for column in zip(*counts.values(), strict=True)] for counts in (billed, used))
    return {None: [a - b for a, b in zip(*sums, strict=True)]} if billed else {}
