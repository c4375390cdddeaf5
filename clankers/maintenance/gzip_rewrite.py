"""Changing bytes of an archived day: a new archive beside the old one, checked, then takes its name."""

from collections.abc import Iterable, Iterator, Sequence

from clankers.log.segment_file import DamagedError, SegmentFile
from clankers.log.segments import COMPRESSED
from clankers.maintenance.gzip_writer import ArchiveError, damaged_error, replacing, write_gzip
from clankers.maintenance.in_place_edit import Replacement


def rewrite(path: str, replacements: Sequence[Replacement]) -> None:
    """Make `replacements`, in order and apart, in the archive of the day at `path`. `in_place_edit.lock` must be held.

    A kill at any point leaves the old archive or the new one; `archive.remove_unfinished` removes what is left beside.

    Args:
        path: of the day's plain file.
        replacements: to be made, without a look at the old bytes; one behind the end is appended.

    Raises:
        ArchiveError: the archive is damaged, or the disk does not keep what is written.
        OSError: a file cannot be read or written.
    """
    with SegmentFile(path + COMPRESSED, compressed=True) as old, replacing(path, COMPRESSED, old.status) as out:
        try:
            size = write_gzip(out, _replaced(old.read(0, old.size), replacements), int(old.status.st_mtime))
        except DamagedError as e:
            raise damaged_error(path, e) from None
        with SegmentFile(out.name, compressed=True) as new:
            try:
                holds = sum(map(len, new.read(0, size))) == size
            except DamagedError:
                holds = False
        if not holds:
            raise ArchiveError(
                f"{path}{COMPRESSED} is unchanged: the disk did not keep the new one; check the disk, then try again"
            )


def _replaced(chunks: Iterable[bytes], replacements: Sequence[Replacement]) -> Iterator[bytes]:
    at, i = 0, 0
    for chunk in chunks:
        end = at + len(chunk)
        made = bytearray(chunk)
        while i < len(replacements) and replacements[i].offset < end:
            offset, new = replacements[i].offset, replacements[i].new
            low, high = max(offset, at), min(offset + len(new), end)
            made[low - at : high - at] = new[low - offset : high - offset]
            if offset + len(new) > end:
                break  # goes on in the next chunk
            i += 1
        yield bytes(made)
        at = end
    yield from (one.new for one in replacements[i:])
