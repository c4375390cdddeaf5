"""What follows from a batch's rows: worked out anew for each session that it touched, from all that is known of it.

Nothing here depends on the order in which things were told, so a replay in one go and one line by line end alike.
"""

from dataclasses import dataclass
from typing import Any

import apsw

from projector.derived.forks import assign_copied_rows
from projector.derived.hook_reports import refresh_hook_reports
from projector.derived.message_text import refresh_text
from projector.derived.session_totals import refresh_sessions
from projector.model.changes import Rank


@dataclass
class Touched:
    """Whose rows a batch wrote, by id.

    Attributes:
        messages: those that are to be worded anew.
        parts: those that got a bit more text, or became final.
        edits: of the tools those that edited a file.
        copies: sessions of which a copy was found.
        billed: sessions whose bill grew.
        replaced_messages: messages whose rows another database of ours sent, which knows already what is synthetic.
    """

    sessions: set[str]
    messages: set[str]
    parts: set[str]
    tools: set[str]
    edits: set[str]
    copies: set[str]
    billed: set[str]
    replaced_messages: set[str]


def refresh(db: apsw.Connection, touched: Touched) -> None:
    """Bring everything up to date that is worked out from the rows of `touched`; inside the batch's transaction."""
    _streamed_text(db, touched.parts)
    refresh_text(db, touched.messages, touched.replaced_messages)
    forked = assign_copied_rows(db, touched.copies)
    sessions = touched.sessions | forked
    sessions |= _linked(db, sessions, touched)
    _copied(db, sessions)
    ordered = sorted(sessions)
    refresh_hook_reports(db, ordered, forked)
    _file_edits(db, touched.tools, touched.edits)
    refresh_sessions(db, ordered)


def _linked(db: apsw.Connection, sessions: set[str], touched: Touched) -> set[str]:
    """Sessions whose rows follow from the touched ones: subagents of a tool call, forks of a bill, forked parents."""
    found: set[str] = set()
    # The partial index is found only by its own condition.
    links = "SELECT session_id FROM session_facts WHERE value = ? AND name = ? AND name IN "
    links += "('parent_id', 'forked_from', 'spawned_by')"
    for name, values in (("spawned_by", touched.tools), ("forked_from", touched.billed)):
        found |= {s for (s,) in db.executemany(links, [(value, name) for value in values])}
    found |= {p for (p,) in db.executemany(_FORKED_PARENT, [(session,) for session in sessions])}
    payers = [(session, session in touched.billed) for session in sessions | found]
    found |= {s for (s,) in db.executemany(_PAID_FOR, payers)}
    return found


_FORKED_PARENT = """
SELECT fork.session_id FROM session_facts AS child
JOIN session_facts AS fork ON fork.session_id = child.value AND fork.name = 'forked_from'
WHERE child.session_id = ? AND child.name = 'parent_id'
"""


# Subagents, when it may be new whether their session's bill is known: it came, or tells from where it was forked.
_PAID_FOR = """
SELECT child.session_id FROM session_facts AS child
WHERE child.value = ?1 AND child.name = 'parent_id' AND child.name IN ('parent_id', 'forked_from', 'spawned_by')
AND (?2 OR EXISTS (SELECT 1 FROM session_facts WHERE session_id = ?1 AND name = 'forked_from'))
AND EXISTS (SELECT 1 FROM cost_states WHERE session_id = ?1)
"""


def _streamed_text(db: apsw.Connection, parts: set[str]) -> None:
    """A part's text from its deltas, as long as no final text has come."""
    ids = [(part,) for part in parts]
    db.executemany(
        "DELETE FROM part_deltas WHERE part_id = ?1 AND (SELECT completed_at FROM parts WHERE id = ?1) IS NOT NULL", ids
    )
    db.executemany(
        "UPDATE parts SET text = d.text "
        "FROM (SELECT group_concat(text, '' ORDER BY position, id) AS text FROM part_deltas WHERE part_id = ?1) AS d "
        "WHERE id = ?1 AND length(d.text) > length(ifnull(parts.text, ''))",
        ids,
    )


def _copied(db: apsw.Connection, sessions: set[str]) -> None:
    """OpenCode's fork gives copies new ids and their old times: a message older than its session is a copy.

    What the copies hold happened once, in the original: their tool calls, failures and compactions make no rows. Of a
    session that another database of ours tells, that one has done it.
    """
    born = "SELECT value, session_id FROM session_facts WHERE session_id = ? AND name = 'created_at' AND rank = ?"
    known: list[Any] = db.executemany(born, [(session, Rank.RECORD) for session in sessions]).fetchall()
    db.executemany(
        "UPDATE messages SET copied = ifnull(created_at < ?1, 0) "
        "WHERE session_id = ?2 AND copied <> ifnull(created_at < ?1, 0)",
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


def _file_edits(db: apsw.Connection, tools: set[str], edits: set[str]) -> None:
    """An edit is a successful call of a tool that edits the file it names."""
    db.executemany("DELETE FROM file_edits WHERE id = ?", [(tool,) for tool in tools])
    db.executemany(
        "INSERT INTO file_edits SELECT id, session_id, message_id, tool_name, file_path, completed_at, source "
        "FROM tools WHERE id = ?",  # a fork's copy has no row any more
        [(tool,) for tool in edits],
    )
