"""What a client's record no longer holds, and what it holds twice, where the client replaces its list of messages.

A client goes on with another list after an error, a rewind or a resume: what the list leaves out is removed, but what a
summary stands for is not. After a declined call it records the conversation again, under other ids.
"""

from collections import defaultdict
from typing import Any, NamedTuple

import apsw
from msgspec.json import decode


class _Mark(NamedTuple):
    position: int
    kind: str
    at: int | None
    message: str | None
    kept: frozenset[str]


class _Message(NamedTuple):
    id: str
    created_at: int
    position: int
    deleted_at: int | None
    copied: int


def apply_history_marks(db: apsw.Connection, sessions: list[str]) -> None:
    """Set `deleted_at` and `copied` of the messages of those of `sessions` that have history marks."""
    marks: dict[str, list[_Mark]] = defaultdict(list)
    select = (
        "SELECT session_id, kept, position, kind, at, message FROM history_marks WHERE session_id = ? ORDER BY position"
    )
    for session, kept, *mark in db.executemany(select, [(session,) for session in sessions]):
        marks[session].append(_Mark._make([*mark, frozenset(decode(kept) if kept else ())]))
    changed: list[Any] = []
    for session, found in marks.items():
        messages = [
            _Message(*row)
            for row in db.execute(
                "SELECT id, ifnull(created_at, 0), position, deleted_at, copied FROM messages "
                "WHERE session_id = ? AND position IS NOT NULL AND role IN ('user', 'assistant')",
                (session,),
            )
        ]
        made = {message.id: message.created_at for message in messages}
        copies = _copies(found)
        for message in messages:
            copied = any(begin <= message.created_at <= end for begin, end in copies)
            deleted = None if copied else _deleted(message, found, made, copies)
            if (deleted, copied) != (message.deleted_at, message.copied):
                changed.append((deleted, copied, message.id))
    db.executemany("UPDATE messages SET deleted_at = ?, copied = ? WHERE id = ?", changed)


def _copies(marks: list[_Mark]) -> list[tuple[int, int]]:
    """When the conversation was recorded again, from the first message to the list that ends it."""
    found = []
    for n, mark in enumerate(marks):
        if mark.kind == "copied" and mark.at is not None:
            ends = (one.at for one in marks[n + 1 :] if one.kind == "replaced" and one.at is not None)
            found.append((mark.at, next(ends, mark.at)))
    return found


def _deleted(message: _Message, marks: list[_Mark], made: dict[str, int], copies: list[tuple[int, int]]) -> int | None:
    """When `message` was removed; None if it was not."""
    for mark in marks:
        if mark.position <= message.position or message.id in mark.kept:
            continue
        if mark.kind == "rewound" and made.get(mark.message or "", message.created_at + 1) <= message.created_at:
            # The client does not say when: the last message before it is the latest that is known.
            return max(message.created_at, *made.values())
        if mark.kind == "replaced" and mark.at is not None:
            # A summary or a copy stands for what was said before it.
            stands_for = max(made.get(mark.message or "", 0), *(begin for begin, _ in copies if begin <= mark.at), 0)
            if message.created_at >= stands_for:
                return mark.at
    return None
