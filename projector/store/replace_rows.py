"""Rows as another database of ours has them (`Replaced`, `Gone`): they take the place of what stands, here and there.

Line by line that is: a row told takes the place of the one with its id; a piece makes its message where there is none;
a row that is gone is deleted, a message with its pieces. A batch ends with the same rows.
"""

from typing import Any

import apsw

from projector.model.batch import Batch
from projector.model.merge import TABLES


def make_way(db: apsw.Connection, batch: Batch) -> set[str]:
    """Delete what is gone, and note of whom the rows were that `batch` replaces; before any row is written.

    Returns the messages of which a row, or a piece, is told whole or is gone.
    """
    if not batch.whole and not batch.gone:
        return set()
    _lose_pieces(batch)
    messages = set(batch.hosts)
    for table in TABLES.values():
        ids = [(id,) for place in (batch.whole, batch.gone) for of, id in place if of == table]
        message = {"messages": "id", "parts": "message_id"}.get(table, "NULL")
        stands = f"SELECT session_id, source, {message} FROM {table} WHERE id = ?"
        found: list[Any] = db.executemany(stands, ids).fetchall()
        for session, source, in_message in found:
            batch.name(session, source)
            if in_message is not None:
                messages.add(in_message)
    gone = {table: [(id,) for of, id in batch.gone if of == table] for table in TABLES.values()}
    db.executemany("DELETE FROM parts WHERE message_id = ?", gone["messages"])
    db.executemany("DELETE FROM parts WHERE id = ?", gone.pop("parts"))
    for table, ids in gone.items():
        db.executemany(f"DELETE FROM {table} WHERE id = ?", ids)
    return messages.union(id for of, id in batch.whole if of == "messages")


def sessions_of(db: apsw.Connection, messages: set[str]) -> set[str]:
    """The sessions whose the messages are."""
    return {s for (s,) in db.executemany("SELECT session_id FROM messages WHERE id = ?", [(id,) for id in messages])}


def _lose_pieces(batch: Batch) -> None:
    """Of a message that went with its pieces only those are left that were told after that."""
    if not any(table == "messages" for table, _ in batch.gone):
        return
    for id, part in list(batch.parts.items()):
        gone = batch.gone.get(("messages", part.message_id))
        if gone is not None and batch.whole.get(("parts", id), -1) < gone:
            del batch.parts[id]
            batch.whole.pop(("parts", id), None)
            batch.gone["parts", id] = gone
