"""A damaged archive of a day: was it all there after all, or which one byte of it was changed?

The checksum at the end of a gzip file proves the whole; where that is what was damaged, the CRCs of the lines do. A
changed byte in between shows in the first line that is not whole: it stands in the little that was read for that line.
So each other value of each of these bytes is tried, single bits first, until the line is whole; then the whole is to be
proved. Files of several members, which no archive of ours is, are left alone.
"""

import mmap
import os
import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from typing import NamedTuple

from clankers.log.segment_file import told_size
from clankers.maintenance.line_validation import whole

_READ = 4096  # compressed bytes at a time
_TABLES = 400  # bytes that the tables of a deflate block take, at most; they stand before what they garble
_LONGEST = 1 << 20  # bytes of a line that is looked for
_EFFORT = 16 << 30  # bytes to decompress in search of a changed byte: some 30 s
_STEP = 256  # compressed bytes at a time of a line that is looked for
_OURS = 24  # bytes of the header that `clankers.maintenance.gzip_writer` writes

_Data = mmap.mmap | bytes


class Stream(NamedTuple):
    """How to read a gzip file of one member.

    Attributes:
        start: where its compressed bytes begin.
        at: where a byte was changed; 0 where none was.
        byte: what it was.
    """

    start: int
    at: int = 0
    byte: int = 0


class _Mark(NamedTuple):
    """A place in compressed data: what is read there, by whom, and what stands before it of a line."""

    at: int
    engine: "zlib._Decompress"
    rest: bytes


def proved(path: str) -> Stream | None:
    """How to read the damaged gzip file at `path` so that what it holds is proved; None: there is no such way.

    Raises:
        OSError: it cannot be read.
    """
    with _mapped(path) as data:
        starts = list(dict.fromkeys(filter(None, (_OURS, _header(data[:_READ])))))
        ways = chain(map(Stream, starts), *(_changed(data, start) for start in reversed(starts)))
        return next((one for one in ways if _is_proved(data, one)), None)


def is_proved(path: str, stream: Stream) -> bool:
    """Whether what the gzip file at `path` holds is proved if it is read as `stream` says.

    Raises:
        OSError: it cannot be read.
    """
    with _mapped(path) as data:
        return _is_proved(data, stream)


def inflated(path: str, stream: Stream) -> Iterator[bytes]:
    """What is in the gzip file at `path`, read as `stream` says."""
    with _mapped(path) as data:
        engine = zlib.decompressobj(-zlib.MAX_WBITS)
        for _, part in _parts(data, stream):
            yield engine.decompress(part)


@contextmanager
def _mapped(path: str) -> Iterator[_Data]:
    with open(path, "rb") as f:
        if not os.fstat(f.fileno()).st_size:  # which cannot be mapped
            yield b""
            return
        with mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data


def _parts(data: _Data, stream: Stream) -> Iterator[tuple[int, bytes]]:
    """Where what was compressed stands, piece by piece."""
    for low in range(stream.start, len(data), _READ):
        part = data[low : low + _READ]
        at = stream.at - low
        yield low, b"%s%c%s" % (part[:at], stream.byte, part[at + 1 :]) if 0 <= at < len(part) else part


def _is_proved(data: _Data, stream: Stream) -> bool:
    """Whether it goes on to its very end, and the checksum of the whole holds, or else the CRC of each line."""
    engine = zlib.decompressobj(-zlib.MAX_WBITS)
    crc, size, rest, each = 0, 0, b"", True
    for low, part in _parts(data, stream):
        try:
            out = engine.decompress(part)
        except zlib.error:
            return False
        crc, size = zlib.crc32(out, crc), size + len(out)
        *lines, rest = (rest + out).split(b"\n")
        each = each and all(not line.strip() or whole(line) for line in lines)
        if engine.eof:
            trailer = data[low + len(part) - len(engine.unused_data) :]
            if trailer.rstrip(b"\0") == struct.pack("<II", crc, size & 0xFFFF_FFFF).rstrip(b"\0"):
                return True
            return each and not rest.strip() and len(trailer) <= 8 and told_size(data[:_OURS]) in (size, None)
    return False


