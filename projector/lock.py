"""One projector at a time: a lock file beside the database, dropped by the system when its holder dies.

The database file itself is never locked this way, nor opened by anything but SQLite: closing such a handle would drop
SQLite's own locks.
"""

import os
from types import TracebackType
from typing import Self

from clankers.errors import BusyError
from clankers.paths import make_private


class ProjectorLock:
    """The right to write the database at `path`: `with ProjectorLock(path, "project"):`.

    Args:
        path: of the database.
        purpose: what the holder does, for the message that others get.

    Raises:
        BusyError: from `with`, when another process keeps the lock; says which.
    """

    def __init__(self, path: str, purpose: str) -> None:
        self._path = path + ".lock"
        self._purpose = purpose

    def __enter__(self) -> Self:
        make_private(os.path.dirname(os.path.abspath(self._path)))
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        if not _try_lock(self._fd):
            holder = _read(self._fd)
            os.close(self._fd)
            raise BusyError(f"another projector is at work on this database: {holder}; stop it, or try again later")
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        os.write(self._fd, f"process {os.getpid()}, clankers {self._purpose}".encode())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.ftruncate(self._fd, 0)
        os.close(self._fd)


def _read(fd: int) -> str:
    os.lseek(fd, 0, os.SEEK_SET)
    return os.read(fd, 200).decode("utf-8", "replace") or "a process that does not say which"


def _try_lock(fd: int) -> bool:
    try:
        import fcntl
    except ImportError:  # Windows
        import msvcrt

        os.lseek(fd, 1 << 30, os.SEEK_SET)  # behind the content, so that others may read who holds it
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        except OSError:
            return False
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
