"""Changing bytes of a compressed day: a new archive beside the old one, checked, which then takes its name."""

import contextlib
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from clankers.days import PACKED
from clankers.log import sync_directory, sync_file
from clankers.packing import NEW, ArchiveError, damaged, header
from clankers.pieces import DamagedError, Piece

_LEVEL = 6


class Change(NamedTuple):
    """From `offset` on (uncompressed bytes) `new` in the place of as many bytes."""

    offset: int
    new: bytes


def rewrite(path: str, changes: Sequence[Change]) -> None:
    """Make `changes`, in order and apart, in the archive of the day at `path`. `clankers.patch.lock` must be held.

    Killed at any point it leaves the old archive or the new one; `clankers.archive.tidy` removes what is left beside.

    Raises:
        ArchiveError: the archive is damaged, or the disk does not keep what is written.
        OSError: a file cannot be read or written.
    """
    made = path + NEW
    try:
        with Piece(path + PACKED, packed=True) as old:
            _write(made, old, changes)
            with Piece(made, packed=True) as new:
                try:
                    sound = sum(map(len, new.read(0, old.size))) == old.size
                except DamagedError:
                    sound = False
            if not sound:
                raise ArchiveError(f"{made} does not hold what was written; check the disk, then try again")
            os.utime(made, ns=(old.status.st_atime_ns, old.status.st_mtime_ns))
        os.replace(made, path + PACKED)
    except DamagedError as e:
        raise damaged(path, e) from None
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(made)
    sync_directory(os.path.dirname(path))


def _write(made: str, old: Piece, changes: Sequence[Change]) -> None:
    with open(made, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as out:
        stream = zlib.compressobj(_LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
        crc = 0
        out.write(header(old.size, int(old.status.st_mtime)))
        for chunk in _changed(old.read(0, old.size), changes):
            out.write(stream.compress(chunk))
            crc = zlib.crc32(chunk, crc)
        out.write(stream.flush())
        out.write(struct.pack("<II", crc, old.size & 0xFFFF_FFFF))
        out.flush()
        sync_file(out.fileno())


def _changed(chunks: Iterator[bytes], changes: Sequence[Change]) -> Iterator[bytes]:
    at, i = 0, 0
    for chunk in chunks:
        end = at + len(chunk)
        made = bytearray(chunk)
        while i < len(changes) and changes[i].offset < end:
            offset, new = changes[i]
            low, high = max(offset, at), min(offset + len(new), end)
            made[low - at : high - at] = new[low - offset : high - offset]
            if offset + len(new) > end:
                break  # goes on in the next chunk
            i += 1
        yield bytes(made)
        at = end
