"""What follows from a message's parts: its text, and whether the client made it up."""

from collections import defaultdict
from operator import attrgetter
from typing import Any

import apsw

from projector.model.batch import Batch

_Part = tuple[bool, str | None, int | None]  # whether it is a text, the text, and whether the client made it up


def fill_text(batch: Batch, known: set[str]) -> set[str]:
    """Word the messages of `batch`, all of whose parts stand in it; returns the others.

    Args:
        batch: about to be written.
        known: those of its messages of which the database has a row, and may have parts.
    """
    others = known | {batch.parts[part].message_id for _, part, _, _ in batch.deltas}
    parts = defaultdict(list)
    for part in batch.parts.values():
        parts[part.message_id].append(part)
    for id, message in batch.messages.items():
        if id in others:
            continue
        own = parts.get(id, [])
        if len(own) > 1:
            own.sort(key=attrgetter("seq", "id"))
        message.text_content, synthetic = _text_of([(p.type in (None, "text"), p.text, p.synthetic) for p in own])
        if message.role == "user" and synthetic is not None:
            message.synthetic = synthetic
        if message.role == "assistant" and message.completed_at is not None and message.created_at is not None:
            message.duration_ms = message.completed_at - message.created_at
    return others


def refresh_text(db: apsw.Connection, messages: set[str], replaced_messages: set[str]) -> None:
    """Word `messages` by their parts in `db`. A part of which only deltas came is a text.

    Of those that are `replaced_messages` by another database of ours it is told already what is synthetic.
    """
    parts: dict[str, list[Any]] = {message: [] for message in messages}
    told = "SELECT message_id, ifnull(type, 'text') = 'text', text, synthetic FROM parts WHERE message_id = ? "
    for message, *part in db.executemany(told + "ORDER BY seq, id", [(message,) for message in messages]):
        parts[message].append(part)
    db.executemany(
        "UPDATE messages SET text_content = ?, synthetic = ifnull(iif(role = 'user', ?, NULL), synthetic), "
        "duration_ms = iif(role = 'assistant', completed_at - created_at, NULL) WHERE id = ?",
        (
            (text, None if message in replaced_messages else synthetic, message)
            for message, found in parts.items()
            for text, synthetic in (_text_of(found),)
        ),
    )


def _text_of(parts: list[_Part]) -> tuple[str | None, int | None]:
    """A message's text, and whether the client made it up, which is not told of every part; `parts` in their order."""
    text = "\n".join(text for is_text, text, _ in parts if is_text and text) or None
    return text, min((synthetic for *_, synthetic in parts if synthetic is not None), default=None)
