"""Writing the compressed file of a day, and the plain one that a merge needs in between."""

import contextlib
import os
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO

from clankers.errors import ClankersError
from clankers.log.segment_file import EXTRA, DamagedError, Piece
from clankers.log.segments import PACKED, TAKEN
from clankers.system.atomic_write import atomic_write

_LEVEL = 6


class ArchiveError(ClankersError):
    """A day that cannot be archived; the message says which, why, and what to do. Its files stay readable."""


def damaged(path: str, error: DamagedError) -> ArchiveError:
    """What to tell of a damage in the archive of the day at `path`."""
    return ArchiveError(f"{path}{PACKED} is damaged ({error}); restore it from a backup, or try `clankers repair`")


def compress(path: str, end: str, progress: Callable[[int], object]) -> None:
    """Compress the file of the day at `path` that has `end` behind its name, into a gzip file of one member.

    Raises:
        OSError: a file cannot be read or written.
    """
    with Piece(path + end, packed=False) as plain, replacing(path, PACKED, plain.status) as out:
        pack(out, plain.read(), int(plain.status.st_mtime), progress)


def pack(
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
    """Make one plain file of the archive of the day at `path` and what goes on behind it, with the name of the latter.

    Raises:
        ArchiveError: the archive is damaged, or the disk does not keep what is written.
        OSError: a file cannot be read or written.
    """
    with contextlib.ExitStack() as stack:
        pieces = [stack.enter_context(Piece(path + PACKED, packed=True))]
        if os.path.exists(path + TAKEN):
            pieces.append(stack.enter_context(Piece(path + TAKEN, packed=False)))
        with replacing(path, TAKEN, pieces[-1].status) as out:
            crc = 0
            try:
                for piece in pieces:
                    for chunk in piece.read(0, piece.size):
                        out.write(chunk)
                        crc = zlib.crc32(chunk, crc)
            except DamagedError as e:
                raise damaged(path, e) from None
            out.flush()
            with Piece(out.name, packed=False) as written:
                found = 0
                for chunk in written.read():
                    found = zlib.crc32(chunk, found)
            if found != crc or os.fstat(pieces[-1].fd).st_size != pieces[-1].status.st_size:
                raise ArchiveError(f"{out.name} does not hold what was written; check the disk, then archive again")


@contextlib.contextmanager
def replacing(path: str, end: str, status: os.stat_result) -> Iterator[BinaryIO]:
    """A new file for the day at `path`, which takes that name with `end` behind it; as old as `status` says."""
    with atomic_write(path + end) as out:
        yield out
        out.flush()
        os.utime(out.fileno(), ns=(status.st_atime_ns, status.st_mtime_ns))
