"""What a database notes about itself in the table `meta`. Nothing that matters is known only there."""

import apsw

from projector.store.read_only import open_read_only
from projector.store.sqlite_file import BUSY_MS

BACKFILL = "backfill_completed_at"  # epoch milliseconds; if it is missing, past sessions are imported again
PROBLEMS = "backfill_problems"  # what the last backfill of all sources could not read, one per line
ADAPTER_PREFIX = "adapter:"  # before a source: the name and version of the adapter that made its rows


def read_meta(path: str, key: str) -> str | None:
    """The value of `key` in the database at `path`; None if it is not set or the database cannot be read."""
    found: str | None = _read(path, "SELECT key, value FROM meta WHERE key = ?", key).get(key)
    return found


def adapters_noted(path: str) -> dict[str, str]:
    """The name and version of each adapter that made rows of the database at `path`, by source.

    Empty if the database cannot be read.
    """
    found = _read(path, "SELECT substr(key, length(?1) + 1), value FROM meta WHERE instr(key, ?1) = 1", ADAPTER_PREFIX)
    return dict(sorted(found.items()))


def _read(path: str, query: str, argument: str) -> dict[str, str]:
    try:
        db = open_read_only(path)
    except apsw.Error:
        return {}
    try:
        return dict(db.execute(query, (argument,)))
    except apsw.Error:
        return {}
    finally:
        db.close()


def set_meta(path: str, key: str, value: str) -> None:
    """Set `key` in the database at `path`, which must exist. Needs no lock: SQLite has one writer at a time.

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
