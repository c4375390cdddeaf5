"""Brings the rows that follow from a session's steps (`projector.derived.turns`) up to date with a batch."""

from collections.abc import Iterable
from operator import itemgetter
from typing import Any

import apsw
from msgspec.structs import astuple

from projector.derived.turns import Folded, Shell, fold
from projector.model.batch import Batch
from projector.model.changes import CompactionSeen, ErrorSeen, MessageSeen, PartSeen, Rank
from projector.model.evidence import Step
from projector.model.merge import TABLES, Row
from projector.model.naming import HOOK_PREFIX

_KINDS: tuple[type[Row], ...] = (MessageSeen, PartSeen, ErrorSeen, CompactionSeen)
# Set by what is derived from the row itself.
_DERIVED = frozenset({"cost", "cost_source", "duration_ms", "text_content"})
_INSERT = f"INSERT INTO steps VALUES ({', '.join('?' * len(Step.__struct_fields__))}) ON CONFLICT (id) DO NOTHING"
_SELECT = f"SELECT {', '.join(Step.__struct_fields__)} FROM steps WHERE session_id = ?"


def place_steps(db: apsw.Connection, batch: Batch) -> list[Folded]:
    """Store the steps of `batch`, and put into it the rows that change with them.

    Returns what all steps of each session concerned mean; `place_calls` needs it once the calls are written.
    """
    db.executemany(_INSERT, map(astuple, batch.steps.values()))
    sources = {step.session_id: step.source for step in batch.steps.values()}
    # A call that is reported again loses its message.
    sources |= {tool.session_id: tool.source for tool in batch.tools.values()}
    found = []
    for session, source in sorted(sources.items()):
        steps = [Step(*row) for row in db.execute(_SELECT, (session,))]
        if steps:
            _restore_copied(db, session)
            folded = fold(session, source, steps)
            _replace_changed(db, batch, session, folded.rows)
            found.append(folded)
    return found


def place_calls(db: apsw.Connection, found: Iterable[Folded]) -> None:
    """Give each call its message, and set aside those that were copied from another session."""
    for folded in found:
        db.executemany(
            "UPDATE tools SET message_id = ?1 WHERE id = ?2 AND message_id IS NOT ?1",
            [(message, call) for call, message in folded.calls.items()],
        )
        _close_shells(db, folded.shells)
        copied = [(call, folded.session) for call in folded.copied]
        db.executemany(
            "INSERT OR REPLACE INTO copied_tools SELECT * FROM tools WHERE id = ? AND session_id = ?", copied
        )
        db.executemany("DELETE FROM tools WHERE id = ? AND session_id = ?", copied)


# What ended a shell is in the result of the call that polled it last. The client's own record of its end is better.
_CLOSE = f"""
UPDATE tools SET status = ?, success = ?, exit_code = ?, tool_output = ?, error_message = ?, completed_at = ?,
  close_rank = {Rank.REPORT}
WHERE id = ? AND close_rank <= {Rank.REPORT}
"""


def _close_shells(db: apsw.Connection, shells: dict[str, Shell]) -> None:
    """Give the calls that went on in the background their ends, and the calls that polled them theirs."""
    for call, shell in shells.items():
        for poll, (text, at) in shell.unfinished.items():
            db.execute(_CLOSE, ("completed", 1, None, text, None, at, poll))
        result = "SELECT exit_code, tool_output, completed_at FROM tools WHERE id = ?"
        polls: list[Any] = db.executemany(result, [(poll,) for poll in shell.polls]).fetchall()
        ended = [(code, at) for code, _, at in polls if code is not None]
        if ended:
            code, at = ended[-1]
            output = shell.text + "".join(more or "" for _, more, _ in polls)
            status, error = ("error", output) if code else ("completed", None)
            db.execute(_CLOSE, (status, not code, code, output, error, at, call))


def _restore_copied(db: apsw.Connection, session: str) -> None:
    """Put the calls back that were set aside: more of them may have come, or that they were not copied."""
    db.execute("INSERT OR IGNORE INTO tools SELECT * FROM copied_tools WHERE session_id = ?", (session,))
    db.execute("DELETE FROM copied_tools WHERE session_id = ?", (session,))


def _replace_changed(db: apsw.Connection, batch: Batch, session: str, rows: list[Row]) -> None:
    """Put those of `rows` into `batch` that the database has not, and delete those that it has beside them."""
    for kind in _KINDS:
        table, names = TABLES[kind], kind.__struct_fields__
        reported = itemgetter(*(at for at, name in enumerate(names) if name not in _DERIVED))
        columns = ", ".join(f'"{name}"' for name in names)
        of_record = f"session_id = ? AND id NOT GLOB '{HOOK_PREFIX}*'"
        found: list[Any] = db.execute(f"SELECT {columns} FROM {table} WHERE {of_record}", (session,)).fetchall()
        stored = {row[0]: reported(row) for row in found}
        for row in rows:
            if type(row) is kind and stored.pop(row.id, None) != reported(astuple(row)):
                batch.rows(kind)[row.id] = row
                batch.replaced[table, row.id] = 0
                if isinstance(row, PartSeen):
                    batch.parents[row.message_id] = (session, row.source)
        for id in stored:
            batch.deleted[table, id] = 0
