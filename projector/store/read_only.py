"""Opens the database read-only: while a projector writes it, or on a read-only disk."""

import os
from urllib.parse import quote

import apsw

from projector.store.sqlite_file import BUSY_MS


def uri(path: str) -> str:
    """The URI with which SQLite only reads the database at `path`.

    SQLite creates WAL files beside a database even to read it. A copy without a WAL in a read-only directory, such as a
    mounted backup, is therefore opened as immutable. A WAL is never ignored, because without it the database may be
    inconsistent.
    """
    where = os.path.abspath(path)
    alone = not os.path.exists(where + "-wal") and not os.access(os.path.dirname(where), os.W_OK)
    return f"file:{quote(os.fsencode(where))}?mode=ro{'&immutable=1' if alone else ''}"


def open_read_only(path: str) -> apsw.Connection:
    """The database at `path`; SQLite refuses every change.

    Raises:
        apsw.CantOpenError: it is missing, or SQLite cannot create the files it needs beside it.
        apsw.Error: it cannot be read.
    """
    db = apsw.Connection(uri(path), flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    try:
        db.set_busy_timeout(BUSY_MS)
        db.pragma("query_only", True)
        db.pragma("schema_version")  # so that an unreadable file raises here
    except apsw.Error:
        db.close()
        raise
    return db
