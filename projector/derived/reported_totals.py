"""A row for what the client reports only for the whole session: its tokens and cost, where no message has them."""

from typing import Any

import apsw
import msgspec

from projector.derived.prices import Prices
from projector.model.changes import MessageSeen
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
