"""What follows from a message's parts: its text, whether the client wrote it, and its role if none is reported."""

from collections import defaultdict
from operator import attrgetter
from typing import Any

import apsw

from projector.derived.inferred_roles import infer_role
from projector.model.batch import Batch

_SYNCED = "EXISTS (SELECT 1 FROM session_facts AS f WHERE f.session_id = messages.session_id AND f.name = 'synced')"
_Part = tuple[bool, str | None, int | None]  # is it text, the text, did the client write it


def fill_text(batch: Batch, stored: set[str]) -> set[str]:
    """Set the text of the messages of `batch` whose parts are all in it; returns the other messages.

    Args:
        batch: about to be written.
        stored: its messages that the database has already, perhaps with parts.
    """
    others = stored | {batch.parts[delta.part_id].message_id for delta in batch.deltas}
    parts = defaultdict(list)
    for part in batch.parts.values():
        parts[part.message_id].append(part)
    for id, message in batch.messages.items():
        if id in others:
            continue
        own = parts.get(id, [])
        if len(own) > 1:
            own.sort(key=attrgetter("seq", "id"))
        message.text_content, synthetic = _join([(p.type in (None, "text"), p.text, p.synthetic) for p in own])
        if message.role is None and message.text_content:
            message.role, message.role_inferred = infer_role(message.text_content), True
        if message.role == "user" and synthetic is not None:
            message.synthetic = synthetic
        if message.role == "assistant" and message.completed_at is not None and message.created_at is not None:
            message.duration_ms = message.completed_at - message.created_at
    return others


def refresh_text(db: apsw.Connection, messages: set[str]) -> None:
    """Set the text of `messages` from their parts in `db`. A part of which only deltas came is text.

    In a session that another database of ours sent, that database has decided whether a message is synthetic.
    """
    parts: dict[str, list[Any]] = {message: [] for message in messages}
    select = "SELECT message_id, ifnull(type, 'text') = 'text', text, synthetic FROM parts WHERE message_id = ? "
    for message, *part in db.executemany(select + "ORDER BY seq, id", [(message,) for message in messages]):
        parts[message].append(part)
    _infer_roles(db, {message: text for message, found in parts.items() if (text := _join(found)[0])})
    db.executemany(
        "UPDATE messages SET text_content = ?, duration_ms = iif(role = 'assistant', completed_at - created_at, NULL), "
        f"synthetic = ifnull(iif(role = 'user' AND NOT {_SYNCED}, ?, NULL), synthetic) WHERE id = ?",
        ((*_join(found), message) for message, found in parts.items()),
    )


def _infer_roles(db: apsw.Connection, texts: dict[str, str]) -> None:
    """Set the role of the messages among `texts` of which no event reports it."""
    unreported = f"SELECT id FROM messages WHERE id = ? AND (role IS NULL OR role_inferred) AND NOT {_SYNCED}"
    db.executemany(
        "UPDATE messages SET role = ?, role_inferred = 1 WHERE id = ?",
        [(infer_role(texts[id]), id) for (id,) in db.executemany(unreported, [(id,) for id in texts])],
    )


def _join(parts: list[_Part]) -> tuple[str | None, int | None]:
    """A message's text from its ordered `parts`, and 1 if the client wrote all that say so; None if none says."""
    text = "\n".join(text for is_text, text, _ in parts if is_text and text) or None
    return text, min((synthetic for *_, synthetic in parts if synthetic is not None), default=None)
