"""Tables as Parquet files."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from clankers.errors import ClankersError
from clankers.queries.tables import Table
from clankers.system.atomic_write import output_file

_ROWS = 5000  # in a group, at most
_BYTES = 32 << 20  # of text in a group, about


def write_tables(
    tables: Iterable[Table], folder: str, text: Callable[[str], str], progress: Callable[[int], object]
) -> dict[str, int]:
    """Write each table to `<folder>/<table>.parquet`, in place of what is there; returns their rows.

    Args:
        tables: read one after the other.
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
            "or `pipx inject clankers pyarrow`"
        ) from None
    types = {"INTEGER": pa.int64(), "REAL": pa.float64()}
    os.makedirs(folder, exist_ok=True)
    done = {}
    for table in tables:
        columns = [(name, types.get(kind, pa.string())) for name, kind in table.columns]
        done[table.name] = 0
        with (
            output_file(os.path.join(folder, f"{table.name}.parquet")) as file,
            ParquetWriter(file, pa.schema(columns), compression="zstd") as writer,
        ):
            for rows in _groups(table.rows, text):
                arrays = [
                    pa.array(column, kind) for column, (_, kind) in zip(zip(*rows, strict=True), columns, strict=True)
                ]
                writer.write_table(pa.table(arrays, schema=writer.schema))
                done[table.name] += len(rows)
                progress(len(rows))
    return done


def _groups(found: Iterable[tuple[Any, ...]], text: Callable[[str], str]) -> Iterator[list[tuple[Any, ...]]]:
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
