"""The rows of GitHub Copilot CLI's database that say what a request used."""

from collections.abc import Iterator
from contextlib import closing

import apsw
import msgspec

from clankers.ingest.database import open_tables, read_rows
from clankers.ingest.source import SourceBusyError, SourceError

_TABLE, _TABLES = "assistant_usage_events", "sqlite_master"
_IS_THERE = f"SELECT name FROM {_TABLES} WHERE type = 'table' AND name = ?"
_ROWS = f"SELECT * FROM {_TABLE} WHERE session_id = ? ORDER BY id"


def usage_rows(path: str, session: str, last: int) -> Iterator[tuple[int, bytes]]:
    """The ids of the rows of `session` in the database at `path` behind the row `last`, and the rows as JSON.

    Older versions have no such table.

    Raises:
        SourceError: it cannot be read.
    """
    with closing(open_tables(path, {_TABLE, _TABLES}, _TABLES)) as db:
        try:
            rows = read_rows(db, _ROWS, session, ()) if read_rows(db, _IS_THERE, _TABLE, ()) else []
        except (apsw.BusyError, apsw.LockedError) as e:
            raise SourceBusyError(f"{path} is locked by another program: {e}") from e
        except (apsw.Error, UnicodeDecodeError) as e:
            raise SourceError(f"{path} cannot be read: {e}") from e
    for row in rows:
        if isinstance(row.get("id"), int) and row["id"] > last:
            yield row["id"], msgspec.json.encode(row)
