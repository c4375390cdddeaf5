"""Writes the archive of a day, and the plain file that a merge needs in between."""

import contextlib
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from clankers.errors import ClankersError
from clankers.log.segment_file import EXTRA, DamagedError, SegmentFile
from clankers.log.segments import ARCHIVING, COMPRESSED
from clankers.system.atomic_write import atomic_write

_LEVEL = 6


class ArchiveError(ClankersError):
    """A day cannot be archived; the message says which, why, and what to do. Its files stay readable."""


def damaged_error(path: str, error: DamagedError) -> ArchiveError:
    """The message about damage in the archive of the day at `path`."""
    return ArchiveError(
        f"{path}{COMPRESSED} is damaged ({error}); restore that file from a backup, "
        "then run `clankers project --rebuild`"
    )


def compress(path: str, end: str, progress: Callable[[int], object]) -> None:
    """Compress the file with suffix `end` of the day at `path` into a gzip file of one member.

    Raises:
        OSError: a file cannot be read or written.
    """
    with SegmentFile(path + end, compressed=False) as plain, replacing(path, COMPRESSED, plain.status) as out:
        write_gzip(out, plain.read(), int(plain.status.st_mtime), progress)


def write_gzip(
    out: BinaryIO, chunks: Iterable[bytes], modified: int, progress: Callable[[int], object] = lambda _: None
) -> int:
    """Write `chunks` into the empty file `out` as a gzip file of one member; returns their bytes."""
    stream = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    size, crc = 0, 0
    out.write(header(0, 0))
    for chunk in chunks:
        out.write(stream.compress(chunk))
        size, crc = size + len(chunk), zlib.crc32(chunk, crc)
        progress(len(chunk))
    out.write(stream.flush())
    out.write(struct.pack("<II", crc, size & 0xFFFF_FFFF))
    out.seek(0)
    out.write(header(size, modified))
    out.flush()
    return size


def header(size: int, modified: int) -> bytes:
    """The header of a gzip file (RFC 1952, section 2.3), of an unknown system, with the uncompressed size."""
    return struct.pack("<4sIBB6sQ", b"\x1f\x8b\x08\x04", modified & 0xFFFF_FFFF, 0, 255, EXTRA, size)


def join(path: str) -> None:
    """Write the archive of the day at `path` and the file that continues it into one plain file, `.archiving`.

    Raises:
        ArchiveError: the archive is damaged, or the disk does not keep what is written.
        OSError: a file cannot be read or written.
    """
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(SegmentFile(path + COMPRESSED, compressed=True))]
        if os.path.exists(path + ARCHIVING):
            files.append(stack.enter_context(SegmentFile(path + ARCHIVING, compressed=False)))
        with replacing(path, ARCHIVING, files[-1].status) as out:
            crc = 0
            try:
                for file in files:
                    for chunk in file.read(0, file.size):
                        out.write(chunk)
                        crc = zlib.crc32(chunk, crc)
            except DamagedError as e:
                raise damaged_error(path, e) from None
            out.flush()
            with SegmentFile(out.name, compressed=False) as written:
                found = 0
                for chunk in written.read():
                    found = zlib.crc32(chunk, found)
            if found != crc or os.fstat(files[-1].fd).st_size != files[-1].status.st_size:
                raise ArchiveError(
                    f"the disk did not keep {out.name} as it was written; check the disk, then archive again"
                )


@contextlib.contextmanager
def replacing(path: str, end: str, status: os.stat_result) -> Iterator[BinaryIO]:
    """A new file for the day at `path`, which takes that name with `end` behind it; as old as `status` says."""
    with atomic_write(path + end) as out:
        yield out
        out.flush()
        os.utime(out.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
