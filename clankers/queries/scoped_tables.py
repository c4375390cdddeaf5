"""The tables, cut to some sessions, with credentials masked: for SQL that an agent wrote."""

import json
import secrets
from collections.abc import Callable
from typing import Any

import apsw

from clankers.queries.dialect import listed
from clankers.queries.filters import Filters
from clankers.queries.tables import columns_of
from projector.store.read_only import uri
from projector.store.sqlite_file import BUSY_MS

# The tables that are shown, and which of their rows belong to the sessions. A condition that is always true would not
# do: SQLite drops it, and reads the table without its view.
_OF_SESSIONS = "session_id IN (SELECT id FROM temp.{sessions})"
_ROWS = {
    "sessions": "id IN (SELECT id FROM temp.{sessions})",
    "messages": _OF_SESSIONS,
    "parts": _OF_SESSIONS,
    "tools": _OF_SESSIONS,
    "session_errors": _OF_SESSIONS,
    "compaction_events": _OF_SESSIONS,
    "file_edits": _OF_SESSIONS,
    "todos": _OF_SESSIONS,
    "projects": "path IN (SELECT s.project_path FROM main.sessions AS s JOIN temp.{sessions} USING (id))",
}
# Columns of recorded text. A statement may take it apart, so that what it answers cannot be masked any more.
_TEXTS = frozenset({"title", "text_content", "text", "data", "tool_input", "tool_output", "error_message", "content"})
_FUNCTIONS = frozenset({"json_each", "json_tree"})  # SQLite's, which are tables to it
_LONGEST = 64 << 20  # bytes of a value

_ALLOWED = frozenset({apsw.SQLITE_SELECT, apsw.SQLITE_FUNCTION, apsw.SQLITE_RECURSIVE})


def open_scoped(path: str, chosen: Filters, masked: Callable[[str], str]) -> apsw.Connection:
    """The database at `path`, of which a statement sees only the rows of the chosen sessions, and can change nothing.

    They are in temporary views of the tables' own names. The tables themselves may be read only through views whose
    names are drawn for this connection: a statement can neither know them nor look them up.

    Args:
        path: of the database, which is up to date.
        chosen: the sessions.
        masked: masks credentials in a text.

    Raises:
        apsw.Error: the database cannot be read.
    """
    db = apsw.Connection(uri(path), flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    try:
        db.set_busy_timeout(BUSY_MS)
        db.pragma("temp_store", 2)  # in memory
        drawn = secrets.token_hex(16)
        hidden = _make_views(db, drawn, chosen, masked)
        db.pragma("query_only", True)
        db.limit(apsw.SQLITE_LIMIT_LENGTH, _LONGEST)
        db.authorizer = _authorizer(drawn, hidden)
    except BaseException:
        db.close()
        raise
    return db


def _make_views(db: apsw.Connection, drawn: str, chosen: Filters, masked: Callable[[str], str]) -> set[str]:
    """Make the views; returns the names of the tables that have none."""

    def mask(*values: Any) -> Any:
        (value,) = values
        return masked(value) if isinstance(value, str) else value

    db.create_scalar_function(f"mask_{drawn}", mask, 1, deterministic=True)
    sessions = f"sessions_{drawn}"
    ids = [id for (id,) in db.execute(f"SELECT s.id FROM sessions AS s WHERE {chosen.sessions()}", chosen.values)]
    db.execute(f"CREATE TEMP TABLE {sessions} (id TEXT PRIMARY KEY) WITHOUT ROWID")
    db.execute(f"INSERT INTO temp.{sessions} {listed('ids')[1:-1]}", {"ids": json.dumps(ids)})
    views: list[Any] = db.execute("SELECT sql FROM sqlite_schema WHERE type = 'view'").fetchall()
    for table, rows in _ROWS.items():
        names = [name for name, _ in columns_of(db, table)]
        shown = (f'mask_{drawn}("{name}") AS "{name}"' if name in _TEXTS else f'"{name}"' for name in names)
        inner = f"{table}_of_{drawn}"
        condition = rows.format(sessions=sessions)
        db.execute(f"CREATE TEMP VIEW {inner} AS SELECT {', '.join(shown)} FROM main.{table} WHERE {condition}")
        db.execute(f"CREATE TEMP VIEW {table} AS SELECT * FROM temp.{inner}")
    for (statement,) in views:
        db.execute(statement.replace("CREATE VIEW", "CREATE TEMP VIEW", 1))
    return {
        name.lower() for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    } - _ROWS.keys()


def _authorizer(drawn: str, hidden: set[str]) -> Callable[[int, str | None, str | None, str | None, str | None], int]:
    """What a statement may do; SQLite asks it for each table that is read, and by which view."""

    def authorize(action: int, first: str | None, second: str | None, schema: str | None, view: str | None) -> int:
        name, through = first or "", view or ""
        if action == apsw.SQLITE_READ:
            # Without a schema it is a name of the statement's own, or a table or view of which no column is read.
            allowed = (
                through.endswith(drawn)
                or name in _FUNCTIONS
                or (schema in ("temp", None) and name.lower() not in hidden and not name.lower().startswith("sqlite_"))
            )
        elif action == apsw.SQLITE_PRAGMA:
            allowed = name == "table_info" and second in _ROWS
        else:
            allowed = action in _ALLOWED and (second or "").lower() != "load_extension"
        return apsw.SQLITE_OK if allowed else apsw.SQLITE_DENY

    return authorize
