"""The database's tables as Parquet files."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import apsw

from clankers.errors import ClankersError

# What the rows are worked out from says nothing that they do not say.
INTERNAL = frozenset({"session_facts", "sightings", "part_deltas", "copies", "cost_states", "activity"})
_ROWS = 5000  # in a group, at most
_BYTES = 32 << 20  # of text in a group, about


def write_tables(
    db: apsw.Connection, folder: str, text: Callable[[str], str], progress: Callable[[int], object]
) -> dict[str, int]:
    """Write each table to `<folder>/<table>.parquet`, in place of what is there; returns their rows.

    Args:
        db: the database.
        folder: made where it is missing.
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
    for table in tables(db):
        columns = [(name, types.get(kind, pa.string())) for name, kind in _columns(db, table)]
        path = os.path.join(folder, f"{table}.parquet")
        unfinished = f"{path}.unfinished"
        done[table] = 0
        with ParquetWriter(unfinished, pa.schema(columns), compression="zstd") as writer:
            for rows in _groups(db, table, [name for name, _ in columns], text):
                arrays = [
                    pa.array(column, kind) for column, (_, kind) in zip(zip(*rows, strict=True), columns, strict=True)
                ]
                writer.write_table(pa.table(arrays, schema=writer.schema))
                done[table] += len(rows)
                progress(len(rows))
        os.replace(unfinished, path)
    return done


def tables(db: apsw.Connection) -> list[str]:
    """The tables that people ask."""
    found = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table' ORDER BY name")]
    return [name for name in found if name not in INTERNAL and not name.startswith("sqlite_")]


def _columns(db: apsw.Connection, table: str) -> list[tuple[str, str]]:
    return list(db.execute("SELECT name, type FROM pragma_table_info(?)", (table,)))


def _groups(
    db: apsw.Connection, table: str, columns: list[str], text: Callable[[str], str]
) -> Iterator[list[tuple[Any, ...]]]:
    rows: list[tuple[Any, ...]] = []
    size = 0
    names = ", ".join(f'"{name}"' for name in columns)
    for row in db.execute(f'SELECT {names} FROM "{table}"'):
        rows.append(tuple(text(value) if isinstance(value, str) else value for value in row))
        size += sum(len(value) for value in row if isinstance(value, str))
        if len(rows) == _ROWS or size > _BYTES:
            yield rows
            rows, size = [], 0
    if rows:
        yield rows
