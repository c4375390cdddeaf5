"""Rows that another database of ours sends (`RowReplaced`, `RowDeleted`).

A sent row replaces the row with its id; a part creates its message if that is missing; deleting a message deletes its
parts. A batch of several lines ends with the same rows as line by line.
"""

from typing import Any

import apsw

from projector.model.batch import Batch
from projector.model.merge import TABLES


def delete_replaced(db: apsw.Connection, batch: Batch) -> set[str]:
    """Delete the rows that `batch` deletes, and touch the sessions that own rows it replaces, before any is written.

    Returns the messages that are replaced or deleted, or of which a part is.
    """
    if not batch.replaced and not batch.deleted:
        return set()
    _drop_orphaned_parts(batch)
    messages = set(batch.parents)
    for table in TABLES.values():
        ids = [(id,) for rows in (batch.replaced, batch.deleted) for of, id in rows if of == table]
        message = {"messages": "id", "parts": "message_id"}.get(table, "NULL")
        select = f"SELECT session_id, source, {message} FROM {table} WHERE id = ?"
        found: list[Any] = db.executemany(select, ids).fetchall()
        for session, source, in_message in found:
            batch.touch(session, source)
            if in_message is not None:
                messages.add(in_message)
    deleted = {table: [(id,) for of, id in batch.deleted if of == table] for table in TABLES.values()}
    db.executemany("DELETE FROM parts WHERE message_id = ?", deleted["messages"])
    db.executemany("DELETE FROM parts WHERE id = ?", deleted.pop("parts"))
    for table, ids in deleted.items():
        db.executemany(f"DELETE FROM {table} WHERE id = ?", ids)
    return messages.union(id for of, id in batch.replaced if of == "messages")


def owners_of(db: apsw.Connection, messages: set[str]) -> set[str]:
    """The sessions that own `messages`."""
    return {s for (s,) in db.executemany("SELECT session_id FROM messages WHERE id = ?", [(id,) for id in messages])}


def _drop_orphaned_parts(batch: Batch) -> None:
    """Drop the parts of a deleted message, but for those sent after the deletion."""
    if not any(table == "messages" for table, _ in batch.deleted):
        return
    for id, part in list(batch.parts.items()):
        deleted_at = batch.deleted.get(("messages", part.message_id))
        if deleted_at is not None and batch.replaced.get(("parts", id), -1) < deleted_at:
            del batch.parts[id]
            batch.replaced.pop(("parts", id), None)
            batch.deleted["parts", id] = deleted_at
