"""Changing bytes of a log file in place: the one way it is ever done.

Only as many bytes as there were are written, where they were: writers append at the same moment without a lock, so
nothing may move, neither their lines nor a position that somebody noted. The file is never renamed or cut.

A kill or a power loss in the middle is made good by a journal, `<root>/patch.journal`: it is on the disk, whole, before
the first byte is changed, and removed once all are. `finish` does what a journal still says; twice is once. The journal
holds CRCs of what was there before, not the bytes, which may be something that its owner wants gone.
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
LOCK = "patch.lock"  # held by whoever changes files of the log otherwise than by appending

_PATIENCE = 30.0  # seconds to wait for another patcher
_BLOCK = 512  # bytes that a disk writes whole or not at all
_AROUND = 64  # bytes on either side of a change by which the file is known to be the same
_READ = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW  # O_APPEND would turn pwrite into append


class PatchError(ClankersError):
    """A change that cannot be made; the message says of which file, why, and what to do."""


class Span(NamedTuple):
    """A change: at `offset` (bytes from the file's start) `new` in the place of `old`, which is as long."""

    offset: int
    old: bytes
    new: bytes


class _Change(msgspec.Struct):
    """A span as the journal tells it: the CRC of each old block, and of what stands around and stays as it is."""

    offset: int
    new: bytes
    old: list[int]
    around: int


class _Journal(msgspec.Struct):
    name: str
    size: int  # of the file at least, in bytes
    changes: list[_Change]


def patch(root: str, name: str, spans: Sequence[Span]) -> None:
    """Make the changes `spans` in the file `name` in the data root `root`: all of them, whatever is killed when.

    Raises:
        PatchError: the file does not hold the old bytes, or an earlier change cannot be finished.
        BusyError: another process changes files of the log.
        OSError: the disk; what was begun is finished by the next call, or by `finish`.
    """
    spans = sorted(spans)
    assert all(len(span.old) == len(span.new) for span in spans), "a change must not move what stands behind it"
    with lock(root, "patch"):
        _finish(root)
        with _opened(root, name) as fd:
            if any(os.pread(fd, len(span.old), span.offset) != span.old for span in spans):
                raise PatchError(f"{name} was changed by another program just now; nothing was done, try again")
            size = os.fstat(fd).st_size
            around = _around(fd, size, [(span.offset, span.offset + len(span.new)) for span in spans])
            journal = _Journal(
                name,
                size,
                [
                    _Change(span.offset, span.new, [crc32(old) for old in _blocks(span.offset, span.old)], crc)
                    for span, crc in zip(spans, around, strict=True)
                ],
            )
            _save(root, journal)
            _apply(fd, journal)
        _remove(root)


def finish(root: str) -> str | None:
    """Finish what a killed patcher began in the data root `root`.

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
    """Whether a change was begun in the data root `root` and is not finished; it may be under way."""
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
    remedy = f"look at what `clankers verify` says, then remove {path}"
    if text[:8] != b"%08x" % crc32(text[8:]):
        raise PatchError(f"{path}, which tells of a change that was not finished, is damaged; {remedy}")
    journal = msgspec.json.decode(text[8:], type=_Journal)
    try:
        with _opened(root, journal.name) as fd:
            if not _is_the_same(fd, journal):
                raise PatchError(
                    f"{journal.name} is not the file any more in which a change was begun; nothing was done: {remedy}"
                )
            _apply(fd, journal)
    except FileNotFoundError:
        raise PatchError(f"{journal.name}, in which a change was begun, is gone; restore it, or {remedy}") from None
    _remove(root)
    return journal.name


def _is_the_same(fd: int, journal: _Journal) -> bool:
    """Whether the file holds the old bytes, the new ones or a mixture, in the surroundings that the journal knows."""
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
        raise PatchError(f"{name} is a link, by which nothing is recorded; put the file itself in its place") from None
    try:
        yield fd
    finally:
        os.close(fd)
