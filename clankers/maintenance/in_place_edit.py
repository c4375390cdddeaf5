"""Changes bytes of a plain log file in place; nothing else does.

Bytes are replaced by as many: writers append at the same time without a lock, so no line and no position may move. The
file is never renamed or cut.

A journal, `<root>/patch.journal`, makes this safe against kills and power losses: it is synced before the first byte is
changed, and removed after the last one. `finish` does what a journal still says; doing it twice does no harm. The
journal has CRCs of the old bytes, not the bytes, which may be what the owner wants to get rid of.
"""

import contextlib
import errno
import os
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from zlib import crc32

import msgspec

from clankers.errors import ClankersError
from clankers.system.atomic_write import atomic_write, remove_leftovers
from clankers.system.durable import sync_directory, sync_file
from clankers.system.locks import NamedLock

JOURNAL = "patch.journal"
LOCK = "patch.lock"  # held while files of the log are changed other than by appending

_PATIENCE = 30.0  # seconds to wait for another process that changes files
_BLOCK = 512  # bytes that a disk writes completely or not at all
_AROUND = 64  # bytes on either side of a change that identify the file
_READ = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW  # O_APPEND would turn pwrite into append


class PatchError(ClankersError):
    """A change cannot be made; the message says to which file, why, and what to do."""


class Replacement(NamedTuple):
    """Bytes to replace: at `offset` (uncompressed bytes from the day's start) `old` by `new`, which is as long."""

    offset: int
    old: bytes
    new: bytes


class _Entry(msgspec.Struct):
    """A one as the journal records it: the CRC of each old block, and of what stands around and stays as it is."""

    offset: int
    new: bytes
    old: list[int]
    around: int


class _Journal(msgspec.Struct):
    name: str
    size: int  # of the file at least, in bytes
    changes: list[_Entry]


def patch(root: str, name: str, replacements: Sequence[Replacement]) -> None:
    """Make all of `replacements` in the file `name` in the data root `root`, or none, even if the process is killed.

    Raises:
        PatchError: the file does not hold the old bytes, or an earlier change cannot be finished.
        BusyError: another process changes files of the log.
        OSError: the disk failed; the next call, or `finish`, completes the change.
    """
    replacements = sorted(replacements)
    assert all(len(one.old) == len(one.new) for one in replacements), "a replacement must not move what follows it"
    with lock(root, "patch"):
        _finish(root)
        with _opened(root, name) as fd:
            if any(os.pread(fd, len(one.old), one.offset) != one.old for one in replacements):
                raise PatchError(f"{name} was changed by another program just now; nothing was done, try again")
            size = os.fstat(fd).st_size
            around = _around(fd, size, [(one.offset, one.offset + len(one.new)) for one in replacements])
            journal = _Journal(
                name,
                size,
                [
                    _Entry(one.offset, one.new, [crc32(old) for old in _blocks(one.offset, one.old)], crc)
                    for one, crc in zip(replacements, around, strict=True)
                ],
            )
            _save(root, journal)
            _apply(fd, journal)
        _remove(root)


def finish(root: str) -> str | None:
    """Finish the change that a killed process began in the data root `root`.

    Returns:
        The name of the file that was changed; None where there was nothing to do.

    Raises:
        PatchError: the file is not the one that the journal was written for.
        BusyError: another process changes files of the log.
    """
    if not unfinished(root):
        return None
    with lock(root, "patch"):
        return _finish(root)


def unfinished(root: str) -> bool:
    """Whether a change in the data root `root` is not finished; another process may be making it now."""
    return os.path.exists(os.path.join(root, JOURNAL))


def lock(root: str, purpose: str) -> NamedLock:
    """The right to change files of the log in the data root `root`."""
    taken = "another process changes files of the log"
    return NamedLock(os.path.join(root, LOCK), purpose, taken, patience=_PATIENCE)


def _finish(root: str) -> str | None:
    path = os.path.join(root, JOURNAL)
    try:
        with open(path, "rb") as f:
            text = f.read()
    except FileNotFoundError:
        return None
    remedy = f"run `clankers verify`, then remove {path}"
    if text[:8] != b"%08x" % crc32(text[8:]):
        raise PatchError(f"{path}, the journal of an unfinished change, is damaged; {remedy}")
    journal = msgspec.json.decode(text[8:], type=_Journal)
    try:
        with _opened(root, journal.name) as fd:
            if not _is_the_same(fd, journal):
                raise PatchError(
                    f"{journal.name} was replaced since a change to it was begun; nothing was done: {remedy}"
                )
            _apply(fd, journal)
    except FileNotFoundError:
        raise PatchError(f"{journal.name}, to which a change was begun, is missing; restore it, or {remedy}") from None
    _remove(root)
    return journal.name


def _is_the_same(fd: int, journal: _Journal) -> bool:
    """Whether the file holds the old bytes, the new ones or a mixture, between the bytes that the journal knows."""
    if os.fstat(fd).st_size < journal.size:
        return False
    around = _around(fd, journal.size, [(c.offset, c.offset + len(c.new)) for c in journal.changes])
    if around != [c.around for c in journal.changes]:
        return False
    for change in journal.changes:
        torn = 0
        now = os.pread(fd, len(change.new), change.offset)
        for is_, new, old in zip(
            _blocks(change.offset, now), _blocks(change.offset, change.new), change.old, strict=True
        ):
            if is_ != new and crc32(is_) != old:
                torn += 1
                if is_[:1] != new[:1]:  # a write that a kill stopped within the block has written its beginning
                    return False
        if torn > 1:
            return False
    return True


def _blocks(offset: int, data: bytes) -> Iterator[bytes]:
    """`data`, which stands at `offset`, in the blocks of the disk."""
    start = 0
    while start < len(data):
        end = start + _BLOCK - (offset + start) % _BLOCK
        yield data[start:end]
        start = end


def _around(fd: int, size: int, places: list[tuple[int, int]]) -> list[int]:
    """Of each of `places` (start and end, in order) the CRC of the bytes around it that are in none of them."""
    starts = [start for start, _ in places]

    def steady(low: int, high: int) -> bytes:
        found = bytearray(os.pread(fd, high - low, low))
        for start, end in places[max(bisect_right(starts, low) - 1, 0) :]:
            if start >= high:
                break
            for at in range(max(start, low), min(end, high)):
                found[at - low] = 0
        return bytes(found)

    return [
        crc32(steady(end, min(end + _AROUND, size)), crc32(steady(max(start - _AROUND, 0), start)))
        for start, end in places
    ]


def _save(root: str, journal: _Journal) -> None:
    path = os.path.join(root, JOURNAL)
    body = msgspec.json.encode(journal)
    remove_leftovers(path)
    with atomic_write(path) as f:
        f.write(b"%08x" % crc32(body) + body)


def _apply(fd: int, journal: _Journal) -> None:
    for change in journal.changes:
        left, offset = memoryview(change.new), change.offset
        while left:
            done = os.pwrite(fd, left, offset)
            left, offset = left[done:], offset + done
    sync_file(fd)


def _remove(root: str) -> None:
    os.unlink(os.path.join(root, JOURNAL))
    sync_directory(root)


@contextlib.contextmanager
def _opened(root: str, name: str) -> Iterator[int]:
    try:
        fd = os.open(os.path.join(root, name), _READ)
    except OSError as e:
        if e.errno != errno.ELOOP:
            raise
        raise PatchError(
            f"{name} is a symbolic link, which clankers does not write through; replace it by the file"
        ) from None
    try:
        yield fd
    finally:
        os.close(fd)
