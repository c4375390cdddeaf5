"""The time of a message whose event has none, or none that can be read: it follows the event before it in the log."""

import apsw

from projector.model.batch import Batch
from projector.model.naming import HOOK_PREFIX

# What the client's own record says; a hook's report has the time of its event.
_LATEST = """
SELECT max(max(created_at, ifnull(completed_at, created_at))) FROM messages
WHERE session_id = ? AND NOT time_inferred AND NOT session_total AND id NOT LIKE ?
"""
_NOTE = "INSERT INTO untimed_messages VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"
_AFTER = "UPDATE untimed_messages SET after = min(ifnull(after, ?1), ?1) WHERE session_id = ?2"
# A millisecond a message keeps them in order; those before the first time count back from it. In a session of which no
# message has a time, they count from when the session that owns them began.
_INFER = """
UPDATE messages SET created_at = inferred, time_inferred = 1 FROM (
  SELECT message_id, CASE
      WHEN before IS NOT NULL
        THEN min(before + row_number() OVER (PARTITION BY before ORDER BY position), ifnull(after, 1 << 62))
      WHEN after IS NOT NULL THEN after - row_number() OVER (PARTITION BY before ORDER BY position DESC)
      ELSE row_number() OVER (PARTITION BY before ORDER BY position) + (
        SELECT f.value FROM messages AS m JOIN session_facts AS f ON f.session_id = m.session_id
        WHERE m.id = message_id AND f.name = 'created_at'
      )
    END AS inferred
  FROM untimed_messages WHERE session_id = ?
)
WHERE id = message_id AND inferred IS NOT NULL AND (created_at IS NULL OR time_inferred)
"""


def note_untimed(db: apsw.Connection, batch: Batch) -> None:
    """Note the times around messages without one, before the rows of `batch` are written."""
    for session, (first, _) in batch.times.items():
        db.execute(_AFTER, (first, session))
    for session, untimed in batch.untimed.items():
        known = db.execute(_LATEST, (session, HOOK_PREFIX + "%")).get
        for id, one in untimed.items():
            before = max((at for at in (known, one.before) if at is not None), default=None)
            db.execute(_NOTE, (session, id, one.position, before, one.after))


def infer_times(db: apsw.Connection, sessions: list[str]) -> None:
    """Set the time of the messages of `sessions` of which no event reports one."""
    db.executemany(_INFER, [(session,) for session in sessions])
