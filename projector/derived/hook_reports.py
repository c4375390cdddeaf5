"""What only hooks saw is shown in the tables, until the client's own record says the same."""

from collections import Counter, defaultdict

import apsw
import msgspec

# What counts as white space around a text: clients trim what they tell a hook, and not what they record.
_SPACE = "".join(filter(str.isspace, map(chr, range(0x3001)))) + "\ufeff"
_ROLES = {"prompt": "user", "answer": "assistant"}

_Reports = list[tuple[str, str]]  # id and text of equal ones


def refresh_hook_reports(db: apsw.Connection, sessions: list[str], forked: set[str]) -> None:
    """Show what only hooks saw in `sessions`: of equal hook_reports as many, the latest, as the record has too few.

    Once a record says the same, nothing undoes that but a fork's giving it back; then all of those in `forked` are
    looked at anew.
    """
    found: dict[tuple[str, str], dict[str, _Reports]] = defaultdict(lambda: defaultdict(list))
    for which, some in (
        ("", [(session,) for session in sessions if session in forked]),
        ("AND shown IS NOT 0", [(session,) for session in sessions if session not in forked]),
    ):
        for session, kind, same, id, text in db.executemany(_EQUAL.format(which), some):
            found[session, kind][same].append((id, text))
    hidden: list[tuple[str]] = []
    shown: dict[str, list[tuple[str]]] = {"prompt": [], "answer": [], "error": []}
    for (session, kind), groups in found.items():
        if kind == "error":
            wanted = list(groups.items())
            recorded = _errors(db, session)
        else:
            wanted = [(seen[0][1].strip(_SPACE), seen) for seen in groups.values()]
            recorded = _texts(db, session, kind, {text: len(seen) for text, seen in wanted})
        for what, seen in wanted:
            ids = [(id,) for id, _ in seen]
            hidden += ids[: recorded[what]]
            shown[kind] += ids[recorded[what] :]
    for statement in _HIDE:
        db.executemany(statement, hidden)
    for kind, statements in _SHOW.items():
        for statement in statements:
            db.executemany(statement, shown[kind])


# Those of which it is to be found out whether there is a row for them, and their equals.
_EQUAL = """
SELECT session_id, kind, same, id, text FROM hook_reports WHERE session_id = ?1 AND (kind, same) IN
  (SELECT kind, same FROM hook_reports WHERE session_id = ?1 {})
ORDER BY created_at, id
"""


def _errors(db: apsw.Connection, session: str) -> Counter[str]:
    """How many errors of each type the client's own record has."""
    errors = "SELECT error_type FROM session_errors WHERE session_id = ? AND id NOT LIKE 'hook:%' AND NOT will_retry"
    return Counter(kind for (kind,) in db.execute(errors, (session,)))


def _texts(db: apsw.Connection, session: str, kind: str, wanted: dict[str, int]) -> Counter[str]:
    """How many messages of the client's own record say each of the `wanted` texts; counted up to what is wanted."""
    asked = (session, _ROLES[kind])
    saying = set()
    for id, text in db.execute(f"SELECT m.id, m.text_content FROM messages AS m {_RECORDED}", asked):
        if text is not None and (text := text.strip(_SPACE)) in wanted:
            saying.add((id, text))
    recorded = Counter(text for _, text in saying)
    if all(recorded[text] >= count for text, count in wanted.items()):
        return recorded
    typed = {msgspec.json.encode({"typed": text}).decode(): text for text in wanted}  # as the adapter writes it
    parts = "messages AS m JOIN parts AS p ON p.message_id = m.id"
    for id, type, text, data in db.execute(f"SELECT m.id, p.type, p.text, p.data FROM {parts} {_RECORDED}", asked):
        if kind == "prompt" and data in typed:
            saying.add((id, typed[data]))
        elif kind == "answer" and type == "text" and text is not None and (text := text.strip(_SPACE)) in wanted:
            saying.add((id, text))
    return Counter(text for _, text in saying)


_RECORDED = "WHERE m.session_id = ? AND m.role = ? AND m.id NOT LIKE 'hook:%'"

_HIDE = (
    "UPDATE hook_reports SET shown = 0 WHERE id = ?",
    "DELETE FROM session_errors WHERE id = ?",
    "DELETE FROM parts WHERE id = ?",
    "DELETE FROM messages WHERE id = ?",
)
_SHOWN = "UPDATE hook_reports SET shown = 1 WHERE id = ?"
_SHOW_ERROR = (
    _SHOWN,
    """INSERT INTO session_errors (id, session_id, error_type, error_message, created_at, source)
    SELECT id, session_id, same, text, created_at, source FROM hook_reports WHERE id = ?
    ON CONFLICT (id) DO UPDATE SET created_at = excluded.created_at""",
)
_SHOW_MESSAGE = (
    _SHOWN,
    """INSERT INTO messages (id, session_id, role, text_content, created_at, completed_at, source, synthetic)
    SELECT id, session_id, iif(kind = 'prompt', 'user', 'assistant'), text, created_at, created_at, source, synthetic
    FROM hook_reports WHERE id = ?
    ON CONFLICT (id) DO UPDATE SET created_at = excluded.created_at, completed_at = excluded.completed_at""",
    """INSERT INTO parts (id, message_id, session_id, source, seq, type, text, created_at, completed_at)
    SELECT id, id, session_id, source, 0, 'text', text, created_at, created_at FROM hook_reports WHERE id = ?
    ON CONFLICT (id) DO UPDATE SET created_at = excluded.created_at, completed_at = excluded.completed_at""",
)
_SHOW = {"prompt": _SHOW_MESSAGE, "answer": _SHOW_MESSAGE, "error": _SHOW_ERROR}
