"""Rows for what a bill has besides the messages of a session: requests that no record holds, as for a compaction."""

from typing import Any

import apsw
import msgspec

from projector.derived.bills import last_bill, whole_bill
from projector.derived.prices import Prices
from projector.model.changes import MessageSeen
from projector.model.evidence import BILL_COUNTS
from projector.model.naming import scoped_id

_SESSIONS = "SELECT DISTINCT session_id, source FROM bills JOIN sessions AS s ON s.id = session_id WHERE session_id = ?"
_OLD = "SELECT id FROM messages WHERE session_id = ? AND session_total AND id GLOB '*/side:*'"
_LAST = "SELECT max(created_at) FROM messages WHERE session_id = ? AND NOT session_total AND NOT copied"
_CHILDREN = """
SELECT s.id FROM session_facts AS f JOIN sessions AS s ON s.id = f.session_id
WHERE f.value = ?1 AND f.name = 'parent_id' AND f.name IN ('parent_id', 'forked_from', 'spawned_by')
AND (s.cost_source IS 'parent') <> ?2
"""
_NAMES = MessageSeen.__struct_fields__
_INSERT = f"INSERT OR REPLACE INTO messages ({', '.join(_NAMES)}) VALUES ({', '.join('?' * len(_NAMES))})"


def refresh_side_requests(db: apsw.Connection, sessions: list[str]) -> set[str]:
    """Make, replace or delete such rows of `sessions`: one for each model.

    Returns:
        Subagents whose cost is now in the bill of one of `sessions`, or not any more.
    """
    concerned: set[str] = set()
    billed: list[Any] = db.executemany(_SESSIONS, [(session,) for session in sessions]).fetchall()
    for session, source in billed:
        bill = last_bill(db, session)
        rows = [_row(db, session, source, model, counts) for model, counts in bill.beside.items()] if bill else []
        gone = {id for (id,) in db.execute(_OLD, (session,))} - {row.id for row in rows}
        db.executemany("DELETE FROM messages WHERE id = ?", [(id,) for id in gone])
        Prices(db).fill_in(rows)
        db.executemany(_INSERT, map(msgspec.structs.astuple, rows))
        pays = whole_bill(db, session) is not None
        concerned |= {child for (child,) in db.execute(_CHILDREN, (session, pays))}
    return concerned


def _row(db: apsw.Connection, session: str, source: str, model: str | None, counts: list[int]) -> MessageSeen:
    at = db.execute(_LAST, (session,)).get
    row = MessageSeen(scoped_id(f"side:{model or ''}", session), session, source, "assistant", model=model)
    for name, count in zip(BILL_COUNTS, counts, strict=True):
        setattr(row, name, count)
    if model and (priced := db.execute(_PRICED_AS, (session, model)).fetchone()):
        row.provider, row.price_context = priced
    row.created_at = at
    row.synthetic = row.session_total = True
    return row


# What else the price depends on, such as a region, is the same for all requests of a session.
_PRICED_AS = """
SELECT provider, price_context FROM messages WHERE session_id = ?1 AND provider IS NOT NULL
ORDER BY model IS NOT ?2, provider, price_context LIMIT 1
"""
