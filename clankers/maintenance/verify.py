"""Whether every line of the log is complete, and what its writer wrote, byte for byte.

Memory is bounded by the longest line and some MB: the ids of all lines are compared by hashes of 64 bits, in temporary
files. Two of them agree by chance in one of 400,000 logs of ten million lines.
"""

import os
import tempfile
import time
from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import IO, NamedTuple, Self

import msgspec

from clankers.log import envelope
from clankers.log.base import Position
from clankers.log.envelope import CRC_TAIL, crc_holds
from clankers.log.lines import LineBuffer
from clankers.log.reader import LogFile, log_files, place_of
from clankers.log.segments import Damage, Segment
from clankers.maintenance.line_validation import BEFORE_PAYLOAD, reason, rest_is_valid

IN_FLIGHT = 10.0  # seconds in which the last line of today's file may lack its newline

_TS = len(',"ts":"2026-11-20T23:45:39.317Z"')
_BUCKETS = 64  # of ids, each of which is compared in memory
_KEPT = 4 * 4096  # numbers of a bucket in memory, before they go to its file


class Problem(NamedTuple):
    """What is wrong at one place of the log.

    Attributes:
        file: the day's.
        line: counted from 1.
        offset: bytes from the day's start, uncompressed.
        reason: what is wrong.
        size: bytes of the line without its newline; 0 where its own bytes are not what is wrong.
        closed: whether the line has a newline.
    """

    file: str
    line: int
    offset: int
    reason: str
    size: int = 0
    closed: bool = True

    def as_dict(self) -> dict[str, object]:
        """The problem for `--json`."""
        return {"file": self.file, "line": self.line, "offset": self.offset, "reason": self.reason}


class Verified(msgspec.Struct):
    """What was found: counts, and places in the order of the log.

    Attributes:
        lines: that are not blank, including the bad ones.
        files: days.
        without_crc: valid lines that have no CRC.
        bad: damage.
        unfinished: last lines without a newline, which may be in flight.
        same_id: lines with the id of an earlier one and other content. Each is valid, and a replay uses both, so
            nothing has to be repaired: a client wrote two records under one id.
    """

    lines: int = 0
    files: int = 0
    without_crc: int = 0
    bad: list[Problem] = []
    unfinished: list[Problem] = []
    same_id: list[Problem] = []


def verify(root: str, *, progress: Callable[[int], object] | None = None) -> Verified:
    """Read the log in `root` to its end.

    Args:
        root: the data root.
        progress: called with the number of bytes read since the last call.

    Raises:
        OSError: a file cannot be read.
    """
    found = Verified()
    with _Ids() as ids:
        for file in log_files(root):
            found.files += 1
            _verify_day(root, file, found, ids, progress or (lambda _: None))
        for (earlier, earlier_line), (position, line) in ids.clashes():
            name, offset = place_of(position)
            reason = f"the id of line {earlier_line} of {place_of(earlier)[0]}, and other content"
            found.same_id.append(Problem(name, line, offset, reason))
    found.bad.sort()
    found.same_id.sort()
    return found


def _verify_day(root: str, file: LogFile, found: Verified, ids: "_Ids", progress: Callable[[int], object]) -> None:
    add, position = ids.add, file.position
    for number, offset, raw, closed in lines(root, file.name, progress):
        if isinstance(raw, Damage):
            found.bad.append(Problem(file.name, number, offset, raw.reason))
            continue
        if not closed:
            if raw.isspace():
                continue
            found.lines += 1
            bad = Problem(file.name, number, offset, "a last line without its newline", len(raw), closed=False)
            (found.unfinished if _in_flight(root, file.name) else found.bad).append(bad)
            continue
        crc = crc_holds(raw)
        head = BEFORE_PAYLOAD.match(raw)
        if crc is not False and head and rest_is_valid(raw, head.end(), has_crc=crc is True):
            id, end = head.span("id")
            tail = -CRC_TAIL if crc else -1
            add(hash(raw[id:end]), hash(raw[end + _TS : tail]), position(offset), number)
            found.without_crc += not crc
        elif not raw or raw.isspace():
            continue
        else:
            found.bad.append(Problem(file.name, number, offset, reason(raw), len(raw)))
        found.lines += 1


def lines(
    root: str, name: str, progress: Callable[[int], object] = lambda _: None
) -> Iterator[tuple[int, int, bytes | Damage, bool]]:
    """Of the day `name` each line's number, offset and bytes without the newline, and whether it has one.

    A place that cannot be read is reported as `Damage`, and counts as a line if bytes are missing.
    """
    number, offset = 0, 0
    buffer = LineBuffer()
    with Segment(root, name) as day:
        for chunk in day.chunks():
            if isinstance(chunk, Damage):
                yield number + 1, offset, chunk, True
                if chunk.size:
                    number += 1
                    offset += len(buffer.rest()) + chunk.size
                continue
            progress(len(chunk))
            for raw in buffer.lines(chunk):
                number += 1
                yield number, offset, raw, True
                offset += len(raw) + 1
    if rest := buffer.rest():
        yield number + 1, offset, rest, False


def _in_flight(root: str, name: str) -> bool:
    """Whether somebody may be writing the last line of the day `name`."""
    now = time.time_ns()
    try:
        written = os.stat(os.path.join(root, name)).st_mtime_ns
    except FileNotFoundError:  # archived
        return False
    today = name >= f"clankers-{envelope.day_of(now)}"
    return today and now - written < IN_FLIGHT * 1e9


class _Ids:
    """The ids of all lines, by hashes: `with _Ids() as ids: ids.add(...); ids.clashes()`."""

    def __init__(self) -> None:
        self._buckets = [array("q") for _ in range(_BUCKETS)]
        self._files: dict[int, IO[bytes]] = {}
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def add(self, id: int, content: int, position: Position, number: int) -> None:
        """Note a line: the hashes of its id and of its content, its position, and its number."""
        at = id % _BUCKETS
        bucket = self._buckets[at]
        bucket.extend((id, content, position, number))
        if len(bucket) >= _KEPT:
            if at not in self._files:
                self._files[at] = self._stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
            bucket.tofile(self._files[at])
            del bucket[:]

    def clashes(self) -> Iterator[tuple[tuple[Position, int], tuple[Position, int]]]:
        """Lines with the id of an earlier one and other content: position and number of the earlier one and theirs."""
        for name, kept in enumerate(self._buckets):
            bucket = array("q")
            if file := self._files.get(name):
                file.seek(0)
                bucket.frombytes(file.read())
            bucket.extend(kept)
            first: dict[int, tuple[int, Position, int]] = {}
            numbers = iter(bucket)
            for id, content, at, number in zip(numbers, numbers, numbers, numbers, strict=True):
                position = Position(at)
                earlier = first.setdefault(id, (content, position, number))
                if earlier[0] != content:
                    yield earlier[1:], (position, number)
