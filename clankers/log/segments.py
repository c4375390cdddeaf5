"""The log's days as bytes, whatever files they stand in: plain, compressed, or both.

A day's name is that of its plain file, and an offset counts its uncompressed bytes: both stay what they were when the
day is archived. Its bytes stand in up to three files, in this order; `clankers.maintenance.archive` says when and why:

- `clankers-YYYY-MM-DD.jsonl.gz`: compressed;
- `clankers-YYYY-MM-DD.jsonl.archiving`: what an archiver took away from the writers, and has not removed yet;
- `clankers-YYYY-MM-DD.jsonl`: what writers append to.

Where two begin with the same bytes, one is a copy of the other, as while a day is being archived or after `gunzip -k`:
the longer counts, the plain one of equals. Else the later goes on where the earlier ends: a clock jumped back, and the
day came back.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
from zlib import crc32

from clankers.log.lines import LineBuffer
from clankers.log.segment_file import DamagedError, Piece, is_copy, known_size

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

PACKED = ".gz"
TAKEN = ".archiving"

_TAIL = 1024  # bytes by which a day is known to be the one that was read
_PREFIX, _PLAIN = "clankers-", ".jsonl"
_TRIES = 100  # looks at a day's files, each of which an archiver, which renames a few times a run, must disturb


class Damage:
    """A place in a day that cannot be read.

    Attributes:
        reason: in words, with the remedy.
        size: bytes of the day that are missing here; 0 where the bytes are all there, and wrong somewhere.
    """

    def __init__(self, reason: str, size: int) -> None:
        self.reason = reason
        self.size = size


def listed(root: str) -> dict[str, list[str]]:
    """The names of the days in `root`, in order, each with what its files' names have behind it.

    Raises:
        OSError: the directory cannot be read.
    """
    found: dict[str, list[str]] = {}
    for entry in sorted(os.listdir(root)):
        day, suffix, end = entry.removeprefix(_PREFIX).partition(_PLAIN)
        if len(day) == 10 and entry.startswith(_PREFIX) and suffix and end in ("", PACKED, TAKEN):
            found.setdefault(_PREFIX + day + suffix, []).append(end)
    return found


def stored(root: str) -> list[tuple[str, int]]:
    """The files of all days in `root`, each with its bytes on the disk: while these stay, there is nothing new."""
    found = []
    try:
        days = listed(root)
    except FileNotFoundError:
        return []
    for name, ends in days.items():
        for end in ends:
            try:
                found.append((name + end, os.stat(os.path.join(root, name + end)).st_size))
            except FileNotFoundError:
                continue  # archived just now
    return found


def sizes(root: str) -> dict[str, int]:
    """The days in `root`, by name, each with its uncompressed bytes; none where there is no such directory.

    Raises:
        OSError: a file cannot be read.
    """
    try:
        days = listed(root)
    except FileNotFoundError:
        return {}
    return {name: _size(root, name, ends) for name, ends in days.items()}


def exists(root: str, name: str) -> bool:
    """Whether the day `name` has a file; right also while one is renamed, which a look at the directory can miss."""
    return any(os.path.exists(os.path.join(root, name + end)) for end in ("", TAKEN, PACKED))


def tail_crc(root: str, name: str, offset: int) -> int | None:
    """The CRC of the last bytes before `offset` in the day `name`; None where its plain file does not hold them."""
    try:
        with open(os.path.join(root, name), "rb") as f:
            f.seek(max(offset - _TAIL, 0))
            tail = f.read(min(offset, _TAIL))
    except OSError:
        return None
    # Where it is not the only file, an offset in the day is none in the file.
    alone = not any(os.path.exists(os.path.join(root, name + end)) for end in (TAKEN, PACKED))
    return crc32(tail) if alone and len(tail) == min(offset, _TAIL) else None


def _size(root: str, name: str, ends: list[str]) -> int:
    """What `Day.size` says, for most days without opening a file."""
    if len(ends) == 1 and ends[0] != TAKEN:
        try:
            status = os.stat(os.path.join(root, name + ends[0]))
        except FileNotFoundError:
            pass  # archived just now
        else:
            size = status.st_size if not ends[0] else known_size(status)
            if size is not None:
                return size
    with Day(root, name) as day:
        return day.size


class Day:
    """A day's bytes as of now, and what is appended later: `with Day(root, name) as day: day.chunks()`.

    Args:
        root: the data root.
        name: the day's, `clankers-YYYY-MM-DD.jsonl`.

    Attributes:
        size: uncompressed bytes.

    Raises:
        OSError: there is no such day, or a file cannot be read.
    """

    def __init__(self, root: str, name: str) -> None:
        self.name = name
        self._pieces: list[Piece] = []
        found = _open(os.path.join(root, name))
        try:
            self._choose(found)
            self.size = sum(piece.size for piece in self._pieces)
        finally:
            for piece in found:
                if piece not in self._pieces:
                    piece.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for piece in self._pieces:
            piece.close()

    def _choose(self, found: list[Piece]) -> None:
        for piece in found:
            if not self._pieces or not is_copy(self._pieces[0], piece):
                self._pieces.append(piece)
            elif piece.size >= sum(one.size for one in self._pieces):
                self._pieces = [piece]

    def chunks(self, offset: int = 0, end: int | None = None) -> Iterator[bytes | Damage]:
        """The bytes from `offset` to `end`, piece by piece; to wherever the day ends where that is None.

        What cannot be read is told where it would stand.
        """
        start = 0
        for piece in self._pieces:
            behind = start + piece.size
            at = max(offset, start)
            growing = end is None and piece is self._pieces[-1] and not piece.packed
            stop = behind if end is None else min(behind, end)
            if at < stop or growing:
                try:
                    for chunk in piece.read(at - start, None if growing else stop - start):
                        at += len(chunk)
                        yield chunk
                except DamagedError as e:
                    yield Damage(
                        f"{self.name}{PACKED} is damaged ({e}): what stood in it behind byte {at - start} cannot be "
                        "read; restore the file from a backup, then run `clankers project --rebuild`",
                        max(behind - at, 0),
                    )
            start = behind

    def blocks(self) -> Iterator[bytes]:
        """The day's complete lines, many at a time, without what is damaged."""
        buffer = LineBuffer()
        for chunk in self.chunks():
            if isinstance(chunk, Damage):
                buffer.rest()
            elif block := buffer.block(chunk):
                yield block


def _open(path: str) -> list[Piece]:
    """The files of the day at `path` as they stood together at one moment, in the order of their bytes.

    Bytes move from the plain file to the taken one to the archive: opened in that order, they are not missed. Where a
    name stands for another file once all are open, the look is repeated.
    """
    for _ in range(_TRIES):
        found = [_open_if_there(path + end, packed=end == PACKED) for end in ("", TAKEN, PACKED)]
        pieces = [piece for piece in reversed(found) if piece]
        if all(_is(path + end, piece) for end, piece in zip(("", TAKEN, PACKED), found, strict=True)):
            if pieces:
                return pieces
            break
        for piece in pieces:
            piece.close()
    raise FileNotFoundError(2, os.strerror(2), path)


def _open_if_there(path: str, *, packed: bool) -> Piece | None:
    try:
        return Piece(path, packed=packed)
    except FileNotFoundError:
        return None


def _is(path: str, piece: Piece | None) -> bool:
    """Whether `path` stands for the open file `piece`, or for none where that is None."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return piece is None
    return piece is not None and (status.st_dev, status.st_ino) == (piece.status.st_dev, piece.status.st_ino)
