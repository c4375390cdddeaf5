"""Whose line is it? A fork of Claude Code copies its origin's lines, with their ids, into a record of its own.

Assistant lines bear the session they were made in; prompts and system lines of a fork bear no mark. But the copies
stand in the order of their times, so an unmarked line belongs to the session of the first marked copy that follows it.
What no mark follows is told by standing in two records: then it belongs to the one that the other was forked from.
"""

from bisect import bisect_left
from typing import Any

import apsw

_TABLES = ("messages", "session_errors", "compaction_events")


_NOTE_COPY = """
INSERT INTO copies VALUES (?, ?, ?, 0)
ON CONFLICT (session_id, id) DO UPDATE SET origin = excluded.origin WHERE origin = session_id
"""


def assign_copied_rows(db: apsw.Connection, forks: set[str]) -> set[str]:
    """Give what the records of `forks` copied to the sessions it belongs to; returns all sessions this concerns."""
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
    """Note the unmarked copies in the record of `fork` beside the marked ones."""
    marked: list[Any] = db.execute(
        "SELECT at, origin FROM copies WHERE session_id = ?1 AND origin <> ?1 AND at > 0 ORDER BY at", (fork,)
    ).fetchall()
    if not marked:
        return
    times = [at for at, _ in marked]
    for table in _TABLES:
        # Also those that its origin holds by now, as when both were told in one batch.
        for id, at in db.execute(
            f"SELECT id, created_at FROM {table} WHERE session_id = ?1 AND created_at <= ?2 "
            f"UNION SELECT id, created_at FROM {table} JOIN copies AS c USING (id) "
            "WHERE c.session_id = ?1 AND origin = ?1 AND created_at <= ?2",
            (fork, times[-1]),
        ).fetchall():
            origin = marked[bisect_left(times, at)][1]
            db.execute(_NOTE_COPY, (id, fork, origin))
    # A copied result bears no mark either. Where the call's id is only good within its session, it looks like the
    # result of a call of the fork's own, which never was.
    db.execute(
        "DELETE FROM tools WHERE session_id = ?1 AND open_rank < 0 AND completed_at <= ?2 AND instr(id, ?1 || '/') = 1",
        (fork, times[-1]),
    )


def _root(db: apsw.Connection, claims: set[str]) -> str:
    """Of sessions that hold the same line the one that the others were forked from."""
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
