"""The log's segments as bytes. A segment is one UTC day; its files are plain, compressed, or both.

A segment has the name of its plain file, and an offset counts uncompressed bytes: archiving changes neither. The bytes
are in up to three files, in this order (`clankers.maintenance.archive` explains when and why):

- `clankers-YYYY-MM-DD.jsonl.gz`: compressed;
- `clankers-YYYY-MM-DD.jsonl.archiving`: renamed by an archiver, so that no writer opens it;
- `clankers-YYYY-MM-DD.jsonl`: what writers append to.

Where two files begin with the same bytes, one is a copy of the other, as during archiving or after `gunzip -k`: the
longer one counts, or the plain one if they are equal. Otherwise the later file continues the earlier one: a clock was
set back, and writers appended to an archived day.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
from zlib import crc32

from clankers.log.envelope import HEAD, crc_holds
from clankers.log.lines import LineBuffer
from clankers.log.segment_file import DamagedError, SegmentFile, cached_size, is_copy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import Self

COMPRESSED = ".gz"
ARCHIVING = ".archiving"

_TAIL = 1024  # bytes that identify what was read of a segment
_LOOK = 64 << 10  # bytes to look for a line in
_PREFIX, _PLAIN = "clankers-", ".jsonl"
_TRIES = 100  # attempts to open a segment's files; an archiver, which renames a few times a run, disturbs some


class Damage:
    """A place in a segment that cannot be read.

    Attributes:
        reason: in words, with the remedy.
        size: bytes that are missing here; 0 if there are as many as there should be, and some are wrong.
    """

    def __init__(self, reason: str, size: int) -> None:
        self.reason = reason
        self.size = size


def list_segments(root: str) -> dict[str, list[str]]:
    """The names of the segments in `root`, oldest first, each with the suffixes of its files.

    Raises:
        OSError: the directory cannot be read.
    """
    found: dict[str, list[str]] = {}
    for entry in sorted(os.listdir(root)):
        day, suffix, end = entry.removeprefix(_PREFIX).partition(_PLAIN)
        if len(day) == 10 and entry.startswith(_PREFIX) and suffix and end in ("", COMPRESSED, ARCHIVING):
            found.setdefault(_PREFIX + day + suffix, []).append(end)
    return found


def disk_sizes(root: str) -> list[tuple[str, int]]:
    """The files of all segments in `root`, each with its bytes on the disk: while these are equal, nothing is new."""
    found = []
    try:
        days = list_segments(root)
    except FileNotFoundError:
        return []
    for name, ends in days.items():
        for end in ends:
            try:
                found.append((name + end, os.stat(os.path.join(root, name + end)).st_size))
            except FileNotFoundError:
                continue  # archived just now
    return found


def segment_sizes(root: str) -> dict[str, int]:
    """The segments in `root`, each with its uncompressed bytes; none if there is no such directory.

    Raises:
        OSError: a file cannot be read.
    """
    try:
        days = list_segments(root)
    except FileNotFoundError:
        return {}
    return {name: _size(root, name, ends) for name, ends in days.items()}


def lines_with(root: str, marks: Iterable[bytes], since: str = "") -> Iterator[bytes]:
    """The lines that `Segment.lines_with` finds in the log in `root`.

    Args:
        root: the data root.
        marks: as for `Segment.lines_with`.
        since: a day (`YYYY-MM-DD`) or a time (RFC 3339, UTC): what was appended before is not read, or little of it.

    Raises:
        OSError: a file cannot be read.
    """
    try:
        names = list_segments(root)
    except FileNotFoundError:
        return
    for name in names:
        if name >= _PREFIX + since[:10]:
            with Segment(root, name) as segment:
                is_first = bool(since) and name.startswith(_PREFIX + since[:10])
                yield from segment.lines_with(marks, segment.offset_of(since) if is_first else 0)


def exists(root: str, name: str) -> bool:
    """Whether the segment `name` has a file; true also while one is renamed, which `list_segments` can miss."""
    return any(os.path.exists(os.path.join(root, name + end)) for end in ("", ARCHIVING, COMPRESSED))


def tail_crc(root: str, name: str, offset: int) -> int | None:
    """The CRC of the last bytes before `offset` in the segment `name`; None if its plain file does not hold them."""
    try:
        with open(os.path.join(root, name), "rb") as f:
            f.seek(max(offset - _TAIL, 0))
            tail = f.read(min(offset, _TAIL))
    except OSError:
        return None
    # If it is not the only file, an offset in the segment is not an offset in the file.
    alone = not any(os.path.exists(os.path.join(root, name + end)) for end in (ARCHIVING, COMPRESSED))
    return crc32(tail) if alone and len(tail) == min(offset, _TAIL) else None


def _size(root: str, name: str, ends: list[str]) -> int:
    """`Segment.size`, in most cases without opening a file."""
    if len(ends) == 1 and ends[0] != ARCHIVING:
        try:
            status = os.stat(os.path.join(root, name + ends[0]))
        except FileNotFoundError:
            pass  # archived just now
        else:
            size = status.st_size if not ends[0] else cached_size(status)
            if size is not None:
                return size
    with Segment(root, name) as segment:
        return segment.size


class Segment:
    """The bytes of a segment, and what is appended later: `with Segment(root, name) as segment: segment.chunks()`.

    Args:
        root: the data root.
        name: `clankers-YYYY-MM-DD.jsonl`.

    Attributes:
        size: uncompressed bytes.

    Raises:
        OSError: there is no such segment, or a file cannot be read.
    """

    def __init__(self, root: str, name: str) -> None:
        self.name = name
        self._files: list[SegmentFile] = []
        found = _open(os.path.join(root, name))
        try:
            self._choose(found)
            self.size = sum(file.size for file in self._files)
        finally:
            for file in found:
                if file not in self._files:
                    file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for file in self._files:
            file.close()

    def _choose(self, found: list[SegmentFile]) -> None:
        for file in found:
            if not self._files or not is_copy(self._files[0], file):
                self._files.append(file)
            elif file.size >= sum(one.size for one in self._files):
                self._files = [file]

    def chunks(self, offset: int = 0, end: int | None = None) -> Iterator[bytes | Damage]:
        """The bytes from `offset` to `end`; None: to wherever the segment ends.

        What cannot be read is reported where it would be.
        """
        start = 0
        for file in self._files:
            behind = start + file.size
            at = max(offset, start)
            growing = end is None and file is self._files[-1] and not file.compressed
            stop = behind if end is None else min(behind, end)
            if at < stop or growing:
                try:
                    for chunk in file.read(at - start, None if growing else stop - start):
                        at += len(chunk)
                        yield chunk
                except DamagedError as e:
                    yield Damage(
                        f"{self.name}{COMPRESSED} is damaged ({e}): nothing behind its byte {at - start} can be "
                        "read; restore that file from a backup, then run `clankers project --rebuild`",
                        max(behind - at, 0),
                    )
            start = behind

    def lines_with(self, marks: Iterable[bytes], offset: int = 0) -> Iterator[bytes]:
        """The lines, without newline, that have a valid CRC and contain one of `marks` before their payload.

        Args:
            marks: bytes that no JSON string can contain, as its quotes would be escaped. No line contains two.
            offset: where to begin.
        """
        for block in self.blocks(offset):
            yield from lines_in(block, marks)

    def offset_of(self, time: str) -> int:
        """An offset before all lines that were appended at `time` (RFC 3339, UTC) or later; 0 where none is found.

        Lines are in the order of their times, give or take a minute, as long as no clock is set back.
        """
        first = _minute(time.encode("ascii", "replace")) if time.endswith("Z") else None
        if first is None or any(file.compressed for file in self._files):
            return 0
        low, high = 0, self.size
        while high - low > _LOOK:
            middle = (low + high) // 2
            found = self._minute_at(middle)
            low, high = (low, middle) if found is None or found >= first - 1 else (middle, high)
        return low

    def _minute_at(self, offset: int) -> int | None:
        """The minute of the day in which the next line behind `offset` was appended; None if that line is far away."""
        chunks = self.chunks(offset, min(offset + _LOOK, self.size))
        text = b"".join(chunk for chunk in chunks if not isinstance(chunk, Damage))
        return _minute(text.partition(b"\n" + HEAD)[2].partition(b'","ts":"')[2])

    def blocks(self, offset: int = 0) -> Iterator[bytes]:
        """The complete lines from `offset` on, many at a time, without what is damaged."""
        buffer = LineBuffer()
        for chunk in self.chunks(offset):
            if isinstance(chunk, Damage):
                buffer.rest()
            elif block := buffer.block(chunk):
                yield block


def lines_in(block: bytes, marks: Iterable[bytes]) -> Iterator[bytes]:
    """The lines of `block` that `Segment.lines_with` gives."""
    for mark in marks:
        at = block.find(mark)
        while at >= 0:
            # The line may follow a torn one without a newline between them: it begins at the last head.
            start = block.rfind(HEAD, block.rfind(b"\n", 0, at) + 1, at + len(HEAD))
            end = block.find(b"\n", at)
            line = block[start:end] if start >= 0 else b""
            if crc_holds(line):
                yield line
            at = block.find(mark, at + len(mark))


def _minute(time: bytes) -> int | None:
    """The minute of the day in what `time` begins with; None if that is no time."""
    hour, minute = time[11:13], time[14:16]
    return int(hour) * 60 + int(minute) if time[10:11] == b"T" and hour.isdigit() and minute.isdigit() else None


def _open(path: str) -> list[SegmentFile]:
    """The files of the segment at `path` as they were at one moment, in the order of their bytes.

    Bytes move from the plain file to `.archiving` to the archive: opened in that order, none is missed. If a name has
    come to mean another file once all are open, they are opened again.
    """
    for _ in range(_TRIES):
        found = [_open_if_there(path + end, compressed=end == COMPRESSED) for end in ("", ARCHIVING, COMPRESSED)]
        files = [file for file in reversed(found) if file]
        if all(_is(path + end, file) for end, file in zip(("", ARCHIVING, COMPRESSED), found, strict=True)):
            if files:
                return files
            break
        for file in files:
            file.close()
    raise FileNotFoundError(2, os.strerror(2), path)


def _open_if_there(path: str, *, compressed: bool) -> SegmentFile | None:
    try:
        return SegmentFile(path, compressed=compressed)
    except FileNotFoundError:
        return None


def _is(path: str, file: SegmentFile | None) -> bool:
    """Whether `path` names the open `file`, or nothing if that is None."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return file is None
    return file is not None and (status.st_dev, status.st_ino) == (file.status.st_dev, file.status.st_ino)
