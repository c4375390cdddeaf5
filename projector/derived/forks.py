"""Finds the owners of rows that stand in the records of several sessions: a fork copies its origin's lines and ids.

Some copies are marked with the session they come from (`Copied`), others are not. Copies keep the order of their times,
so an unmarked row belongs to the session of the first marked copy that is not earlier. A row that no marked copy
follows but that two records hold belongs to the session that the other one was forked from.
"""

from bisect import bisect_left
from typing import Any

import apsw

from projector.model.naming import scoped_id

_TABLES = ("messages", "session_errors", "compaction_events")


_NOTE_COPY = """
INSERT INTO copies VALUES (?, ?, ?, 0)
ON CONFLICT (session_id, id) DO UPDATE SET origin = excluded.origin WHERE origin = session_id
"""


def assign_copied_rows(db: apsw.Connection, forks: set[str]) -> set[str]:
    """Give each row that the records of `forks` copied to the session that owns it; returns all sessions concerned."""
    concerned: set[str] = set()
    for fork in sorted(forks):
        _find_unmarked(db, fork)
        ids = [id for (id,) in db.execute("SELECT id FROM copies WHERE session_id = ?", (fork,))]
        for id in ids:
            claims = {
                s for pair in db.execute("SELECT session_id, origin FROM copies WHERE id = ?", (id,)) for s in pair
            }
            owner = _root(db, claims)
            concerned.add(owner)
            for table in _TABLES:
                holder = db.execute(f"SELECT session_id FROM {table} WHERE id = ?", (id,)).get
                if holder in (None, owner):
                    continue
                db.execute(f"UPDATE {table} SET session_id = ? WHERE id = ?", (owner, id))
                if table == "messages":
                    db.execute("UPDATE parts SET session_id = ? WHERE message_id = ?", (owner, id))
                concerned.add(holder)
    return concerned


def _find_unmarked(db: apsw.Connection, fork: str) -> None:
    """Note in `copies` the unmarked copies in the record of `fork`."""
    marked: list[Any] = db.execute(
        "SELECT at, origin FROM copies WHERE session_id = ?1 AND origin <> ?1 AND at > 0 ORDER BY at", (fork,)
    ).fetchall()
    if not marked:
        return
    times = [at for at, _ in marked]
    for table in _TABLES:
        # Including those that the origin owns by now, as when one batch held both records.
        for id, at in db.execute(
            f"SELECT id, created_at FROM {table} WHERE session_id = ?1 AND created_at <= ?2 "
            f"UNION SELECT id, created_at FROM {table} JOIN copies AS c USING (id) "
            "WHERE c.session_id = ?1 AND origin = ?1 AND created_at <= ?2",
            (fork, times[-1]),
        ).fetchall():
            origin = marked[bisect_left(times, at)][1]
            db.execute(_NOTE_COPY, (id, fork, origin))
    # A copied result is not marked either. If the call's id is scoped to the session, the copy looks like the result of
    # a call of the fork's own that was never made.
    db.execute(
        "DELETE FROM tools WHERE session_id = ?1 AND open_rank < 0 AND completed_at <= ?2 AND instr(id, ?3) = 1",
        (fork, times[-1], scoped_id("", fork)),
    )


def _root(db: apsw.Connection, claims: set[str]) -> str:
    """Of the sessions `claims` that hold the same row, the one that the others were forked from."""
    roots = set()
    for claim in claims:
        root, seen = claim, {claim}
        at: str | None = claim
        while at := db.execute(
            "SELECT value FROM session_facts WHERE session_id = ? AND name = 'forked_from'", (at,)
        ).get:
            if at in seen:
                break
            seen.add(at)
            root = at if at in claims else root
        roots.add(root)
    return min(roots)
