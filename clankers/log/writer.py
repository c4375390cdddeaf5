"""Appends to the log: one file for each UTC day. Imported on the append path.

Many processes write at once without a lock: one or several complete lines are one `write(2)` to a file opened
`O_APPEND`, which the kernel neither splits nor interleaves. A writer that dies in the middle of a line leaves it
without a newline. The next writer writes one first, so that the damage stays on a line of its own.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os

from clankers.paths import make_private, open_private
from clankers.system.durable import sync_directory, sync_file, sync_parents

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Self

_FLAGS = os.O_RDWR | os.O_APPEND
FSYNC_ENV = "CLANKERS_FSYNC"
ON, OFF = "on", "off"
_GROUP = 64 << 10  # bytes of lines in one write, unless one is longer
_TRIES = 3  # attempts to write a line, before a disk that writes only parts of it counts as full


def file_name(day: str) -> str:
    """The log file of `day` (`YYYY-MM-DD`, UTC)."""
    return f"clankers-{day}.jsonl"


def fsync_setting() -> str:
    """The value of `CLANKERS_FSYNC`, which says whether live events are synced; anything but `off` means `on`."""
    return os.environ.get(FSYNC_ENV) or ON


class Log:
    """An open log: `with Log(root) as log: log.write(day, lines); log.sync()`.

    Args:
        root: the data root; made, for its owner alone, if it is missing.
        synced: False: `sync` does nothing, and a power loss may take what the system has not written yet.
        note: gets, once for each new file, what its file system cannot do.

    Raises:
        OSError: from every method, when the log cannot be written.
    """

    def __init__(self, root: str, *, synced: bool = True, note: Callable[[str], object] = id) -> None:
        self.root = root
        self._synced = synced
        self._note = note
        self._day = ""
        self._fd = -1
        self._unsynced = False
        self._failed: OSError | None = None  # of a sync

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def write(self, day: str, lines: list[bytes]) -> None:
        """Append `lines`, each with its newline, to the file of `day`."""
        if not lines:
            return
        if day != self._day or self._moved(day):
            self.close()
            self._open(day)
        end = os.fstat(self._fd).st_size
        if not end and self._synced:
            self._begin()
        if end and os.pread(self._fd, 1, end - 1) != b"\n":
            # A writer died here, or is writing now: then this makes an empty line, which readers skip.
            os.write(self._fd, b"\n")
        self._unsynced = True
        for group in _groups(lines):
            self._append(group)

    def _begin(self) -> None:
        """Sync the name of a new file, whoever made it: a power loss could take it, and with it what is synced."""
        synced = sync_directory(self.root)
        if sum(name.startswith("clankers-") for name in os.listdir(self.root)) == 1:
            sync_parents(self.root)  # a new root
        from clankers.system.file_system import weaknesses  # once a day

        for text in weaknesses(self._fd, self.root, synced=True, directory_synced=synced):
            self._note(text)

    def _append(self, text: bytes) -> None:
        """Append complete lines."""
        tries = 0
        while True:
            done = os.write(self._fd, text)
            if done == len(text):
                return
            # A short write (a signal, a full disk): another writer may already have appended, so the rest of the line
            # must not follow. What was written becomes a torn line, and the line is written again.
            complete = text.rfind(b"\n", 0, done) + 1
            if done > complete:
                os.write(self._fd, b"\n")
                if text[done : done + 1] == b"\n":
                    complete = done + 1  # only the newline was missing
            text = text[complete:]
            if not text:
                return
            tries = 0 if complete else tries + 1
            if tries == _TRIES:
                raise OSError(28, "the disk writes only parts of a line", file_name(self._day))

    def sync(self) -> None:
        """Sync what was written to the disk. A failure is final: later calls raise it again."""
        if self._failed:  # the system reports a lost write once; a second sync would succeed
            raise self._failed
        if self._synced and self._unsynced and self._fd >= 0:
            try:
                sync_file(self._fd)
            except OSError as e:
                self._failed = e
                raise
            self._unsynced = False

    def close(self) -> None:
        """Sync and close."""
        if self._fd >= 0:
            try:
                self.sync()
            finally:
                os.close(self._fd)
                self._fd, self._day = -1, ""

    def _moved(self, day: str) -> bool:
        """Whether the open file is no longer the one of `day`: it was renamed or removed."""
        ours = os.fstat(self._fd)
        try:
            there = os.stat(os.path.join(self.root, file_name(day)))
        except FileNotFoundError:
            return True
        return (ours.st_dev, ours.st_ino) != (there.st_dev, there.st_ino)

    def _open(self, day: str) -> None:
        path = os.path.join(self.root, file_name(day))
        try:
            self._fd = open_private(path, _FLAGS)
        except FileNotFoundError:
            make_private(self.root)
            self._fd = open_private(path, _FLAGS)
        self._day = day


def _groups(lines: list[bytes]) -> Iterator[bytes]:
    """`lines` joined into writes of a useful size."""
    group: list[bytes] = []
    size = 0
    for text in lines:
        if size + len(text) > _GROUP and group:
            yield b"".join(group)
            group, size = [], 0
        group.append(text)
        size += len(text)
    if group:
        yield b"".join(group)
