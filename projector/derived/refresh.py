"""Refreshes the derived rows of every session that a batch touched, from all that is known of the session.

Nothing here depends on the order of events, so one large batch and one batch per line end with the same rows.
"""

import apsw

from projector.derived.call_reports import refresh_call_reports
from projector.derived.call_results import match_results
from projector.derived.forks import assign_copied_rows
from projector.derived.history import apply_history_marks
from projector.derived.hook_reports import refresh_hook_reports
from projector.derived.inferred_models import infer_models
from projector.derived.inferred_times import infer_times
from projector.derived.message_text import refresh_text
from projector.derived.reported_totals import refresh_reported_totals, refresh_running_totals
from projector.derived.request_usage import refresh_request_usage
from projector.derived.rewinds import mark_rewound
from projector.derived.saved_outputs import fill_outputs
from projector.derived.session_totals import refresh_sessions
from projector.derived.side_requests import refresh_side_requests
from projector.model.batch import Batch


def refresh(db: apsw.Connection, batch: Batch, sessions: set[str], messages: set[str]) -> None:
    """Refresh all derived rows, inside the transaction that wrote `batch`.

    Everything is derived per session but for three things, which would read too much: the text of a message needs all
    its parts, the owner of a copied row all rows of both records, and a session that depends on another one is
    refreshed only for a row of that one which matters to it.

    Args:
        db: the database.
        batch: the rows just written.
        sessions: that own a row of it.
        messages: whose text must be put together again.
    """
    _streamed_text(db, sessions)
    refresh_text(db, messages)
    moved = assign_copied_rows(db, batch, sessions)
    sessions = sessions | moved | match_results(db, sessions | moved) | fill_outputs(db, batch)
    sessions |= _dependents(db, batch, sessions)
    _mark_copies(db, sessions)
    mark_rewound(db, sessions)
    apply_history_marks(db, sorted(sessions))
    sessions |= refresh_call_reports(db, sorted(sessions)) | refresh_request_usage(db, batch)
    ordered = sorted(sessions)
    refresh_hook_reports(db, ordered, moved)
    _file_edits(db, ordered)
    infer_times(db, ordered)
    infer_models(db, ordered)
    refresh_reported_totals(db, ordered)
    refresh_running_totals(db, ordered)
    ordered = sorted(sessions | refresh_side_requests(db, ordered))
    refresh_sessions(db, ordered)


# The partial index of these facts is used only with its own condition.
_LINKS = "name IN ('parent_id', 'forked_from', 'spawned_by')"
_LINKED = f"SELECT session_id FROM session_facts WHERE value = ? AND name = ? AND {_LINKS}"
_CALLED_BY = "SELECT session_id FROM tools WHERE message_id = ?"
_BILLED_PARENT = """
SELECT child.value FROM session_facts AS child WHERE child.session_id = ? AND child.name = 'parent_id'
AND EXISTS (SELECT 1 FROM bills WHERE session_id = child.value)
"""
# Subagents whose cost may now be in a bill of their parent: it has one, and is new or a fork.
_IN_BILL = f"""
SELECT child.session_id FROM session_facts AS child
WHERE child.value = ?1 AND child.name = 'parent_id' AND child.{_LINKS}
AND (?2 OR EXISTS (SELECT 1 FROM session_facts WHERE session_id = ?1 AND name = 'forked_from'))
AND EXISTS (SELECT 1 FROM bills WHERE session_id = ?1)
"""


def _dependents(db: apsw.Connection, batch: Batch, sessions: set[str]) -> set[str]:
    """Other sessions whose rows depend on what `batch` wrote.

    They are: those with a tool call of a written message, whose model the call takes; subagents that a written call
    spawned; forks of a session with a new bill; subagents of a session whose directory may have become known; and
    subagents and parents that share a bill with one of `sessions`.
    """
    billed = {session for session, *_ in batch.bills}
    links = [(id, "spawned_by") for id in batch.tools] + [(id, "forked_from") for id in billed]
    links += [(id, "parent_id") for id, facts in batch.sessions.items() if "project_path" in facts]
    modelled = {id for id, message in batch.messages.items() if message.model is not None}
    modelled |= {id for table, id in (*batch.replaced, *batch.deleted) if table == "messages"}  # they may have had one
    found: set[str] = {s for (s,) in db.executemany(_CALLED_BY, [(id,) for id in modelled])}
    found |= {s for (s,) in db.executemany(_LINKED, links)}
    found |= {s for (s,) in db.executemany(_BILLED_PARENT, [(session,) for session in sessions])}
    bills = [(session, session in billed) for session in sessions | found]
    return found | {s for (s,) in db.executemany(_IN_BILL, bills)}


