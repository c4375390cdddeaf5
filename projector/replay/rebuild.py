"""Brings the database up to date with the log, or rebuilds it and swaps it in atomically.

A rebuild writes a file of its own, checks it, and copies it over the live database with SQLite's backup in one
transaction. A reader with an open transaction keeps its view, the next one sees the new rows, and a kill at any moment
leaves a complete database. Renaming the file would leave the old one's WAL beside the new one.
"""

import contextlib
import os
import time
from collections.abc import Callable

import apsw

from clankers.errors import BusyError, ClankersError
from clankers.paths import create_private, make_private
from clankers.system.atomic_write import remove_leftovers, temporary_path
from projector.derived.prices import reprice
from projector.replay.replay import LogChangedError, Replayed, replay
from projector.search.index import remove_indexes
from projector.store.meta import BACKFILL, read_meta, set_meta
from projector.store.sqlite_file import BUSY_MS, NewerError, OutdatedError, SchemaError, damaged, open_database
from projector.store.sqlite_writer import SqliteStore

_SWAP_SECONDS = 60.0  # to wait for another writer
_LONG_WAL = 1000  # pages
_TRIES = 10  # a data root that somebody removes while the database is made


class RebuildError(ClankersError):
    """The new database did not pass its checks, or could not be swapped in; the old one is unchanged."""


def open_live(path: str) -> apsw.Connection:
    """Open the live database at `path`; create it, private to its owner, if it is missing.

    Raises:
        SchemaError: it is not ours.
        OutdatedError: it must be rebuilt.
    """
    folder = os.path.dirname(os.path.abspath(path))
    for left in reversed(range(_TRIES)):
        try:
            make_private(folder)
            if not os.path.exists(path):
                _create(path)
            return open_database(path)
        except (FileNotFoundError, apsw.CantOpenError):
            if not left or os.path.isdir(folder):  # else it was removed this moment
                raise
    raise AssertionError("unreachable")


def _create(path: str) -> None:
    """An empty database at `path`, put there complete: nobody ever sees one without its tables."""
    remove_leftovers(path)
    fresh = temporary_path(path)
    os.close(create_private(fresh))  # SQLite would make it readable for others; -wal and -shm copy its mode
    open_database(fresh, durable=False).close()
    for suffix in ("-journal", "-wal", "-shm"):  # of a deleted database; SQLite would use them
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + suffix)
    os.replace(fresh, path)


def update(path: str, root: str, *, progress: Callable[[int], object] | None = None) -> Replayed:
    """Bring the database at `path` up to date with the log in `root`, by a rebuild if necessary.

    The projector's lock must be held.
    """
    _remove(path + ".rebuild")  # of a rebuild that was killed
    remove_leftovers(path)
    try:
        db = open_live(path)
    except OutdatedError:
        return rebuild(path, root, progress=progress)
    try:
        done = replay(SqliteStore(db), root, progress=progress)
        reprice(db)
        checkpoint(db)
    except LogChangedError:
        return rebuild(path, root, progress=progress)
    except (apsw.BusyError, apsw.LockedError) as e:
        raise BusyError(f"another program is writing {path}; close it and try again") from e
    except (apsw.CorruptError, apsw.NotADBError) as e:
        raise damaged(path, e) from e
    finally:
        db.close()
    return done


def checkpoint(db: apsw.Connection) -> None:
    """Move the WAL into the database file, as far as readers allow, so that plain copies of the file are current.

    A long WAL, as a rebuild leaves it, is then truncated if nobody reads from it: the first one to open the database
    reads all of the WAL, which takes 40 ms for 150 MB.
    """
    with contextlib.suppress(apsw.BusyError):
        frames, moved = db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        if frames == moved and frames > _LONG_WAL:
            db.set_busy_timeout(0)
            try:
                db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            finally:
                db.set_busy_timeout(BUSY_MS)


def rebuild(path: str, root: str, *, progress: Callable[[int], object] | None = None) -> Replayed:
    """Rebuild the database at `path` from the log in `root`. The projector's lock must be held.

    Raises:
        RebuildError: the new database is not sound, or another writer keeps the old one.
    """
    fresh = path + ".rebuild"
    try:
        done = build(fresh, root, progress=progress)
        if backfilled := read_meta(path, BACKFILL):
            set_meta(fresh, BACKFILL, backfilled)
        new = apsw.Connection(
            fresh, flags=apsw.SQLITE_OPEN_READONLY
        )  # read-only: if it was removed, no empty one is swapped in
        try:
            _swap(path, new)
        finally:
            new.close()
        remove_indexes(path)  # they may hold forgotten texts
    finally:
        _remove(fresh)
    return done


def build(
    path: str, root: str, *, until: int | None = None, progress: Callable[[int], object] | None = None
) -> Replayed:
    """Build a new database at `path` from the log in `root`, up to `until` (epoch milliseconds), and check it.

    Raises:
        RebuildError: it is not sound.
    """
    make_private(os.path.dirname(os.path.abspath(path)))
    _remove(path)
    os.close(create_private(path))
    db = open_database(path, durable=False)
    try:
        done = replay(SqliteStore(db), root, until=until, progress=progress)
        if (problem := db.pragma("quick_check")) != "ok":
            raise RebuildError(f"the new database is not sound: {problem}; the old one is kept")
        if db.execute("PRAGMA foreign_key_check").fetchone():
            raise RebuildError(
                "the new database has rows with missing parents (foreign_key_check); the old one is kept"
            )
    finally:
        db.close()
    return done


def _swap(path: str, new: apsw.Connection) -> None:
    try:
        live = open_live(path)
    except (OutdatedError, NewerError):
        live = apsw.Connection(path)
    except SchemaError as e:
        if not isinstance(e.__cause__, apsw.NotADBError | apsw.CorruptError):
            raise
        # It cannot even be opened. The log is the truth, but a person may want to look at it: keep it.
        for suffix in ("", "-wal", "-shm"):
            with contextlib.suppress(FileNotFoundError):
                os.replace(path + suffix, path + ".damaged" + suffix)
        live = open_live(path)
    try:
        live.set_busy_timeout(BUSY_MS)
        live.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        deadline = time.monotonic() + _SWAP_SECONDS
        with live.backup("main", new, "main") as backup:
            while not backup.done:
                try:
                    backup.step(-1)  # all pages: one transaction of the live database
                except (apsw.BusyError, apsw.LockedError):
                    if time.monotonic() > deadline:
                        raise RebuildError(f"another program is writing {path}; close it and try again") from None
                    time.sleep(0.05)
        checkpoint(live)
    finally:
        live.close()


def _remove(path: str) -> None:
    for suffix in ("", "-journal", "-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + suffix)
