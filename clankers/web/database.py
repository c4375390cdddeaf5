"""The database for the pages: connections that only read, and an update whenever the log has grown."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import apsw

from clankers import paths
from clankers.errors import BusyError, ClankersError
from clankers.log.segments import disk_sizes
from clankers.queries import connect

_KEPT = 4  # connections for the next requests
_SWEEP = 2.0  # seconds between two looks at what clients wrote without a hook, while somebody asks
_PATIENCE = 0.03  # seconds that a page waits for an update; what comes later it learns as it does all else that is new


class Reader:
    """Connections to the database, each for one request at a time; another file at its path gets new ones."""

    def __init__(self) -> None:
        self._free: list[tuple[object, apsw.Connection]] = []
        self._lock = threading.Lock()

    @contextmanager
    def connection(self) -> Iterator[apsw.Connection]:
        """A connection, for this thread alone.

        Raises:
            ClankersError: there is no database, or it cannot be read.
        """
        path = paths.database_path()
        now = _identity(path)
        db = self._taken(now) or connect.open_for_reading(path)
        kept = False
        try:
            yield db
            kept = True
        finally:
            with self._lock:
                kept = kept and len(self._free) < _KEPT
                if kept:
                    self._free.append((now, db))
            if not kept:
                db.close()

    def close(self) -> None:
        """Close what is kept."""
        with self._lock:
            free, self._free = self._free, []
        for _, db in free:
            db.close()

    def _taken(self, now: object) -> apsw.Connection | None:
        """A kept connection to the file that is there `now`; those to others are closed."""
        with self._lock:
            stale = [db for of, db in self._free if of != now]
            self._free = [one for one in self._free if one[0] == now]
            db = self._free.pop()[1] if self._free else None
        for one in stale:
            one.close()
        return db


class Updater:
    """Brings the database up to date, for all requests together; one thread at a time does the work."""

    def __init__(self) -> None:
        self._working = threading.Lock()
        self._seen: object = None
        self._swept = 0.0
        self.problem = ""  # why the last update failed, for a person; empty if it did not

    def update(self) -> bool:
        """Replay what is new; returns whether anything was, or may have been.

        What fails is noted in `problem`: the pages show the database as of its last update.
        """
        if not self._working.acquire(timeout=_PATIENCE):
            return False
        try:
            return self._update()
        finally:
            self._working.release()

    def _update(self) -> bool:
        root, path = paths.data_root(), paths.database_path()
        if time.monotonic() - self._swept > _SWEEP:
            connect.sweep()
            self._swept = time.monotonic()
        now = (_identity(path), disk_sizes(root))
        if now == self._seen:
            return False
        try:
            connect.replay("web")
        except BusyError:  # another program does it
            return True
        except (ClankersError, OSError, apsw.Error) as e:
            self.problem = str(e)
            return False
        self.problem = ""
        self._seen = (_identity(path), now[1])
        return True


def _identity(path: str) -> tuple[int, int] | None:
    with suppress(OSError):
        status = os.stat(path)
        return status.st_dev, status.st_ino
    return None
