"""Rows for what the client reports only for the whole session, at its end or again and again while it runs.

They have the tokens and the cost that no message has.
"""

from typing import Any

import apsw
import msgspec

from projector.derived.prices import Prices
from projector.model.changes import USAGE_AT, MessageSeen
from projector.model.naming import scoped_id

_FACTS = "'reported_tokens', 'reported_cost', 'model', 'provider', 'created_at', 'updated_at'"
_REPORTED = f"""
SELECT f.session_id, s.source, f.name, f.value FROM session_facts AS f JOIN sessions AS s ON s.id = f.session_id
WHERE f.session_id = ?1 AND f.name IN ({_FACTS})
AND EXISTS (SELECT 1 FROM session_facts WHERE session_id = ?1 AND name IN ('reported_tokens', 'reported_cost'))
"""
# Of a session's other messages: whether any has tokens, a cost from the client, a cost from elsewhere.
_IN_MESSAGES = """
SELECT ifnull(max(max(ifnull(prompt_tokens, 0), ifnull(completion_tokens, 0), ifnull(reasoning_tokens, 0),
    ifnull(cache_read_tokens, 0), ifnull(cache_write_tokens, 0))), 0) > 0,
  count(*) FILTER (WHERE cost_source = 'client' AND cost > 0) > 0,
  count(*) FILTER (WHERE cost_source <> 'client') > 0
FROM messages WHERE session_id = ? AND id <> ?
"""
_NAMES = MessageSeen.__struct_fields__
_INSERT = f"INSERT OR REPLACE INTO messages ({', '.join(_NAMES)}) VALUES ({', '.join('?' * len(_NAMES))})"


def refresh_reported_totals(db: apsw.Connection, sessions: list[str]) -> None:
    """Make, replace or delete that row in each of `sessions`. Copied messages have tokens too."""
    reported: dict[tuple[str, str], dict[str, Any]] = {}
    for session, source, name, value in db.executemany(_REPORTED, [(session,) for session in sessions]):
        reported.setdefault((session, source), {})[name] = value
    for (session, source), facts in reported.items():
        row = _row(db, session, source, facts)
        if row:
            Prices(db).fill_in([row])
            db.execute(_INSERT, msgspec.structs.astuple(row))
        else:
            db.execute("DELETE FROM messages WHERE id = ?", (_row_id(session),))


def refresh_running_totals(db: apsw.Connection, sessions: list[str]) -> None:
    """Make, replace or delete a row for each fact `usage_at` of `sessions`: what was used since the one before it.

    What messages of that time have of it is theirs.
    """
    reports: dict[tuple[str, str], list[tuple[int, dict[str, Any]]]] = {}
    for session, source, at, value in db.executemany(_USAGE, [(session,) for session in sessions]):
        reports.setdefault((session, source), []).append((at, msgspec.json.decode(value)))
    for (session, source), usage in reports.items():
        rows = _usage_rows(db, session, source, usage)
        Prices(db).fill_in(rows)
        ids = msgspec.json.encode([row.id for row in rows]).decode()
        db.execute(_DELETE, (session, scoped_id("total:", session), ids))
        db.executemany(_INSERT, map(msgspec.structs.astuple, rows))


_USAGE = f"""
SELECT f.session_id, s.source, CAST(substr(f.name, {len(USAGE_AT) + 1}) AS INTEGER), f.value
FROM session_facts AS f JOIN sessions AS s ON s.id = f.session_id
WHERE f.session_id = ? AND f.name GLOB '{USAGE_AT}*' ORDER BY 3
"""
_COUNTED = ("prompt_tokens", "completion_tokens", "reasoning_tokens", "cache_read_tokens", "cache_write_tokens")
_KNOWN = f"""
SELECT {", ".join(f"total({name})" for name in _COUNTED)}, total(iif(cost_source = 'client', cost, 0))
FROM messages WHERE session_id = ? AND NOT session_total AND NOT copied AND ifnull(created_at, 0) <= ?
"""
_MODEL = "SELECT name, value FROM session_facts WHERE session_id = ? AND name IN ('model', 'provider')"
_DELETE = """
DELETE FROM messages WHERE session_id = ?1 AND session_total AND substr(id, 1, length(?2)) = ?2
AND id NOT IN (SELECT value FROM json_each(?3))
"""


def _usage_rows(
    db: apsw.Connection, session: str, source: str, usage: list[tuple[int, dict[str, Any]]]
) -> list[MessageSeen]:
    """A row for each report in `usage`, in the order of time, that has more than what is known by then."""
    model: dict[str, Any] = dict(db.execute(_MODEL, (session,)))
    rows: list[MessageSeen] = []
    for at, reported in usage:
        known = dict(zip((*_COUNTED, "cost"), db.execute(_KNOWN, (session, at)).get, strict=True))
        missing = {name: reported[name] - known[name] for name in known if reported.get(name) is not None}
        for name in missing:
            missing[name] -= sum(getattr(row, name) or 0 for row in rows)
        counts: dict[str, Any] = {name: int(missing[name]) for name in _COUNTED if missing.get(name, 0) > 0}
        cost = missing.get("cost", 0)
        if not counts and cost <= _NOTHING:
            continue
        rows.append(
            MessageSeen(
                scoped_id(f"total:{at}", session),
                session,
                source,
                "assistant",
                **model,
                **counts,
                cost=cost if cost > _NOTHING else None,
                created_at=at,
                synthetic=True,
                session_total=True,
            )
        )
    return rows


_NOTHING = 1e-9  # US dollars: less is an error of sums


def _row_id(session: str) -> str:
    return scoped_id("total", session)


def _row(db: apsw.Connection, session: str, source: str, facts: dict[str, Any]) -> MessageSeen | None:
    tokens, client_cost, other_cost = db.execute(_IN_MESSAGES, (session, _row_id(session))).fetchall()[0]
    counts: dict[str, Any] = msgspec.json.decode(facts.get("reported_tokens") or "{}")
    if tokens or not any(counts.values()):
        counts = {}
    cost = facts.get("reported_cost")
    if client_cost:
        cost = 0.0
    elif other_cost:
        cost = None
    if not counts and not cost:
        return None
    return MessageSeen(
        _row_id(session),
        session,
        source,
        "assistant",
        model=facts.get("model"),
        provider=facts.get("provider"),
        **counts,
        cost=cost,
        created_at=facts.get("updated_at") or facts.get("created_at"),
        synthetic=True,
        session_total=True,
    )
