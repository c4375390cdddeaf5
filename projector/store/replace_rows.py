"""Rows that another database of ours sends (`RowReplaced`, `RowDeleted`).

A sent row replaces the row with its id; a part creates its message if that is missing; deleting a message deletes its
parts. A batch of several lines ends with the same rows as line by line.
"""

from typing import Any

import apsw

from projector.model.batch import Batch
from projector.model.merge import TABLES


def delete_replaced(db: apsw.Connection, batch: Batch) -> set[str]:
    """Delete what is gone, and note of whom the rows were that `batch` replaces; before any row is written.

    Returns the messages of which a row, or a piece, is told whole or is gone.
    """
    if not batch.replaced and not batch.deleted:
        return set()
    _drop_orphaned_parts(batch)
    messages = set(batch.parents)
    for table in TABLES.values():
        ids = [(id,) for place in (batch.replaced, batch.deleted) for of, id in place if of == table]
        message = {"messages": "id", "parts": "message_id"}.get(table, "NULL")
        stands = f"SELECT session_id, source, {message} FROM {table} WHERE id = ?"
        found: list[Any] = db.executemany(stands, ids).fetchall()
        for session, source, in_message in found:
            batch.name(session, source)
            if in_message is not None:
                messages.add(in_message)
    gone = {table: [(id,) for of, id in batch.deleted if of == table] for table in TABLES.values()}
    db.executemany("DELETE FROM parts WHERE message_id = ?", gone["messages"])
    db.executemany("DELETE FROM parts WHERE id = ?", gone.pop("parts"))
    for table, ids in gone.items():
        db.executemany(f"DELETE FROM {table} WHERE id = ?", ids)
    return messages.union(id for of, id in batch.replaced if of == "messages")


def owners_of(db: apsw.Connection, messages: set[str]) -> set[str]:
    """The sessions whose the messages are."""
    return {s for (s,) in db.executemany("SELECT session_id FROM messages WHERE id = ?", [(id,) for id in messages])}


def _drop_orphaned_parts(batch: Batch) -> None:
    """Of a message that went with its pieces only those are left that were told after that."""
    if not any(table == "messages" for table, _ in batch.deleted):
        return
    for id, part in list(batch.parts.items()):
        gone = batch.deleted.get(("messages", part.message_id))
        if gone is not None and batch.replaced.get(("parts", id), -1) < gone:
            del batch.parts[id]
            batch.replaced.pop(("parts", id), None)
            batch.deleted["parts", id] = gone
