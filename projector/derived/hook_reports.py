"""Rows for what only hooks have reported, until the client's own record holds the same."""

from collections import Counter, defaultdict

import apsw
import msgspec

from projector.model.naming import HOOK_PREFIX

# What counts as white space around a text: clients trim the text in a hook's payload, but not in their record.
_SPACE = "".join(filter(str.isspace, map(chr, range(0x3001)))) + "\ufeff"
_ROLES = {"prompt": "user", "answer": "assistant"}

_Reports = list[tuple[str, str]]  # id and text of equal ones


def refresh_hook_reports(db: apsw.Connection, sessions: list[str], moved: set[str]) -> None:
    """Decide for each hook report of `sessions` whether it has a row.

    Of n equal reports and k matching records, the latest n-k are shown. Of n reports of requests that failed and k
    errors in the record, n-k were retried. A report that is hidden stays hidden, except in
    the sessions in `moved`: they lost or gained records to a fork, so all their reports are decided again.
    """
    found: dict[tuple[str, str], dict[str, _Reports]] = defaultdict(lambda: defaultdict(list))
    for which, some in (
        ("", [(session,) for session in sessions if session in moved]),
        ("AND shown IS NOT 0", [(session,) for session in sessions if session not in moved]),
    ):
        for session, kind, key, id, text in db.executemany(_EQUAL.format(which), some):
            found[session, kind][key].append((id, text))
    hidden: list[tuple[str]] = []
    shown: dict[str, list[tuple[str]]] = {kind: [] for kind in _SHOW}
    for (session, kind), groups in found.items():
        if kind == "error":
            reported = list(groups.items())
            recorded = _errors(db, session)
        elif kind == "retry":
            reported = list(groups.items())
            recorded = Counter(dict.fromkeys(groups, _errors(db, session).total()))
        else:
            reported = [(reports[0][1].strip(_SPACE), reports) for reports in groups.values()]
            recorded = _texts(db, session, kind, {text: len(reports) for text, reports in reported})
        for what, reports in reported:
            ids = [(id,) for id, _ in reports]
            hidden += ids[: recorded[what]]
            shown[kind] += ids[recorded[what] :]
    for statement in _HIDE:
        db.executemany(statement, hidden)
    for kind, statements in _SHOW.items():
        for statement in statements:
            db.executemany(statement, shown[kind])


# Reports that are to be decided, and those equal to them.
_EQUAL = """
SELECT session_id, kind, match_key, id, text FROM hook_reports WHERE session_id = ?1 AND (kind, match_key) IN
  (SELECT kind, match_key FROM hook_reports WHERE session_id = ?1 {})
ORDER BY created_at, id
"""


def _errors(db: apsw.Connection, session: str) -> Counter[str]:
    """The number of errors of each type in the client's own record."""
    errors = "SELECT error_type FROM session_errors WHERE session_id = ? AND id NOT LIKE ? AND NOT will_retry"
    return Counter(kind for (kind,) in db.execute(errors, (session, HOOK_PREFIX + "%")))


def _texts(db: apsw.Connection, session: str, kind: str, reported: dict[str, int]) -> Counter[str]:
    """The number of messages in the client's own record with each of the `reported` texts, at least up to its count."""
    of_record = (session, _ROLES[kind], HOOK_PREFIX + "%")
    matches = set()
    for id, text in db.execute(f"SELECT m.id, m.text_content FROM messages AS m {_RECORDED}", of_record):
        if text is not None and (text := text.strip(_SPACE)) in reported:
            matches.add((id, text))
    recorded = Counter(text for _, text in matches)
    if all(recorded[text] >= count for text, count in reported.items()):
        return recorded
    typed = {msgspec.json.encode({"typed": text}).decode(): text for text in reported}  # `parts.data` of a command
    parts = "messages AS m JOIN parts AS p ON p.message_id = m.id"
    for id, type, text, data in db.execute(f"SELECT m.id, p.type, p.text, p.data FROM {parts} {_RECORDED}", of_record):
        if kind == "prompt" and data in typed:
            matches.add((id, typed[data]))
        elif type == "text" and text is not None and (text := text.strip(_SPACE)) in reported:
            matches.add((id, text))
    return Counter(text for _, text in matches)


_RECORDED = "WHERE m.session_id = ? AND m.role = ? AND m.id NOT LIKE ?"

_HIDE = (
    "UPDATE hook_reports SET shown = 0 WHERE id = ?",
    "DELETE FROM session_errors WHERE id = ?",
    "DELETE FROM parts WHERE id = ?",
    "DELETE FROM messages WHERE id = ?",
)
_SHOWN = "UPDATE hook_reports SET shown = 1 WHERE id = ?"
_SHOW_ERROR = (
    _SHOWN,
    """INSERT INTO session_errors (id, session_id, error_type, error_message, created_at, source, will_retry)
    SELECT id, session_id, match_key, text, created_at, source, kind = 'retry' FROM hook_reports WHERE id = ?
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
_SHOW = {"prompt": _SHOW_MESSAGE, "answer": _SHOW_MESSAGE, "error": _SHOW_ERROR, "retry": _SHOW_ERROR}
