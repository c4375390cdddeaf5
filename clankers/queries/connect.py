"""The database for commands that read: brought up to date first, then open for reading only, by SQLite's own means.

Nothing here prints: notes for a person go to a callback, and so does progress.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext, suppress
from typing import TYPE_CHECKING, TypeAlias

import apsw

from clankers import harnesses, paths
from clankers.errors import BusyError, ClankersError, NoHomeError
from clankers.ingest import live, watched
from clankers.ingest.fingerprints import Fingerprints
from clankers.ingest.source import SourceError
from clankers.log.segments import segment_sizes
from clankers.log.writer import Log
from clankers.queries.dialect import Database
from clankers.queries.first_backfill import start_first_backfill
from projector.derived.price_table import is_newer
from projector.store.lock import ProjectorLock
from projector.store.read_only import open_read_only
from projector.store.sqlite_file import UNWRITABLE, is_current, is_ours

if TYPE_CHECKING:
    from projector.replay.replay import Replayed  # what replays is imported when there is something to replay

Note: TypeAlias = Callable[[str], object]  # gets a sentence for a person
# Called with the bytes to replay; the context that it returns gives what is called with the bytes of each step.
Progress: TypeAlias = Callable[[int], AbstractContextManager[Callable[[int], object]]]

_PATIENCE = 2.0  # seconds to wait for another projector, which does the same work
_POLL = 0.02  # seconds
_WORTH_SAVING = 16  # fingerprints; a few sources can be looked at again instead
ELSEWHERE = f"set {paths.DB_ENV} to a file elsewhere, and one is made there from the log"

# What a statement may do: read. Not ATTACH, and not VACUUM INTO, which would write a file.
_ALLOWED = frozenset(
    {apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_FUNCTION, apsw.SQLITE_RECURSIVE, apsw.SQLITE_PRAGMA}
)

# Pragmas that do something even without an argument.
_ACTING = frozenset({"wal_checkpoint", "incremental_vacuum", "optimize", "shrink_memory"})

# Pragmas whose argument names what is asked for; any other with an argument sets something.
_ASKING = frozenset(
    {
        "table_info",
        "table_xinfo",
        "table_list",
        "index_list",
        "index_info",
        "index_xinfo",
        "foreign_key_list",
        "integrity_check",
        "quick_check",
        "foreign_key_check",
    }
)


def silent(_: object) -> None:
    """Drop a note."""


def no_progress(_: int) -> AbstractContextManager[Callable[[int], object]]:
    """Show no progress."""
    return nullcontext(silent)


def bring_up_to_date(
    purpose: str, *, patience: float = 0, note: Note = silent, progress: Progress = no_progress
) -> Replayed:
    """Import what clients wrote without a hook, then replay what is new in the log.

    Args:
        purpose: the command, for the message that others get.
        patience: seconds to wait for another projector that will soon be done.
        note: gets what went wrong with a transcript.
        progress: shows how far the replay is.

    Raises:
        BusyError: another projector is at work.
    """
    with ProjectorLock(paths.database_path(), purpose, patience=patience):
        sweep(note)
        return _update(progress)


def replay(purpose: str, *, patience: float = 0, progress: Progress = no_progress) -> None:
    """Replay what is new in the log, if anything is; otherwise as `bring_up_to_date`."""
    path = paths.database_path()
    if db := _if_current(path, paths.data_root()):
        db.close()
        return
    with ProjectorLock(path, purpose, patience=patience):
        _update(progress)


def _update(progress: Progress) -> Replayed:
    from projector.replay.rebuild import update

    root = paths.data_root()
    with progress(log_bytes(root)) as step:
        return update(paths.database_path(), root, progress=step)


def sweep(note: Note = silent) -> None:
    """Import what open sessions wrote, and what changed in stores that no event announces.

    A source that cannot be read does not stop a replay.
    """
    for read in (_read_open, _read_watched):
        try:
            with Log(paths.data_root()) as log:
                read(log)
        except (OSError, SourceError) as e:
            note(f"a transcript was not read: {e}")


def _read_open(log: Log) -> None:
    fingerprints = Fingerprints(log.root)
    try:
        live.sweep(log, harnesses.source_of(log.root), fingerprints=fingerprints)
    finally:
        fingerprints.save(least=_WORTH_SAVING)


def _read_watched(log: Log) -> None:
    for name in harnesses.WATCHED:
        with suppress(NoHomeError):  # then there is no store
            harness = harnesses.load(name, log.root)
            watched.read_changed(log, harness.watched(log.root), name, harness.watched_files())


def log_bytes(root: str) -> int:
    """The size of the log in `root`, in bytes to replay: uncompressed."""
    return sum(segment_sizes(root).values())


def open_current(note: Note = silent, progress: Progress = no_progress) -> apsw.Connection:
    """The database as of now, for reading only.

    While another projector holds the lock, as `project --watch` does, this waits for that one to write what is new.
    A database that cannot be written, as in a mounted backup, is read as of its last update, with a note.
    """
    path, root = paths.database_path(), paths.data_root()
    try:
        sweep(note)
        db = _if_current(path, root)
        if db is None:
            db = _made_current(path, root, note, progress)
        elif is_newer(db):
            db.close()
            with suppress(BusyError):  # a watcher keeps the price table with which it started
                bring_up_to_date("query", note=note, progress=progress)
            db = open_for_reading(path)
    except (OSError, *UNWRITABLE) as e:
        db = open_for_reading(path)
        why = f"{e.filename}: {e.strerror}" if isinstance(e, OSError) and e.filename else e
        note(f"showing {path} as of its last update; it cannot be brought up to date: {why}; {ELSEWHERE}")
        return db
    start_first_backfill(note)
    return db


def _made_current(path: str, root: str, note: Note, progress: Progress) -> apsw.Connection:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            bring_up_to_date("query", note=note, progress=progress)
        except BusyError:
            if time.monotonic() > deadline:
                if not os.path.exists(path):
                    raise
                break
            if db := _if_current(path, root):
                return db
            time.sleep(_POLL)
        else:
            break
    return open_for_reading(path)


def _if_current(path: str, root: str) -> apsw.Connection | None:
    """The database, if it has everything that is in the log."""
    if not os.path.exists(path):
        return None
    try:
        db = open_for_reading(path)
    except (ClankersError, apsw.Error):
        return None  # bringing it up to date will say what is wrong
    try:
        if is_ours(db) and (is_current(db, root) or not _lacks_lines(db, root)):
            return db
    except apsw.Error:
        pass  # the same
    db.close()
    return None


def _lacks_lines(db: apsw.Connection, root: str) -> bool:
    """Whether the log has complete lines that `db` lacks; a last one without its newline is in flight."""
    from clankers.log.reader import read
    from projector.replay.replay import LogChangedError, pending
    from projector.store.sqlite_writer import SqliteStore

    try:
        return any(next(read(root, *at), None) for at in pending(SqliteStore(db), root))
    except LogChangedError:
        return True


def open_for_reading(path: str) -> apsw.Connection:
    """The database at `path`, on which no statement can change anything.

    Raises:
        ClankersError: it is not there, or cannot be read.
        apsw.BusyError: it is being recovered.
    """
    try:
        db = open_read_only(path)
    except apsw.BusyError:
        raise
    except apsw.CantOpenError as e:
        raise ClankersError(f"{path} cannot be opened or made: {e}; check its owner; {ELSEWHERE}") from e
    except apsw.Error as e:
        raise ClankersError(f"{path} cannot be read: {e}; `clankers project --rebuild` makes a new one") from e
    db.authorizer = _authorize
    return db


def second_connection(db: Database) -> Database:
    """Another connection to the database of `db`, for another thread."""
    assert isinstance(db, apsw.Connection)
    return open_for_reading(db.filename)


def _authorize(action: int, first: str | None, second: str | None, _: str | None, __: str | None) -> int:
    if action not in _ALLOWED:
        return apsw.SQLITE_DENY
    if action == apsw.SQLITE_PRAGMA:
        name = (first or "").lower()
        if name in _ACTING or (second is not None and name not in _ASKING):
            return apsw.SQLITE_DENY
    return apsw.SQLITE_OK
