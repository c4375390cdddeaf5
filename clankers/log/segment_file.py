"""A file of the log, plain or compressed, read as uncompressed bytes, in chunks of bounded size.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
import stat
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Self

# Our archives have an extra field "ck" (RFC 1952, section 2.3.1.1) of 8 bytes in their header: the uncompressed size,
# which the trailer of a gzip file states modulo 4 GiB, and only of its last member.
EXTRA = b"\x0c\0ck\x08\0"

_MAX_SIZE = 1 << 40  # bytes of a day: what fits into a position
_CHUNK = 4 << 20
_READ = 256 << 10  # compressed bytes at a time
_HEAD = 64 << 10  # bytes that identify a copy: each line has an id of its own
_GZIP = 31  # wbits of zlib for a gzip header and trailer
_FLAGS = os.O_RDONLY | os.O_CLOEXEC

_Key = tuple[int, int, int, int, int]
_sizes: dict[_Key, int] = {}  # uncompressed sizes of compressed files


class DamagedError(Exception):
    """A compressed file was cut or changed; the message says how that was noticed."""


class SegmentFile:
    """An open file of a day.

    Args:
        path: of the file.
        compressed: whether it is compressed.

    Attributes:
        size: uncompressed bytes; of a damaged archive that does not state its size, one more than can be read.
        states_size: whether it is an archive whose header states its size, as ours do.

    Raises:
        OSError: from every method, when the file cannot be read.
    """

    def __init__(self, path: str, *, compressed: bool) -> None:
        self.compressed = compressed
        self.fd = os.open(path, _FLAGS)
        try:
            self.status = _regular(self.fd, path)
            self.states_size = compressed and (size := stated_size(os.read(self.fd, 24))) is not None
            if not compressed:
                self.size = self.status.st_size
            elif self.states_size:
                self.size = _sizes[_key(self.status)] = size or 0
            else:
                self.size = self._counted()
        except BaseException:
            os.close(self.fd)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        os.close(self.fd)

    def read(self, offset: int = 0, end: int | None = None) -> Iterator[bytes]:
        """The uncompressed bytes from `offset` to `end`; to wherever the file ends where that is None.

        Raises:
            DamagedError: it is compressed, and was damaged; or it does not hold `end` bytes.
        """
        if self.compressed:
            yield from self._decompressed(offset, end)
            return
        os.lseek(self.fd, offset, os.SEEK_SET)
        while chunk := os.read(self.fd, _CHUNK if end is None else min(_CHUNK, end - offset)):
            offset += len(chunk)
            yield chunk

    def head(self) -> bytes:
        """The first bytes, as far as they can be read."""
        found = b""
        try:
            for chunk in self.read(0, min(self.size, _HEAD)):
                found += chunk
                if len(found) >= _HEAD:
                    break
        except DamagedError:
            pass
        return found

    def _decompressed(self, offset: int, end: int | None) -> Iterator[bytes]:
        at = 0
        for chunk in _decompress(self.fd):  # to its very end, where the checksum stands
            part = chunk[max(offset - at, 0) : None if end is None else max(end - at, 0)]
            at += len(chunk)
            if part:
                yield part
        if end is not None and at != end:
            raise DamagedError(f"it should hold {end} bytes, and holds {at}")

    def _counted(self) -> int:
        """The size of an archive that another program made, found by reading it once in a process."""
        key = _key(self.status)
        if key not in _sizes:
            size = 0
            try:
                for chunk in _decompress(self.fd):
                    size += len(chunk)
            except DamagedError:
                size += 1  # so that it is read, and the damage reported
            _sizes[key] = size
        return _sizes[key]


def is_copy(one: SegmentFile, other: SegmentFile) -> bool:
    """Whether two files begin with the same bytes, as far as both can be read; an empty one is a copy of any."""
    first, second = one.head(), other.head()
    size = min(len(first), len(second))
    return first[:size] == second[:size] if size else not (one.size and other.size)


def cached_size(status: os.stat_result) -> int | None:
    """The uncompressed size of a compressed file that this process has seen before."""
    return _sizes.get(_key(status))


def _key(status: os.stat_result) -> _Key:
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _regular(fd: int, path: str) -> os.stat_result:
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode):  # the error of reading it would be less clear
        raise OSError(22, "not a regular file", path)
    return status


def stated_size(head: bytes) -> int | None:
    """The uncompressed size that the first 24 bytes of an archive of ours state; None for other files."""
    size = int.from_bytes(head[16:], "little")
    return size if head[:4] == b"\x1f\x8b\x08\x04" and head[10:16] == EXTRA and size < _MAX_SIZE else None


def _decompress(fd: int) -> Iterator[bytes]:
    """The content of the gzip file `fd` in chunks of bounded size, up to the first damaged byte.

    Raises:
        DamagedError: the file is damaged or was cut.
    """
    os.lseek(fd, 0, os.SEEK_SET)
    stream = zlib.decompressobj(_GZIP)
    data = os.read(fd, _READ)
    while data:
        before = stream.copy()
        try:
            out = stream.decompress(data, _CHUNK)
        except zlib.error as e:
            yield _before_damage(before, data)
            raise DamagedError(str(e)) from None
        if out:
            yield out
        if stream.eof:  # another member may follow, or zeros
            data = (stream.unused_data or os.read(fd, _READ)).lstrip(b"\0")
            if data:
                stream = zlib.decompressobj(_GZIP)
        else:
            data = stream.unconsumed_tail or os.read(fd, _READ)
    while out := stream.decompress(b"", _CHUNK):
        yield out
    if not stream.eof:
        raise DamagedError("it was cut off")


def _before_damage(stream: zlib._Decompress, data: bytes) -> bytes:
    """What `stream` makes of `data` up to where it fails."""
    found = bytearray()
    try:
        for at in range(len(data)):
            found += stream.decompress(data[at : at + 1])
    except zlib.error:
        pass
    return bytes(found)
