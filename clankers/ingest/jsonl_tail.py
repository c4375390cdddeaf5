"""Files of lines that grow: complete lines from an offset on. Imported on the append path: nothing heavy here."""

from __future__ import annotations  # typing is a third of what a hook would import

import os
import stat
from zlib import crc32

from clankers.ingest.source import SourceError
from clankers.log.lines import LineBuffer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# A path in a record is untrusted: a link is not followed, and a pipe does not block.
READ_ONLY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
CHUNK = 4 << 20  # bytes
MAX_LINE = 256 << 20  # bytes
_COMPARED = 64  # bytes of a line's end that tell it from another


def complete_lines(path: str, offset: int, first: int | None = None) -> Iterator[tuple[int, bytes]]:
    """The complete lines of a file from `offset` on, each with its own offset; none where there is no file.

    A last line without its newline is left out: it may be in flight.

    Args:
        path: of the file.
        offset: bytes.
        first: how many bytes to read at first, for a caller who needs a line or two.

    Raises:
        OSError: it cannot be read.
        SourceError: it is not a regular file, or a line has no end in sight.
    """
    try:
        fd = os.open(path, READ_ONLY)
    except FileNotFoundError:
        return
    except OSError as e:
        raise SourceError(f"{path!r} is a link or cannot be opened: {e.strerror}") from None
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise SourceError(f"{path!r} is not a regular file")
        os.lseek(fd, offset, os.SEEK_SET)
        buffer = LineBuffer()
        size = first or CHUNK
        while chunk := os.read(fd, size):
            size = CHUNK
            for text in buffer.lines(chunk):
                yield offset, text + b"\n"
                offset += len(text) + 1
            if buffer.size > MAX_LINE:
                raise SourceError(f"{path!r}: a line of over {MAX_LINE} bytes at byte {offset}")
    finally:
        os.close(fd)


def file_size(path: str) -> int:
    """Bytes in a file: 0 where there is none, -1 for anything but a regular file, which reading then refuses.

    Raises:
        OSError: it cannot be looked at.
    """
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else -1


def end_mark(at: int, raw: bytes) -> str:
    """What shows later whether a file still has the line `raw` at the offset `at`: a place, and a checksum there."""
    start = max(len(raw) - _COMPARED, 0)
    return f"{at + start}#{crc32(raw[start:]):08x}"


def continues(path: str, offset: int, mark: str = "") -> bool:
    """Whether the file can be the continuation of one of which `offset` bytes were read.

    Args:
        path: of the file.
        offset: bytes.
        mark: the `end_mark` of a line that was read; without one, some line has to end at `offset`.

    Raises:
        OSError: it cannot be read.
    """
    size = file_size(path)
    if offset == 0 or size < 0:
        return True
    if size < offset:
        return False
    if not mark.partition("#")[0].isdecimal():
        mark = end_mark(offset - 1, b"\n")
    start = int(mark.partition("#")[0])
    try:
        _, raw = next(complete_lines(path, start, _COMPARED), (0, b""))
    except SourceError:
        return True  # reading it says why it cannot be read
    return end_mark(start, raw) == mark
