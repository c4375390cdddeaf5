"""A client's SQLite database: read only, some of its tables, each row by its columns."""

from collections.abc import Collection
from typing import Any

import apsw
import msgspec

from clankers.ingest.source import SourceBusyError, SourceError
from clankers.log import strict_json

_BUSY_MS = 5000


def open_tables(path: str, tables: Collection[str], needed: str) -> apsw.Connection:
    """The database at `path`, for reading only, and of it only `tables`: others may hold credentials.

    Args:
        path: of its file.
        tables: that may be read.
        needed: the one of them without which the database is not the client's.

    Raises:
        SourceError: it cannot be opened.
    """

    def authorize(action: int, table: str | None, *_: str | None) -> int:
        if action in (apsw.SQLITE_SELECT, apsw.SQLITE_FUNCTION):
            return apsw.SQLITE_OK
        return apsw.SQLITE_OK if action == apsw.SQLITE_READ and table in tables else apsw.SQLITE_DENY

    try:
        db = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READONLY)
        db.set_busy_timeout(_BUSY_MS)
        db.authorizer = authorize
        db.execute(f"SELECT count(*) FROM {needed}").fetchone()
    except (apsw.BusyError, apsw.LockedError) as e:
        raise SourceBusyError(f"{path} is locked by another program: {e}") from e
    except apsw.Error as e:
        raise SourceError(f"{path} cannot be read: {e}") from e
    return db


def read_rows(
    db: apsw.Connection, statement: str, parameter: Any, json_columns: Collection[str]
) -> list[dict[str, Any]]:
    """The rows of `statement` by column, without their empty columns.

    They are read to their end at once: no transaction stays open that would keep the client from its checkpoint.

    Args:
        db: the database.
        statement: with one parameter.
        parameter: its value.
        json_columns: columns whose text becomes JSON, as far as it is any.

    Raises:
        apsw.Error: the database cannot be read.
    """

    def plain(cursor: apsw.Cursor, row: tuple[Any, ...]) -> dict[str, Any]:
        names = [name for name, *_ in cursor.get_description()]
        found = {}
        for name, value in zip(names, row, strict=True):
            if isinstance(value, str) and name in json_columns and _is_json(value):
                found[name] = msgspec.Raw(value.encode())
            elif value is not None:
                found[name] = value
        return found

    cursor = db.cursor()
    cursor.row_trace = plain
    rows: list[dict[str, Any]] = cursor.execute(statement, (parameter,)).fetchall()  # type: ignore[assignment]
    return rows


def _is_json(text: str) -> bool:
    try:
        strict_json.parse(strict_json.trim(text.encode()))
    except (strict_json.NotJSONError, UnicodeEncodeError):
        return False
    return True