def _changed(data: _Data, start: int) -> Iterator[Stream]:
    """The changes of one byte that make the first line whole that is not; none where that takes too long."""
    mark = _before_damage(data, start)
    last, end = _bounds(data, mark)
    effort = 0
    for bits in (True, False):
        for at, engine, rest in _places(data, mark, last, end):
            for byte in range(256):
                if ((byte ^ data[at]).bit_count() == 1) == bits and byte != data[at]:
                    line = _line(data, at, byte, engine.copy(), rest)
                    effort += len(line) + _READ
                    if line[-1:] == b"\n" and whole(bytes(line[:-1])):
                        yield Stream(start, at, byte)
                    if effort > _EFFORT:
                        return


def _line(data: _Data, at: int, byte: int, engine: "zlib._Decompress", rest: bytes) -> bytearray:
    """The line that `byte` at `at` makes, with its newline, as far as it goes."""
    line = bytearray(rest)
    part = b"%c%s" % (byte, data[at + 1 : at + _STEP])
    try:
        while part and len(line) < _LONGEST:
            head, newline, _ = engine.decompress(part, _LONGEST).partition(b"\n")
            line += head + newline
            if newline or engine.eof:
                break
            at += len(part)
            part = data[at : at + _STEP]
    except zlib.error:
        pass
    return line


def _before_damage(data: _Data, start: int) -> _Mark:
    """A place before the byte whose change shows first: some kB before the line in which it does."""
    engine, rest = zlib.decompressobj(-zlib.MAX_WBITS), b""
    mark = before = _Mark(start, engine.copy(), rest)
    for low, part in _parts(data, Stream(start)):
        here = _Mark(low, engine.copy(), rest)
        try:
            *lines, rest = (rest + engine.decompress(part)).split(b"\n")
        except zlib.error:
            break
        if engine.eof or any(line.strip() and not whole(line) for line in lines):
            break
        if lines:
            mark = before
        before = here
    return mark


def _bounds(data: _Data, mark: _Mark) -> tuple[int, int]:
    """Where the last whole line ends behind `mark`, and where it shows that the next one is none."""
    engine, line, last = mark.engine.copy(), bytearray(mark.rest), mark.at
    for at in range(mark.at, len(data)):
        try:
            out = engine.decompress(data[at : at + 1])
        except zlib.error:
            return last, at
        line += out
        if b"\n" in out:
            *lines, rest = bytes(line).split(b"\n")
            if any(one.strip() and not whole(one) for one in lines):
                return last, at
            last, line = at, bytearray(rest)
        if engine.eof:
            return last, at
    return last, len(data) - 1


def _places(data: _Data, mark: _Mark, last: int, end: int) -> Iterator[_Mark]:
    """Each byte that may be the changed one, up to `end`."""
    engine, line = mark.engine.copy(), bytearray(mark.rest)
    for at in range(mark.at, end + 1):
        if at >= last - _TABLES:
            yield _Mark(at, engine, bytes(line))
        if at < end:
            line += engine.decompress(data[at : at + 1])
            del line[: line.rfind(b"\n") + 1]


def _header(head: bytes) -> int:
    """The bytes of the header of a gzip file (RFC 1952, section 2.3); 0 where there is none."""
    if head[:3] != b"\x1f\x8b\x08" or len(head) < 10:
        return 0
    flags, end = head[3], 10
    if flags & 4:
        end += 2 + int.from_bytes(head[end : end + 2], "little")
    for flag in (8, 16):  # the file's name, a comment
        if flags & flag:
            end = head.find(b"\0", end) + 1
            if not end:
                return 0
    return end + 2 * bool(flags & 2)
