"""Locks between processes: a lock on an open file, which the system drops when its holder dies.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
import time

from clankers.errors import BusyError
from clankers.paths import make_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

_POLL = 0.02  # seconds
WATCHER = "project --watch"  # what the holder of a database says who follows the log: it keeps the lock until stopped


def try_lock(fd: int) -> bool:
    """Lock the file behind `fd` until it is closed; False when somebody else keeps it."""
    try:
        import fcntl
    except ImportError:  # Windows
        return _try_lock_windows(fd)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _try_lock_windows(fd: int) -> bool:
    import msvcrt

    os.lseek(fd, 1 << 30, os.SEEK_SET)  # behind the content: a lock there keeps nobody from reading it
    try:
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        return False
    finally:
        os.lseek(fd, 0, os.SEEK_SET)
    return True


class NamedLock:
    """A right that one process has at a time, and says what for: `with NamedLock(path, "project", "..."):`.

    Args:
        path: of the lock file.
        purpose: the command that takes it, for the message that others get.
        taken: the message for others: what it means that somebody has it.
        patience: seconds to wait for a holder who will soon be done, which a watcher will not.

    Raises:
        BusyError: from `with`, when another process keeps the lock; says which.
    """

    def __init__(self, path: str, purpose: str, taken: str, *, patience: float = 0) -> None:
        self._path = path
        self._purpose = purpose
        self._taken = taken
        self._patience = patience

    def __enter__(self) -> Self:
        make_private(os.path.dirname(os.path.abspath(self._path)))
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
        deadline = time.monotonic() + self._patience
        while not try_lock(self._fd):
            holder = os.pread(self._fd, 200, 0) if hasattr(os, "pread") else b""
            if time.monotonic() > deadline or WATCHER.encode() in holder:
                os.close(self._fd)
                who = holder.decode("utf-8", "replace") or "a process that does not say which"
                raise BusyError(f"{self._taken}: {who}; stop it, or try again later")
            time.sleep(_POLL)
        os.ftruncate(self._fd, 0)
        os.lseek(self._fd, 0, os.SEEK_SET)
        os.write(self._fd, f"process {os.getpid()}, clankers {self._purpose}".encode())
        return self

    def __exit__(self, *_: object) -> None:
        os.ftruncate(self._fd, 0)
        os.close(self._fd)


def watched(database: str) -> bool:
    """Whether a `clankers project --watch` keeps the database at `database` current."""
    try:
        fd = os.open(database + ".lock", os.O_RDONLY)
    except OSError:
        return False
    try:
        # A watcher that was killed leaves its words, not its lock.
        return WATCHER.encode() in os.read(fd, 200) and not try_lock(fd)
    finally:
        os.close(fd)
