"""The database's file: how it is known, made and opened, and whether it holds what the log holds.

Why these settings:
- journal_mode=WAL: readers and the projector do not wait for each other. A reader that holds a transaction open only
  keeps the WAL from being reset, never the projector from writing.
- synchronous=NORMAL: a power loss may take the last transactions, whole; the log position goes with the rows, so the
  next run replays them. Nothing that only the database knows matters.
- busy_timeout: another writer (a second projector that did not ask for the lock) is waited for, not failed on. Who
  then finds the log position moved writes nothing: what was gathered is counted already.
- no checkpoint on close: closing takes no exclusive lock, so a reader that opens at this moment is not told
  "database is locked". Checkpoints happen after commits, passively.
- foreign_keys=ON: a row that hangs in the air is a bug of ours; the transaction fails and nothing is half done.
"""

import os

import apsw

from clankers.errors import ClankersError
from clankers.log.segments import segment_sizes, tail_crc

# Of the tables and of what the adapters make of the log. An older database is rebuilt. Raise it with either.
VERSION = 9
APPLICATION_ID = 0x636C_6B72  # "clkr", so that file(1) and we know the file for ours
BUSY_MS = 5000
UNWRITABLE = (apsw.FullError, apsw.IOError, apsw.CantOpenError, apsw.ReadOnlyError)  # what SQLite says of such a file
_CACHE_KIB = 32 << 10  # of pages: ids come in no order, and each goes to its place in an index
YOUNG = 2  # days of which a power loss may have taken the end


class SchemaError(ClankersError):
    """The database is not one of ours, or a newer clankers made it."""


class OutdatedError(Exception):
    """The database was made by an older clankers: it is to be rebuilt."""


def open_database(path: str, *, durable: bool = True) -> apsw.Connection:
    """The database at `path`, made when it is missing, open for the projector.

    Args:
        path: of the file; its directory must exist.
        durable: False for a file that is thrown away when anything goes wrong: no journal, no syncs.

    Raises:
        SchemaError: another program's file, or a newer clankers'.
        OutdatedError: an older clankers' database.
    """
    try:
        db = apsw.Connection(path)
        db.set_busy_timeout(BUSY_MS)
        version, owner = db.pragma("user_version"), db.pragma("application_id")
        empty = db.pragma("schema_version") == 0
        db.execute("SELECT count(*) FROM sqlite_schema")  # parses the schema
    except (apsw.NotADBError, apsw.CorruptError) as e:
        raise SchemaError(f"{path} is damaged: {e}; `clankers project --rebuild` makes it anew") from e
    if not empty and owner != APPLICATION_ID:
        db.close()
        raise SchemaError(f"{path} is another program's database; set CLANKERS_DB_PATH to a file for clankers")
    if version > VERSION:
        db.close()
        raise SchemaError(f"{path} was made by a newer clankers (schema {version}, this one knows {VERSION}); update")
    if not empty and version < VERSION:
        db.close()
        raise OutdatedError(path)
    db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
    db.pragma("journal_mode", "WAL" if durable else "OFF")
    db.pragma("synchronous", "NORMAL" if durable else "OFF")
    db.pragma("foreign_keys", True)
    db.pragma("cache_size", -_CACHE_KIB)
    if empty:
        from importlib.resources import files  # which most commands need not import

        with db:
            db.execute(files("projector.store").joinpath("schema.sql").read_text("utf-8"))
            db.pragma("application_id", APPLICATION_ID)
            db.pragma("user_version", VERSION)
            db.execute("INSERT INTO meta VALUES ('schema_version', ?)", (str(VERSION),))
            db.execute("INSERT INTO meta VALUES ('database_id', ?)", (os.urandom(8).hex(),))  # for what is made from it
    return db


def is_ours(db: apsw.Connection) -> bool:
    """Whether `db` was made by this version of clankers.

    Raises:
        apsw.Error: it cannot be read.
    """
    return (db.pragma("application_id"), db.pragma("user_version")) == (APPLICATION_ID, VERSION)


def is_current(db: apsw.Connection, root: str) -> bool:
    """Whether every byte of the log in `root` was read into `db`, as far as can be said without what replays it.

    Raises:
        apsw.Error: it cannot be read.
        OSError: the log cannot be read.
    """
    read = {name: (offset, tail) for name, offset, tail in db.execute('SELECT name, "offset", tail FROM log_files')}
    if segment_sizes(root) != {name: offset for name, (offset, _) in read.items()}:
        return False
    youngest = [(name, *read[name]) for name in sorted(read)[-YOUNG:]]
    return all(tail is None or tail_crc(root, name, offset) in (tail, None) for name, offset, tail in youngest)
