"""Locks between processes: on an open file, so that the system releases them when their holder dies.

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
WATCHER = "project --watch"  # the purpose of a holder that keeps its lock until it is stopped


def try_lock(fd: int) -> bool:
    """Lock the file behind `fd` until it is closed; False if another open file holds the lock."""
    import fcntl  # which a hook that locks nothing does not need

    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
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
        self._fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        deadline = time.monotonic() + self._patience
        while not try_lock(self._fd):
            purpose, is_alive, holder = _holder(self._fd)
            if time.monotonic() > deadline or (purpose == WATCHER and is_alive):
                os.close(self._fd)
                who = holder if is_alive else "a process that does not say which"
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
        fd = os.open(database + ".lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        purpose, is_alive, _ = _holder(fd)
        return purpose == WATCHER and is_alive and not try_lock(fd)
    finally:
        os.close(fd)


def _holder(fd: int) -> tuple[str, bool, str]:
    """What the lock file says of its holder: the purpose, whether that process lives, and all of the text.

    A process that was killed leaves its text, and the next holder replaces it only after it has the lock: what a dead
    process wrote says nothing about the holder.
    """
    text = os.pread(fd, 200, 0).decode("utf-8", "replace")
    process, _, purpose = text.partition(", clankers ")
    try:
        os.kill(int(process.removeprefix("process ")), 0)
    except PermissionError:
        return purpose, True, text  # another user's
    except (ValueError, OverflowError, OSError):
        return purpose, False, text
    return purpose, True, text
