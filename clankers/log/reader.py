"""Reads the log's files: complete lines, their positions, and what is wrong with damaged ones.

A position is a day and an uncompressed byte offset in it, whether the day is archived or not. A last line without its
newline is left for later: it may be in flight. A line that cannot be used costs only itself: it is reported with file,
line number and reason, and complete lines within it are found (`clankers.log.embedded`).
"""

import re
from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

import msgspec

from clankers.log.base import Position
from clankers.log.embedded import embedded_lines
from clankers.log.envelope import VERSION, crc_holds
from clankers.log.lines import LineBuffer
from clankers.log.segments import Damage, Segment, disk_sizes, list_segments, segment_sizes
from clankers.log.writer import file_name

_FILE_NAME = re.compile(r"clankers-(\d{4}-\d{2}-\d{2})\.jsonl", re.ASCII)
_EPOCH = date(1970, 1, 1).toordinal()
_OFFSET_BITS = 40  # of a position; above them stands the day
# Lone surrogates such as `\ud800`: JSON allows them, UTF-8 does not. JavaScript writes them when it cuts a string in
# the middle of an emoji.
_SURROGATE = re.compile(
    rb"(?<!\\)((?:\\\\)*)\\u(?:([dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})|[dD][89a-fA-F][0-9a-fA-F]{2})"
)


class LogFile(NamedTuple):
    """The file of one day, or the files that `clankers.log.segments` finds for it.

    Attributes:
        name: in the data root, `clankers-YYYY-MM-DD.jsonl`; the same once it is archived.
        day: days since the epoch, so that `position` orders events across files.
    """

    name: str
    day: int

    def position(self, offset: int) -> Position:
        """The position of the line at `offset` (bytes, below 1 TiB)."""
        return Position(self.day << _OFFSET_BITS | offset)


def place_of(position: Position) -> tuple[str, int]:
    """The name of the file that holds the line at `position`, and the line's offset in it (uncompressed bytes)."""
    day = date.fromordinal((position >> _OFFSET_BITS) + _EPOCH)
    return file_name(day.isoformat()), position & ((1 << _OFFSET_BITS) - 1)


class Event(msgspec.Struct, frozen=True):
    """One line of the log; the README describes the keys."""

    v: int
    id: str
    ts: str
    level: str
    source: str
    type: str
    payload: msgspec.Raw = msgspec.Raw(b"null")


class Line(msgspec.Struct, frozen=True, gc=False):
    """A line of a log file: where it is, and the event in it or what is wrong with it.

    Attributes:
        number: counted from 1.
        offset: bytes from the file's start to the line's.
        size: bytes, newline included; 0 where another line follows before the newline, so that reading never goes on
            there, and where an archive is damaged but no bytes are missing.
        event: None where the line cannot be used.
        reason: why not; empty where it can.
        raw: the line without its newline.
        position: of the line in the log.
    """

    number: int
    offset: int
    size: int
    event: Event | None
    reason: str
    raw: bytes
    position: Position

    @property
    def next(self) -> Position | None:
        """Where reading goes on behind this line; None where another line follows before the newline."""
        return Position(self.position + self.size) if self.size else None


_decode = msgspec.json.Decoder(Event).decode


def log_files(root: str) -> list[LogFile]:
    """The log's files in `root`, oldest day first; none if there is no such directory."""
    try:
        names = list_segments(root)
    except FileNotFoundError:
        return []
    found = []
    for name in names:
        if m := _FILE_NAME.fullmatch(name):
            try:
                found.append(LogFile(name, date.fromisoformat(m[1]).toordinal() - _EPOCH))
            except ValueError:
                continue  # not a date: not ours
    return sorted(found, key=lambda f: f.day)


class FileLogReader:
    """Reads the log's files in `root`: a `clankers.log.base.LogReader`.

    Args:
        root: the data root, which need not exist yet.
    """

    def __init__(self, root: str) -> None:
        self._root = root

    def segments(self) -> list[tuple[Position, Position]]:
        """The files, oldest first: the first position of each, and the one behind its end."""
        sizes = segment_sizes(self._root)
        return [(file.position(0), file.position(sizes.get(file.name, 0))) for file in log_files(self._root)]

    def read(self, start: Position) -> Iterator[Line]:
        """The complete lines from `start` to the end of its file."""
        name, offset = place_of(start)
        return read(self._root, LogFile(name, start >> _OFFSET_BITS), offset)

    def version(self) -> object:
        """The files and their sizes on the disk."""
        return disk_sizes(self._root)


def read(root: str, file: LogFile, offset: int = 0, number: int = 0, end: int | None = None) -> Iterator[Line]:
    """The complete lines of `file` from `offset` on, up to `end` if that is given; `number` lines precede them.

    Raises:
        OSError: the file cannot be read.
    """
    position = file.position
    with Segment(root, file.name) as day:
        buffer = LineBuffer()
        for chunk in day.chunks(offset, end):
            if isinstance(chunk, Damage):
                torn = buffer.rest()
                size = len(torn) + chunk.size
                yield Line(number + 1, offset, size, None, chunk.reason, torn, position(offset))
                number += size > 0
                offset += size
                continue
            for raw in buffer.lines(chunk):
                number += 1
                size = len(raw) + 1
                try:
                    event = _event(raw)
                except ValueError as e:
                    if raw.strip():
                        yield from _torn(file, number, offset, raw, str(e))
                else:
                    yield Line(number, offset, size, event, "", raw, position(offset))
                offset += size


def _torn(file: LogFile, number: int, offset: int, raw: bytes, reason: str) -> Iterator[Line]:
    """The parts of `raw`, which is not a line: the complete lines within it, and what is between them."""

    def part(start: int, end: int, event: Event | None, reason: str) -> Line:
        size = len(raw) + 1 - start if end == len(raw) else 0
        at = offset + start
        return Line(number, at, size, event, reason, raw[start:end], file.position(at))

    found = list(embedded_lines(raw, _event_or_none))
    done = 0
    for start, end, event in found:
        if start > done:
            yield part(done, start, None, f"torn: {reason}")
        yield part(start, end, event, "")
        done = end
    if done < len(raw):
        yield part(done, len(raw), None, f"torn: {reason}" if found else reason)


def _event_or_none(raw: bytes) -> Event | None:
    try:
        return _event(raw)
    except ValueError:
        return None


def _event(raw: bytes) -> Event:
    """The event in `raw`.

    Raises:
        ValueError: there is none, it is damaged, or a newer version wrote it.
    """
    if crc_holds(raw) is False:
        raise ValueError("the CRC does not hold: the line was damaged or edited")
    try:
        try:
            event = _decode(raw)
        except msgspec.DecodeError:
            if (replaced := replace_surrogates(raw)) == raw:
                raise
            event = _decode(replaced)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as e:
        raise ValueError(f"not a line of the log: {e}") from None
    if event.v != VERSION:
        raise ValueError(f"unknown line version {event.v}; a newer clankers wrote it")
    return event


def replace_surrogates(raw: bytes) -> bytes:
    """The JSON text `raw` with U+FFFD in place of each lone surrogate."""
    return _SURROGATE.sub(_pair_or_replacement, raw) if b"\\u" in raw else raw


def _pair_or_replacement(m: re.Match[bytes]) -> bytes:
    return m[0] if m[2] else m[1] + rb"\ufffd"
