"""The database opened for reading only, wherever it stands: beside a projector at work, or on a read-only disk."""

import os
from urllib.parse import quote

import apsw

from projector.store.sqlite_file import BUSY_MS


def uri(path: str) -> str:
    """The URI by which SQLite reads the database at `path` and nothing more.

    SQLite makes the files of a WAL beside a database even to read it. A copy without a WAL, where nothing can be made,
    as a backup that is mounted, is therefore read as a file that nobody changes. A WAL is never passed over like this:
    without it the database may be half of two states.
    """
    where = os.path.abspath(path)
    alone = not os.path.exists(where + "-wal") and not os.access(os.path.dirname(where), os.W_OK)
    return f"file:{quote(os.fsencode(where))}?mode=ro{'&immutable=1' if alone else ''}"


def open_read_only(path: str) -> apsw.Connection:
    """The database at `path`; SQLite itself refuses to change anything.

    Raises:
        apsw.CantOpenError: it is not there, or SQLite cannot make the files beside it that reading takes.
        apsw.Error: it cannot be read.
    """
    db = apsw.Connection(uri(path), flags=apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI)
    try:
        db.set_busy_timeout(BUSY_MS)
        db.pragma("query_only", True)
        db.pragma("schema_version")  # what cannot be read is to be told here
    except apsw.Error:
        db.close()
        raise
    return db
