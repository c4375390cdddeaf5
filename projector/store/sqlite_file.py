"""The database file: creates, identifies and opens it, and says whether it is up to date with the log.

Why these settings:
- journal_mode=WAL: readers and the projector do not wait for each other. A reader with an open transaction only keeps
  the WAL from being reset.
- synchronous=NORMAL: a power loss may lose the last transactions, but never part of one. The log position is in the
  same transaction as the rows, so the next run replays what was lost.
- busy_timeout: the projector waits for another writer, such as a second projector without the lock. It then finds that
  the log position has moved, and writes nothing, because its lines are counted already.
- no checkpoint on close: closing takes no exclusive lock, so a reader that opens at that moment does not get "database
  is locked". Checkpoints happen after commits and wait for nobody.
- foreign_keys=ON: a row without its parent is a bug of ours. The transaction fails as a whole.
"""

import os

import apsw

from clankers.errors import ClankersError
from clankers.log.segments import segment_sizes, tail_crc

# Of the schema and of what the adapters make of the log. Raise it when either changes: older databases are rebuilt.
VERSION = 9
APPLICATION_ID = 0x636C_6B72  # "clkr": identifies our files, also for file(1)
BUSY_MS = 5000
UNWRITABLE = (
    apsw.FullError,
    apsw.IOError,
    apsw.CantOpenError,
    apsw.ReadOnlyError,
)  # SQLite's errors for an unwritable file
_CACHE_KIB = 32 << 10  # page cache: ids are not ordered, so each insert goes to another place of an index
YOUNG = 2  # youngest log files, whose end a power loss may have truncated


class SchemaError(ClankersError):
    """The file is damaged, not one of ours, or made by a newer clankers."""


class NewerError(SchemaError):
    """A newer clankers made the database; only a rebuild that a person asks for replaces it."""


class OutdatedError(Exception):
    """The database was made by an older clankers and must be rebuilt."""


def damaged(path: str, error: Exception) -> SchemaError:
    """The error to raise for a database that SQLite cannot read."""
    return SchemaError(f"{path} is damaged: {error}; run `clankers project --rebuild` to make it again from the log")


def open_database(path: str, *, durable: bool = True) -> apsw.Connection:
    """Open the database at `path` for the projector; create it if it is missing.

    Args:
        path: of the file; its directory must exist.
        durable: False for a file that is deleted if anything goes wrong: no journal, no syncs.

    Raises:
        SchemaError: it is damaged, or another program's.
        NewerError: a newer clankers made it.
        OutdatedError: an older clankers made it.
    """
    try:
        db = apsw.Connection(path)
        db.set_busy_timeout(BUSY_MS)
        version, owner = db.pragma("user_version"), db.pragma("application_id")
        empty = db.pragma("schema_version") == 0
        db.execute("SELECT count(*) FROM sqlite_schema")  # parses the schema
    except (apsw.NotADBError, apsw.CorruptError) as e:
        raise damaged(path, e) from e
    if not empty and owner != APPLICATION_ID:
        db.close()
        raise SchemaError(f"{path} is another program's database; set CLANKERS_DB_PATH to a file for clankers")
    if version > VERSION:
        db.close()
        raise NewerError(
            f"{path} was made by a newer clankers (schema {version}, this one's is {VERSION}); update clankers, "
            "or run `clankers project --rebuild` to make it again from the log"
        )
    if not empty and version < VERSION:
        db.close()
        raise OutdatedError(path)
    db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    db.pragma("journal_mode", "WAL" if durable else "OFF")
    db.pragma("synchronous", "NORMAL" if durable else "OFF")
    db.pragma("foreign_keys", True)
    db.pragma("cache_size", -_CACHE_KIB)
    if empty:
        from importlib.resources import files  # most commands need not import it

        with db:
            db.execute(files("projector.store").joinpath("schema.sql").read_text("utf-8"))
            db.pragma("application_id", APPLICATION_ID)
            db.pragma("user_version", VERSION)
            db.execute("INSERT INTO meta VALUES ('schema_version', ?)", (str(VERSION),))
            db.execute(
                "INSERT INTO meta VALUES ('database_id', ?)", (os.urandom(8).hex(),)
            )  # the search index is of one database
    return db


def is_ours(db: apsw.Connection) -> bool:
    """Whether `db` was made by this version of clankers.

    Raises:
        apsw.Error: it cannot be read.
    """
    return (db.pragma("application_id"), db.pragma("user_version")) == (APPLICATION_ID, VERSION)


def is_current(db: apsw.Connection, root: str) -> bool:
    """Whether `db` holds every byte of the log in `root`, checked without importing replay.

    Raises:
        apsw.Error: it cannot be read.
        OSError: the log cannot be read.
    """
    read = {name: (offset, tail) for name, offset, tail in db.execute('SELECT name, "offset", tail FROM log_files')}
    if segment_sizes(root) != {name: offset for name, (offset, _) in read.items()}:
        return False
    youngest = [(name, *read[name]) for name in sorted(read)[-YOUNG:]]
    return all(tail is None or tail_crc(root, name, offset) in (tail, None) for name, offset, tail in youngest)
