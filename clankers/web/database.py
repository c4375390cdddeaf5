"""The database for the pages: connections that only read, and an update whenever the log has grown."""

import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import apsw

from clankers import paths
from clankers.errors import BusyError, ClankersError
from clankers.log.segments import disk_sizes
from clankers.queries import connect
from clankers.system import detached

_KEPT = 4  # connections for the next requests
_MUCH = 4 << 20  # bytes of the log
_SWEEP = 5.0  # seconds between two looks at what clients wrote without a hook, while somebody asks or listens
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
        if now is None:
            raise ClankersError("The database is not there yet. It is made from the log, which may take a while.")
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
    """Brings the database up to date beside the requests: one thread at a time does the work for all."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None
        self._seen: tuple[object, object] | None = None
        self._swept = 0.0
        self.problem = ""  # why the last update failed, for a person; empty if it did not

    def update(self, patience: float = _PATIENCE) -> None:
        """Begin to replay what is new, if anything is, and wait for it so many seconds, at most.

        What fails is noted in `problem`: the pages show the database as of its last update.
        """
        with self._lock:
            worker = self._worker
            if worker is None or not worker.is_alive():
                if not self._is_due():
                    return
                worker = self._worker = threading.Thread(target=self._update, daemon=True)
                worker.start()
        worker.join(patience)

    def _is_due(self) -> bool:
        return time.monotonic() - self._swept > _SWEEP or self._state() != self._seen

    def _state(self) -> tuple[object, list[tuple[str, int]]]:
        return _identity(paths.database_path()), disk_sizes(paths.data_root())

    def _update(self) -> None:
        try:
            if time.monotonic() - self._swept > _SWEEP:
                connect.sweep()
                self._swept = time.monotonic()
            before = self._state()
            if before == self._seen:
                return
            if self._is_much(before):
                _replay_apart()
            else:
                connect.replay("web")
            self._seen = (_identity(paths.database_path()), before[1])
            self.problem = ""
        except BusyError:  # another program does it
            pass
        except (ClankersError, OSError, apsw.Error) as e:
            self.problem = str(e)

    def _is_much(self, now: tuple[object, list[tuple[str, int]]]) -> bool:
        """Whether there is more to replay than this process should: what it takes for that, it keeps."""
        if self._seen is None:
            return now[0] is None
        before = self._seen[1]
        assert isinstance(before, list)
        return now[0] != self._seen[0] or sum(size for _, size in now[1]) - sum(size for _, size in before) > _MUCH


def _replay_apart() -> None:
    """Bring the database up to date in a process of its own.

    Raises:
        ClankersError: it failed.
    """
    done = subprocess.run(detached.command("catch-up"), stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode:
        raise ClankersError(done.stderr.decode("utf-8", "replace").strip().removeprefix("clankers: "))


def _identity(path: str) -> tuple[int, int] | None:
    with suppress(OSError):
        status = os.stat(path)
        return status.st_dev, status.st_ino
    return None
