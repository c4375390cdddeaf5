"""The database's tables as Parquet files."""

import json
import os
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import apsw

from clankers.errors import ClankersError
from clankers.system.atomic_write import output_file

# What the rows are worked out from says nothing that they do not say.
INTERNAL = frozenset({"session_facts", "hook_reports", "part_deltas", "copies", "bills", "activity"})
_BY_SESSION = "session_id IN (SELECT value FROM json_each(:sessions))"
_OF_SESSIONS = {  # how else a row belongs to sessions
    "sessions": "id IN (SELECT value FROM json_each(:sessions))",
    "projects": f"path IN (SELECT project_path FROM sessions WHERE {_BY_SESSION.replace('session_id', 'id')})",
}
_ROWS = 5000  # in a group, at most
_BYTES = 32 << 20  # of text in a group, about


def write_tables(
    db: apsw.Connection,
    folder: str,
    sessions: Sequence[str] | None,
    text: Callable[[str], str],
    progress: Callable[[int], object],
) -> dict[str, int]:
    """Write each table to `<folder>/<table>.parquet`, in place of what is there; returns their rows.

    Args:
        db: the database.
        folder: made where it is missing.
        sessions: ids; of these alone the rows, in the tables that have such. None for all of every table.
        text: what becomes of each text.
        progress: called with how many more rows are written.

    Raises:
        ClankersError: pyarrow is not installed.
        OSError: a file cannot be written.
    """
    try:
        import pyarrow as pa
        from pyarrow.parquet import ParquetWriter
    except ImportError:
        raise ClankersError(
            "Parquet needs pyarrow, which is not installed; `pip install pyarrow` where clankers is, "
            "or install `clankers[parquet]`"
        ) from None
    types = {"INTEGER": pa.int64(), "REAL": pa.float64()}
    os.makedirs(folder, exist_ok=True)
    done = {}
    values = {"sessions": json.dumps(sessions)}
    for table in tables(db):
        columns = [(name, types.get(kind, pa.string())) for name, kind in _columns(db, table)]
        names = [name for name, _ in columns]
        condition = "TRUE" if sessions is None else _OF_SESSIONS.get(table) or _BY_SESSION * ("session_id" in names)
        if not condition:
            continue
        found = db.execute(f'SELECT {", ".join(map(_quoted, names))} FROM "{table}" WHERE {condition}', values)
        done[table] = 0
        with (
            output_file(os.path.join(folder, f"{table}.parquet")) as file,
            ParquetWriter(file, pa.schema(columns), compression="zstd") as writer,
        ):
            for rows in _groups(found, text):
                arrays = [
                    pa.array(column, kind) for column, (_, kind) in zip(zip(*rows, strict=True), columns, strict=True)
                ]
                writer.write_table(pa.table(arrays, schema=writer.schema))
                done[table] += len(rows)
                progress(len(rows))
    return done


def tables(db: apsw.Connection) -> list[str]:
    """The tables that people ask."""
    found = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
    return [name for name in found if name not in INTERNAL and not name.startswith("sqlite_")]


def _columns(db: apsw.Connection, table: str) -> list[tuple[str, str]]:
    return list(db.execute("SELECT name, type FROM pragma_table_info(?)", (table,)))


def _quoted(name: str) -> str:
    return f'"{name}"'


def _groups(found: apsw.Cursor, text: Callable[[str], str]) -> Iterator[list[tuple[Any, ...]]]:
    rows: list[tuple[Any, ...]] = []
    size = 0
    for row in found:
        rows.append(tuple(text(value) if isinstance(value, str) else value for value in row))
        size += sum(len(value) for value in row if isinstance(value, str))
        if len(rows) == _ROWS or size > _BYTES:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows
