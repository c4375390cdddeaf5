"""Changing bytes of a compressed day: a new archive beside the old one, checked, which then takes its name."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from clankers.log.segment_file import DamagedError, Piece
from clankers.log.segments import PACKED
from clankers.maintenance.gzip_writer import ArchiveError, damaged, pack, replacing


class Change(NamedTuple):
    """From `offset` on (uncompressed bytes) `new` in the place of as many bytes, or behind the last."""

    offset: int
    new: bytes


def rewrite(path: str, changes: Sequence[Change], content: Iterable[bytes] | None = None) -> None:
    """Make `changes`, in order and apart, in the archive of the day at `path`. `in_place_edit.lock` must be held.

    Killed at any point it leaves the old archive or the new one; `archive.tidy` removes what is
    left beside.

    Args:
        path: of the day's plain file.
        changes: to be made.
        content: what the archive holds, where it does not tell that itself because it is damaged.

    Raises:
        ArchiveError: the archive is damaged, or the disk does not keep what is written.
        OSError: a file cannot be read or written.
    """
    with Piece(path + PACKED, packed=True) as old, replacing(path, PACKED, old.status) as out:
        chunks = old.read(0, old.size) if content is None else content
        try:
            size = pack(out, _changed(chunks, changes), int(old.status.st_mtime))
        except DamagedError as e:
            raise damaged(path, e) from None
        with Piece(out.name, packed=True) as new:
            try:
                sound = sum(map(len, new.read(0, size))) == size
            except DamagedError:
                sound = False
        if not sound:
            raise ArchiveError(f"{out.name} does not hold what was written; check the disk, then try again")


def _changed(chunks: Iterable[bytes], changes: Sequence[Change]) -> Iterator[bytes]:
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
    yield from (change.new for change in changes[i:])
