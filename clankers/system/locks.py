"""Locks between processes: on an open file, so that the system releases them when their holder dies.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
import time

from clankers.errors import BusyError
from clankers.paths import make_private, open_private
from clankers.system.durable import UNSUPPORTED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

_POLL = 0.02  # seconds
_UNKNOWN = "a process that does not say which"
WATCHER = "project --watch"  # the purpose of a holder that keeps its lock until it is stopped


def try_lock(fd: int) -> bool:
    """Lock the file behind `fd` until it is closed; False if another open file holds the lock.

    On a file system without locks it is as if nobody else had one: `clankers.system.file_system` names what is weaker.
    """
    return _flock(fd, exclusive=True) is not False


def is_locked(path: str) -> bool:
    """Whether somebody holds the lock of the file at `path`."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return _flock(fd, exclusive=False) is False
    finally:
        os.close(fd)


def holder(path: str) -> str:
    """Who holds the lock of the file at `path`: its process and command, as far as they are known; empty: nobody."""
    if not is_locked(path):
        return ""
    try:
        with open(path, "rb") as f:
            _, is_alive, text = _holder(f.fileno())
    except OSError:
        is_alive = False
    return text if is_alive else _UNKNOWN


def supports_locks(fd: int) -> bool:
    """Whether the file system of the file behind `fd` has locks. What `fd` holds of them is released."""
    if _flock(fd, exclusive=False) is None:
        return False
    import fcntl

    fcntl.flock(fd, fcntl.LOCK_UN)
    return True


def _flock(fd: int, *, exclusive: bool) -> bool | None:
    """Whether `fd` has the lock now; None: its file system has none.

    A shared lock needs no write access: NFS refuses an exclusive one without it.
    """
    import errno
    import fcntl  # which a hook that locks nothing does not need

    try:
        fcntl.flock(fd, (fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as e:
        if e.errno in (*UNSUPPORTED, errno.ENOLCK):
            return None
        raise
    return True


class NamedLock:
    """A lock that says who holds it: `with NamedLock(path, "project", "..."):`.

    Args:
        path: of the lock file.
        purpose: the command that takes the lock, for the message to others.
        taken: the message to others: what it means that the lock is held.
        patience: seconds to wait for the holder, unless that is a watcher.

    Raises:
        BusyError: from `with`, when another process holds the lock; says which.
    """

    def __init__(self, path: str, purpose: str, taken: str, *, patience: float = 0) -> None:
        self._path = path
        self._purpose = purpose
        self._taken = taken
        self._patience = patience

    def __enter__(self) -> Self:
        make_private(os.path.dirname(os.path.abspath(self._path)))
        self._fd = open_private(self._path, os.O_RDWR)
        deadline = time.monotonic() + self._patience
        while not try_lock(self._fd):
            purpose, is_alive, text = _holder(self._fd)
            if time.monotonic() > deadline or (purpose == WATCHER and is_alive):
                os.close(self._fd)
                who = text if is_alive else _UNKNOWN
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
    path = database + ".lock"
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        purpose, is_alive, _ = _holder(fd)
    finally:
        os.close(fd)
    return purpose == WATCHER and is_alive and is_locked(path)


def _holder(fd: int) -> tuple[str, bool, str]:
    """What the lock file says of its holder: the purpose, whether that process lives, and all of the text.

    A process that was killed leaves its text, and the next holder replaces it only after it has the lock: what a dead
    process wrote says nothing about the holder.
    """
    text = os.pread(fd, 400, 0).decode("utf-8", "replace")
    process, _, purpose = text.partition(", clankers ")
    try:
        os.kill(int(process.removeprefix("process ")), 0)
    except PermissionError:
        return purpose, True, text  # another user's
    except (ValueError, OverflowError, OSError):
        return purpose, False, text
    return purpose, True, text
