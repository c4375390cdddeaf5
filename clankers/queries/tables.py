"""The tables themselves: their names, columns and rows."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import apsw

from clankers.queries import dialect

# What the rows are derived from says nothing that they do not say.
INTERNAL = frozenset(
    {
        "session_facts",
        "hook_reports",
        "call_reports",
        "history_marks",
        "part_deltas",
        "copies",
        "steps",
        "request_usage",
        "response_lines",
        "copied_tools",
        "bills",
        "saved_outputs",
        "untimed_messages",
        "activity",
    }
)
_OF_SESSION = f"session_id IN {dialect.listed('sessions')}"
_OF_SESSIONS = {  # how else a row belongs to sessions
    "sessions": f"id IN {dialect.listed('sessions')}",
    "projects": f"path IN (SELECT project_path FROM sessions WHERE id IN {dialect.listed('sessions')})",
}


class Table(NamedTuple):
    """A table, and the rows that were asked for.

    Attributes:
        columns: each with its type, as it was declared.
        rows: read as they are asked for.
    """

    name: str
    columns: list[tuple[str, str]]
    rows: Iterator[tuple[Any, ...]]


@dataclass(frozen=True)
class TableColumn:
    """A column, with its type as it was declared."""

    name: str
    type: str


@dataclass(frozen=True)
class TableOutline:
    """A table or view, without its rows."""

    name: str
    columns: list[TableColumn]


def tables(db: apsw.Connection, sessions: Sequence[str] | None) -> Iterator[Table]:
    """The tables that people query, one after the other.

    Args:
        db: the database.
        sessions: ids: only their rows, in the tables that have rows of sessions. None for all rows of every table.
    """
    values = {"sessions": json.dumps(sessions)}
    for table in _names(db):
        columns = columns_of(db, table)
        names = [name for name, _ in columns]
        condition = "TRUE" if sessions is None else _OF_SESSIONS.get(table) or _OF_SESSION * ("session_id" in names)
        if condition:
            selected = ", ".join(f'"{name}"' for name in names)
            yield Table(table, columns, db.execute(f'SELECT {selected} FROM "{table}" WHERE {condition}', values))


def outline(db: apsw.Connection) -> list[TableOutline]:
    """The tables and views that people query, by name."""
    query = "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') ORDER BY name"
    found: list[Any] = db.execute(query).fetchall()
    return [
        TableOutline(name, [TableColumn(*column) for column in columns_of(db, name)])
        for (name,) in found
        if name not in INTERNAL and not name.startswith("sqlite_")
    ]


def names(db: apsw.Connection) -> tuple[list[str], list[str]]:
    """The names of all tables and views, and of all their columns."""
    found = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")]
    return found, sorted({name for table in found for name, _ in columns_of(db, table)})


def _names(db: apsw.Connection) -> list[str]:
    found = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
    return [name for name in found if name not in INTERNAL and not name.startswith("sqlite_")]


def columns_of(db: apsw.Connection, table: str) -> list[tuple[str, str]]:
    """The columns of a table or view, each with its type."""
    return list(db.execute("SELECT name, type FROM pragma_table_info(:table)", {"table": table}))
