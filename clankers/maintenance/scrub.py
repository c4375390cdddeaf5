"""Masks credentials in the log: masks have the length of what they replace, and CRCs hold.

A plain file is changed in place, beside writers (`clankers.maintenance.in_place_edit`). An archive is rewritten, and
the new one replaces it by a rename (`clankers.maintenance.gzip_rewrite`).
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from time import time
from typing import NamedTuple
from zlib import crc32

from clankers.errors import ClankersError
from clankers.log.envelope import CRC_TAIL, HEAD, crc_holds
from clankers.log.segments import COMPRESSED, Damage, list_segments
from clankers.maintenance import in_place_edit, verify
from clankers.maintenance.archive import archive, remove_unfinished
from clankers.maintenance.backup_files import DAMAGED
from clankers.maintenance.gzip_rewrite import rewrite
from clankers.maintenance.in_place_edit import PatchError, Replacement
from clankers.maintenance.line_validation import is_valid
from clankers.secrets.detect import hints, mask_text

_PAYLOAD = b',"payload":'
_BLOCK = 1 << 20  # bytes of lines that are searched together
_AT_ONCE = 2000  # changes in one journal
_TRIES = 5  # attempts, where an archiver or a repair changes the file meanwhile


class ScrubError(ClankersError):
    """A file that cannot be scrubbed; the message says which, why, and what to do."""


class CredentialCount(NamedTuple):
    """How many credentials of one kind a line holds.

    Attributes:
        file: of the line.
        line: counted from 1.
        kind: of the credentials.
        times: how many there are.
    """

    file: str
    line: int
    kind: str
    times: int


def files(root: str) -> list[str]:
    """The days of the log in `root`, and the copies that `clankers repair` kept of plain ones.

    Raises:
        OSError: the directory cannot be read.
    """
    if not os.path.exists(root):
        return []
    kept = [name for name in os.listdir(root) if name.startswith("clankers-") and f".jsonl{DAMAGED}-" in name]
    return [*list_segments(root), *sorted(kept)]


def find(root: str, name: str, progress: Callable[[int], object]) -> Iterator[CredentialCount]:
    """The credentials in the file `name`; nothing is changed.

    Raises:
        OSError: it cannot be read.
    """
    for number, _, raw, _ in _suspects(root, name, progress):
        for kind, times in mask_line(raw)[1].items():
            yield CredentialCount(name, number, kind, times)


def scrub(root: str, name: str, progress: Callable[[int], object]) -> list[CredentialCount]:
    """Mask the credentials in the file `name`. The projector's lock must be held, so that nobody reads half of it.

    Raises:
        ScrubError: other programs keep changing it.
        ArchiveError: its archive is damaged.
        BusyError: another process changes files of the log.
        OSError: the disk.
    """
    done: list[CredentialCount] = []
    for _ in range(_TRIES):
        ends = list_segments(root).get(name, [""])
        if len(ends) > 1 or ends not in ([""], [COMPRESSED]):
            with in_place_edit.lock(
                root, "scrub"
            ):  # two files with the same bytes, or one that continues the other: make them one
                remove_unfinished(root)
                archive(root, name, progress=lambda _: None)
            continue
        try:
            _in_place(root, name, done, progress) if ends == [""] else _in_archive(root, name, done, progress)
        except (FileNotFoundError, PatchError) as e:  # archived or repaired meanwhile
            if isinstance(e, PatchError) and in_place_edit.unfinished(root):
                raise
            continue
        return done
    raise ScrubError(f"{name}: other programs keep changing it; try again later")


def mask_line(raw: bytes) -> tuple[bytes, Counter[str]]:
    """The line `raw` with masks in place of credentials, as long as before, and how many of each kind.

    The CRC holds afterwards if it held before. A valid line that masks would break stays as it is.
    """
    start = raw.find(_PAYLOAD) + 1 if raw.startswith(HEAD) else 0
    text, counts = mask_text(raw[start:].decode("utf-8", "surrogateescape"), json=True, errors="surrogateescape")
    new = raw[:start] + text.encode("utf-8", "surrogateescape")
    if crc_holds(raw):
        new = b'%s%08x"}' % (new[:-10], crc32(memoryview(new)[:-CRC_TAIL]))
    if counts and is_valid(raw) and not is_valid(new):
        return raw, Counter()
    return new, counts


def _in_place(root: str, name: str, done: list[CredentialCount], progress: Callable[[int], object]) -> None:
    replacements: list[Replacement] = []
    pending: list[CredentialCount] = []

    def change() -> None:
        in_place_edit.patch(root, name, replacements)
        done.extend(pending)
        replacements.clear()
        pending.clear()

    for number, offset, raw, closed in _suspects(root, name, progress):
        if not (closed or _at_rest(root, name)):
            continue  # its writer is about to append a CRC
        new, counts = mask_line(raw)
        pending += [CredentialCount(name, number, kind, times) for kind, times in counts.items()]
        replacements += _replacements(offset, raw, new)
        if len(replacements) >= _AT_ONCE:
            change()
    if replacements:
        change()


def _replacements(offset: int, raw: bytes, new: bytes) -> Iterator[Replacement]:
    """Where the line `raw`, which is at `offset`, differs from `new`, which is as long; in blocks."""
    block = 64
    start = -1
    for at in range(0, len(raw) + block, block):
        differs = raw[at : at + block] != new[at : at + block]
        if differs and start < 0:
            start = at
        elif not differs and start >= 0:
            yield Replacement(offset + start, raw[start:at], new[start:at])
            start = -1


def _at_rest(root: str, name: str) -> bool:
    return time() - os.stat(os.path.join(root, name)).st_mtime > verify.IN_FLIGHT


def _in_archive(root: str, name: str, done: list[CredentialCount], progress: Callable[[int], object]) -> None:
    """Rewrite the archive of the day, if there is something in it to mask."""
    places: list[CredentialCount] = []
    replacements: list[Replacement] = []
    for number, offset, raw, _ in _suspects(root, name, progress):
        new, counts = mask_line(raw)
        places += [CredentialCount(name, number, kind, times) for kind, times in counts.items()]
        replacements += _replacements(offset, raw, new)
    if not replacements:
        return
    path = os.path.join(root, name)
    with in_place_edit.lock(root, "scrub"):
        if os.path.exists(path):
            raise FileNotFoundError(path)  # writers appended to the archived day: look again
        remove_unfinished(root)
        rewrite(path, replacements)
    done.extend(places)


def _suspects(root: str, name: str, progress: Callable[[int], object]) -> Iterator[tuple[int, int, bytes, bool]]:
    """The lines of `verify.lines` that may hold credentials. Many are searched at once, which is far cheaper."""
    lines: list[tuple[int, int, bytes, bool]] = []
    size = 0

    def suspicious() -> Iterator[tuple[int, int, bytes, bool]]:
        among = hints(b"\n".join(line[2] for line in lines))
        return (line for line in lines if hints(line[2], among))

    for number, offset, raw, closed in verify.lines(root, name, progress):
        if not isinstance(raw, Damage):
            lines.append((number, offset, raw, closed))
            size += len(raw)
        if size > _BLOCK:
            yield from suspicious()
            lines, size = [], 0
    yield from suspicious()
