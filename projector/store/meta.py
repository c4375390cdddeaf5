"""What the database says of itself, in the table `meta`; nothing that matters is known there alone."""

import apsw

from projector.store.read_only import open_read_only
from projector.store.sqlite_file import BUSY_MS

BACKFILL = "backfill_completed_at"  # epoch milliseconds; without it, the past is taken in again

PROBLEMS = "backfill_problems"  # what the last backfill of all sources could not read, a line each


def read_meta(path: str, key: str) -> str | None:
    """The value of `key` in the database at `path`; None where it is not set, or the database cannot be read."""
    try:
        db = open_read_only(path)
    except apsw.Error:
        return None
    try:
        found: str | None = db.execute("SELECT value FROM meta WHERE key = ?", (key,)).get
    except apsw.Error:
        return None
    else:
        return found
    finally:
        db.close()


def set_meta(path: str, key: str, value: str) -> None:
    """Set `key` in the database at `path`, which must exist. It needs no lock: SQLite has one writer at a time.

    Raises:
        apsw.Error: it cannot be written.
    """
    db = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        db.set_busy_timeout(BUSY_MS)
        db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        db.execute("INSERT INTO meta VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2", (key, value))
    finally:
        db.close()