def _streamed_text(db: apsw.Connection, sessions: set[str]) -> None:
    """Give parts the text of their deltas until the complete text comes; then the deltas are not needed any more."""
    streaming = "SELECT DISTINCT session_id FROM part_deltas WHERE session_id = ?"
    ids = [(session,) for (session,) in db.executemany(streaming, [(session,) for session in sessions])]
    db.executemany(
        "DELETE FROM part_deltas WHERE session_id = ?1 "
        "AND (SELECT completed_at FROM parts WHERE id = part_id) IS NOT NULL",
        ids,
    )
    db.executemany(
        "UPDATE parts SET text = d.text FROM (SELECT part_id, group_concat(text, '' ORDER BY position, id) AS text "
        "FROM part_deltas WHERE session_id = ?1 GROUP BY part_id) AS d "
        "WHERE parts.id = d.part_id AND length(d.text) > length(ifnull(parts.text, ''))",
        ids,
    )


_IS_COPY = "ifnull(created_at < ?1 AND made_at >= ?1, 0)"


def _mark_copies(db: apsw.Connection, sessions: set[str]) -> None:
    """Mark the messages that a fork copied under new ids: older than its fact `copies_before`, with younger ids.

    A clock may have been set back in between, so the time alone is no evidence.

    What the copies hold happened once, in the original: their tool calls, failures and compactions make no rows. For a
    session that another database of ours sent, that database has already removed them.
    """
    before = "SELECT value, session_id FROM session_facts WHERE session_id = ? AND name = 'copies_before'"
    known = db.executemany(before, [(session,) for session in sessions]).fetchall()
    db.executemany(
        f"UPDATE messages SET copied = {_IS_COPY} WHERE session_id = ?2 AND copied <> {_IS_COPY}",
        known,
    )
    some = (
        "SELECT DISTINCT session_id FROM messages WHERE session_id = ?2 AND copied AND ?1 IS NOT NULL "
        "AND NOT EXISTS (SELECT 1 FROM session_facts WHERE session_id = ?2 AND name = 'synced')"
    )
    forks = [(session,) for (session,) in db.executemany(some, known)]
    copies = "SELECT id FROM messages WHERE session_id = ? AND copied"
    db.executemany(f"DELETE FROM tools WHERE message_id IN ({copies})", forks)
    db.executemany(f"DELETE FROM session_errors WHERE message_id IN ({copies})", forks)
    db.executemany(
        f"DELETE FROM compaction_events WHERE id IN (SELECT id FROM parts WHERE message_id IN ({copies}))", forks
    )


_EDITS = """
SELECT t.id || iif(e.key, ':' || e.key, '') AS id, session_id, message_id, tool_name, e.value AS edited, completed_at,
  source, t.id AS tool_id
FROM tools AS t, json_each(ifnull(edited_files, json_array(file_path))) AS e
"""


def _file_edits(db: apsw.Connection, sessions: list[str]) -> None:
    """One row for each file that a successful call edited. Rows that are right stay."""
    ids = [(session,) for session in sessions]
    edits = f"{_EDITS} WHERE session_id = ?1 AND edits_file AND success AND edited IS NOT NULL"
    old = "FROM file_edits WHERE session_id = ?1"
    db.executemany(f"DELETE FROM file_edits WHERE id IN (SELECT id FROM (SELECT * {old} EXCEPT {edits}))", ids)
    db.executemany(f"INSERT OR REPLACE INTO file_edits SELECT * FROM ({edits}) WHERE id NOT IN (SELECT id {old})", ids)
