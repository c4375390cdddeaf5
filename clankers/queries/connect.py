"""The database for commands that read: brought up to date first, then open for reading only, by SQLite's own means."""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import apsw

from clankers import paths
from clankers.errors import BusyError, ClankersError
from clankers.formatting import clean, progress_bar
from clankers.harnesses.claude_code import after_hook
from clankers.harnesses.claude_code.transcript_files import TranscriptError
from clankers.log.segments import sizes
from clankers.log.writer import Log
from clankers.queries.first_backfill import start_first_backfill
from projector.derived.price_table import is_newer
from projector.store.lock import ProjectorLock
from projector.store.read_only import open_read_only
from projector.store.sqlite_file import UNWRITABLE, is_current, is_ours

if TYPE_CHECKING:
    from projector.replay.replay import Replayed  # what replays is imported when there is something to replay

_PATIENCE = 2.0  # seconds to wait for another projector, which does the same work
_POLL = 0.02  # seconds
ELSEWHERE = f"set {paths.DB_ENV} to a file elsewhere, and one is made there from the log"

# What a statement may do: read. ATTACH is not among it, nor is VACUUM INTO, which would write a file.
_ALLOWED = frozenset(
    {apsw.SQLITE_SELECT, apsw.SQLITE_READ, apsw.SQLITE_FUNCTION, apsw.SQLITE_RECURSIVE, apsw.SQLITE_PRAGMA}
)

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


def bring_up_to_date(purpose: str, *, patience: float = 0) -> Replayed:
    """Take in what clients wrote without telling, then replay what is new in the log.

    Args:
        purpose: the command, for the message that others get.
        patience: seconds to wait for another projector that will soon be done.

    Raises:
        BusyError: another projector is at work.
    """
    from projector.replay.rebuild import update

    root, path = paths.data_root(), paths.database_path()
    with ProjectorLock(path, purpose, patience=patience):
        sweep()
        with progress_bar("Replaying the log", log_bytes(root)) as step:
            return update(path, root, progress=step)


def sweep() -> None:
    """Take in what Claude Code's open sessions wrote; whatever is wrong with a transcript does not stop a replay."""
    try:
        with Log(paths.data_root()) as log:
            after_hook.sweep(log)
    except (OSError, TranscriptError) as e:
        print(f"clankers: a transcript was not read: {clean(str(e))}", file=sys.stderr)


def log_bytes(root: str) -> int:
    """The size of the log in `root`, in bytes to replay: uncompressed."""
    return sum(sizes(root).values())


def open_current() -> apsw.Connection:
    """The database as of now, for reading only.

    While another projector keeps the lock, as `project --watch` does, what that one writes serves: it is waited for.
    Where it cannot be written, as in a backup that is mounted, it is read as it stands, and that is said.
    """
    path, root = paths.database_path(), paths.data_root()
    try:
        sweep()
        db = _if_current(path, root)
        if db is None:
            db = _made_current(path, root)
        elif is_newer(db):
            db.close()
            with suppress(BusyError):  # a watcher goes on by the table that it began with
                bring_up_to_date("query")
            db = open_for_reading(path)
    except (OSError, *UNWRITABLE) as e:
        db = open_for_reading(path)
        why = f"{e.filename}: {e.strerror}" if isinstance(e, OSError) and e.filename else e
        note = f"{path} is shown as it stands, for it cannot be brought up to date: {why}; {ELSEWHERE}"
        print(f"clankers: {clean(note)}", file=sys.stderr)
        return db
    start_first_backfill()
    return db


def _made_current(path: str, root: str) -> apsw.Connection:
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            bring_up_to_date("query")
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


def catch_up() -> None:
    """Bring the database up to date behind the end of a turn: what hooks start in the background."""
    open_current().close()


def _if_current(path: str, root: str) -> apsw.Connection | None:
    """The database, if all that the log holds is in it."""
    if not os.path.exists(path):
        return None
    try:
        db = open_for_reading(path)
    except (ClankersError, apsw.Error):
        return None  # who brings it up to date says what is wrong
    try:
        if is_ours(db) and (is_current(db, root) or not _whole_lines(db, root)):
            return db
    except apsw.Error:
        pass  # likewise
    db.close()
    return None


def _whole_lines(db: apsw.Connection, root: str) -> bool:
    """Whether the log holds lines that `db` does not; a last one without its newline, which may never come, is none."""
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
        raise ClankersError(f"{path} cannot be opened, or made: {e}; check its owner; {ELSEWHERE}") from e
    except apsw.Error as e:
        raise ClankersError(f"{path} cannot be read: {e}; `clankers project --rebuild` makes it anew") from e
    db.authorizer = _authorize
    return db


def _authorize(action: int, first: str | None, second: str | None, _: str | None, __: str | None) -> int:
    if action not in _ALLOWED or (action == apsw.SQLITE_PRAGMA and second is not None and first not in _ASKING):
        return apsw.SQLITE_DENY
    return apsw.SQLITE_OK
