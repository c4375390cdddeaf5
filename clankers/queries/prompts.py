"""The prompt that led to something: the last one that a person typed before it."""

from msgspec import Struct

from clankers.queries.dialect import Database

_DEPTH = 20  # of subagents within subagents
_SHOWN = 500  # characters of a prompt

_PARENT = "SELECT parent_id FROM sessions WHERE id = :id AND parent_id IN (SELECT id FROM sessions)"
_PROMPT = f"""
SELECT session_id, id, created_at, substr(coalesce(text_content, ''), 1, {_SHOWN}) FROM messages
WHERE session_id = :session AND role = 'user' AND synthetic = 0 AND created_at <= :at
ORDER BY created_at DESC, id DESC LIMIT 1
"""


class Prompt(Struct, frozen=True):
    """A prompt that a person typed.

    Attributes:
        session_id: in which it was typed: of a subagent, the session that a person started.
        id: of the message.
        created_at: epoch milliseconds.
        text: its first 500 characters.
    """

    session_id: str
    id: str
    created_at: int
    text: str


def prompt_before(db: Database, session: str, at: int) -> Prompt | None:
    """The last prompt before `at`, epoch milliseconds, in a session or in the one that started it; None: there is none.

    A prompt that was taken back counts: what it led to happened.
    """
    row = db.execute(_PROMPT, {"session": started_by_person(db, session), "at": at}).fetchone()
    return Prompt(*row) if row else None


def started_by_person(db: Database, session: str) -> str:
    """The session that a person started, of which `session` is a subagent, however deep; else `session` itself."""
    for _ in range(_DEPTH):  # a damaged log may make a session its own grandparent
        row = db.execute(_PARENT, {"id": session}).fetchone()
        if row is None:
            break
        (session,) = row
    return session
