"""Finds the owners of rows that stand in the records of several sessions: forks and subagents copy lines and ids.

Some copies are marked with the session they come from (`Copied`), others are not. Copies keep the order of their times,
so an unmarked row belongs to the session of the first marked copy that is not earlier. A row that no marked copy
follows but that several records hold belongs to the session that the others descend from: were forked from, or are
subagents of. Where nothing says that, it belongs to the one that was the first to go on with something else.
"""

from bisect import bisect_left
from math import inf
from typing import Any

import apsw
import msgspec

from projector.model.batch import Batch
from projector.model.naming import HOOK_PREFIX

_TABLES = ("messages", "session_errors", "compaction_events")

_NOTE_COPY = """
INSERT INTO copies VALUES (?, ?, ?, 0, NULL)
ON CONFLICT (session_id, id) DO UPDATE SET origin = excluded.origin WHERE origin = session_id
"""


def assign_copied_rows(db: apsw.Connection, batch: Batch, sessions: set[str]) -> set[str]:
    """Give each row that several records hold to the session that owns it; returns all sessions concerned.

    Args:
        db: the database.
        batch: the rows just written.
        sessions: that a change names; what is known of them may decide who owns a row.
    """
    _drop_copies_of_copies(db, batch)
    held = "SELECT DISTINCT session_id FROM copies WHERE session_id = ?"
    holders = [session for (session,) in db.executemany(held, [(session,) for session in sorted(sessions)])]
    for session in holders:
        _find_unmarked(db, session)
    claims: dict[str, set[str]] = {}
    for id, *named in db.executemany(_CLAIMS, [(session,) for session in holders]):
        claims.setdefault(id, set()).update(named)
    owners: dict[frozenset[str], str] = {}
    concerned: set[str] = set()
    for id, claimants in claims.items():
        key = frozenset(claimants)
        if key not in owners:
            owners[key] = _owner(db, claimants)
        concerned.add(owners[key])
        concerned |= _assign(db, id, owners[key])
    return concerned


_CLAIMS = """
SELECT other.id, other.session_id, other.origin FROM copies AS own JOIN copies AS other USING (id)
WHERE own.session_id = ?
"""


def _assign(db: apsw.Connection, id: str, owner: str) -> set[str]:
    """Give the rows with this id, and what belongs to them, to `owner`; returns the sessions that had them."""
    had = set()
    for table in _TABLES:
        holder = db.execute(f"SELECT session_id FROM {table} WHERE id = ?", (id,)).get
        if holder not in (None, owner):
            db.execute(f"UPDATE {table} SET session_id = ? WHERE id = ?", (owner, id))
            had.add(holder)
    if had:
        db.execute("UPDATE messages SET deleted_at = NULL WHERE id = ?", (id,))  # its owner knows
    for table in ("parts", "tools"):
        others = f"FROM {table} WHERE message_id = ?1 AND session_id <> ?2"
        had |= {session for (session,) in db.execute(f"SELECT DISTINCT session_id {others}", (id, owner))}
        db.execute(f"UPDATE {table} SET session_id = ?2 WHERE message_id = ?1", (id, owner))
    return had


def _drop_copies_of_copies(db: apsw.Connection, batch: Batch) -> None:
    """Drop rows that are named after a copy, as soon as it is known what that one is a copy of."""
    ids = {copy.copy_id for copy in batch.copies.values() if copy.copy_id} | {id for id, _ in batch.copies}
    known = "SELECT DISTINCT copy_id FROM copies WHERE copy_id = ?"
    copies = db.executemany(known, [(id,) for id in ids]).fetchall()
    db.executemany("DELETE FROM parts WHERE message_id = ?", copies)
    for table in _TABLES:
        db.executemany(f"DELETE FROM {table} WHERE id = ?", copies)


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
            f"SELECT id, created_at FROM {table} WHERE session_id = ?1 AND created_at <= ?2 AND id NOT LIKE ?3 "
            f"UNION SELECT id, created_at FROM {table} JOIN copies AS c USING (id) "
            "WHERE c.session_id = ?1 AND origin = ?1 AND created_at <= ?2",
            (fork, times[-1], HOOK_PREFIX + "%"),  # what a hook reported is in no record
        ).fetchall():
            origin = marked[bisect_left(times, at)][1]
            db.execute(_NOTE_COPY, (id, fork, origin))


def _owner(db: apsw.Connection, claimants: set[str]) -> str:
    """The session that the same row in the records of all `claimants` belongs to."""
    roots = {one for one in claimants if not _ancestors(db, one) & claimants} or claimants
    if len(roots) == 1:
        return next(iter(roots))
    # The id decides only where the records are equal.
    return min(roots, key=lambda one: (*_begin(db, one, claimants), one))


def _ancestors(db: apsw.Connection, session: str) -> set[str]:
    """The sessions that `session` was forked from or is a subagent of, without itself."""
    found = {id for (id,) in db.execute(_ANCESTORS, (session,))}
    return found - {session}


_ANCESTORS = """
WITH RECURSIVE above (id) AS (
  VALUES (?)
  UNION SELECT value FROM above JOIN session_facts ON session_id = above.id AND name IN ('parent_id', 'forked_from')
  UNION SELECT t.session_id FROM above JOIN session_facts AS f ON f.session_id = above.id AND name = 'spawned_by'
    JOIN tools AS t ON t.id = f.value
)
SELECT id FROM above
"""


def _begin(db: apsw.Connection, session: str, claimants: set[str]) -> tuple[float, float]:
    """When `session` first said something that not all `claimants` hold, and when it began, as far as that is known.

    A record that the others hold completely is the oldest: the others went on where it ended.
    """
    others = msgspec.json.encode(sorted(claimants)).decode()
    own, began = db.execute(_BEGIN, (session, HOOK_PREFIX + "%", others)).get
    return -inf if own is None else own, inf if began is None else began


_BEGIN = """
WITH held (id) AS (SELECT id FROM copies WHERE session_id = ?1)
SELECT
  (SELECT min(created_at) FROM (
    SELECT created_at FROM messages WHERE session_id = ?1 AND id NOT LIKE ?2 AND id NOT IN held
    UNION ALL SELECT created_at FROM held JOIN messages AS m USING (id) WHERE EXISTS (
      SELECT 1 FROM json_each(?3) WHERE NOT EXISTS (SELECT 1 FROM copies WHERE session_id = value AND id = m.id)
    )
  )),
  (SELECT value FROM session_facts WHERE session_id = ?1 AND name = 'created_at')
"""
