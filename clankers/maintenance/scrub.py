"""Taking credentials out of the log: masks of the same length in their places, and CRCs that hold.

A plain file is changed where it stands, beside writers, by `clankers.maintenance.in_place_edit`. A compressed day is
written anew beside it and takes its place by a rename (`clankers.maintenance.gzip_rewrite`).
"""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from time import time
from typing import NamedTuple
from zlib import crc32

from clankers.errors import ClankersError
from clankers.log.envelope import CRC_TAIL, HEAD, crc_holds
from clankers.log.segments import PACKED, Damage, listed
from clankers.maintenance import in_place_edit, verify
from clankers.maintenance.archive import archive, tidy
from clankers.maintenance.backup_files import DAMAGED
from clankers.maintenance.gzip_rewrite import Change, rewrite
from clankers.maintenance.in_place_edit import PatchError, Span
from clankers.maintenance.line_validation import whole
from clankers.secrets.detect import found, hints, mask

_PAYLOAD = b',"payload":'
_BLOCK = 1 << 20  # bytes of lines that are looked at together
_AT_ONCE = 2000  # changes in one journal
_TRIES = 5  # looks at a file that an archiver or a repair changed meanwhile
_ROUNDS = 20  # of masking in a line; each makes what it found disappear


class ScrubError(ClankersError):
    """A file that cannot be scrubbed; the message says which, why, and what to do."""


class Found(NamedTuple):
    """Credentials of one kind in a line: the file, the line's number from 1, the kind, how many times."""

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
    return [*listed(root), *sorted(kept)]


def look(root: str, name: str, progress: Callable[[int], object]) -> Iterator[Found]:
    """What is to be masked in the file `name`; nothing is changed.

    Raises:
        OSError: it cannot be read.
    """
    for number, _, raw, _ in _suspects(root, name, progress):
        for kind, times in masked(raw)[1].items():
            yield Found(name, number, kind, times)


def scrub(root: str, name: str, progress: Callable[[int], object]) -> list[Found]:
    """Mask what there is in the file `name`. The projector's lock must be held, so that nobody reads half of it.

    Raises:
        ScrubError: it changes all the time.
        ArchiveError: its archive is damaged.
        BusyError: another process changes files of the log.
        OSError: the disk.
    """
    done: list[Found] = []
    for _ in range(_TRIES):
        ends = listed(root).get(name, [""])
        if len(ends) > 1 or ends not in ([""], [PACKED]):
            with in_place_edit.lock(
                root, "scrub"
            ):  # two files with the same bytes, or one behind the other: make one of them
                tidy(root)
                archive(root, name, progress=lambda _: None)
            continue
        try:
            _in_place(root, name, done, progress) if ends == [""] else _packed(root, name, done, progress)
        except (FileNotFoundError, PatchError) as e:  # archived or repaired just now
            if isinstance(e, PatchError) and in_place_edit.unfinished(root):
                raise
            continue
        return done
    raise ScrubError(f"{name} is being changed by another program all the time; try again later")


def masked(raw: bytes) -> tuple[bytes, Counter[str]]:
    """The line `raw` with masks in the places of credentials, as long as before, and how many of each kind.

    The CRC holds afterwards if it held before. A line that would not be one any more stays as it is.
    """
    counts: Counter[str] = Counter()
    start = raw.find(_PAYLOAD) + 1 if raw.startswith(HEAD) else 0
    new = raw
    for _ in range(_ROUNDS):
        text = new[start:].decode("utf-8", "surrogateescape")
        secrets = found(text, json=True)
        if not secrets:
            break
        pieces, end = [new[:start]], 0
        for one in secrets:
            size = len(text[one.start : one.end].encode("utf-8", "surrogateescape"))
            pieces += [text[end : one.start].encode("utf-8", "surrogateescape"), mask(one.kind, size).encode()]
            end = one.end
            counts[one.kind] += 1
        new = b"".join([*pieces, text[end:].encode("utf-8", "surrogateescape")])
    if crc_holds(raw):
        new = b'%s%08x"}' % (new[:-10], crc32(memoryview(new)[:-CRC_TAIL]))
    if counts and whole(raw) is not False and whole(new) is False:
        return raw, Counter()
    return new, counts


def _in_place(root: str, name: str, done: list[Found], progress: Callable[[int], object]) -> None:
    spans: list[Span] = []
    pending: list[Found] = []

    def change() -> None:
        in_place_edit.patch(root, name, spans)
        done.extend(pending)
        spans.clear()
        pending.clear()

    for number, offset, raw, closed in _suspects(root, name, progress):
        if not (closed or _at_rest(root, name)):
            continue  # its writer is about to put a CRC behind what it wrote
        new, counts = masked(raw)
        pending += [Found(name, number, kind, times) for kind, times in counts.items()]
        spans += [
            Span(offset + start, raw[start:stop], new[start:stop])
            for start, stop in (_changes(raw, new) if counts else ())
        ]
        if len(spans) >= _AT_ONCE:
            change()
    if spans:
        change()


def _changes(raw: bytes, new: bytes) -> Iterator[tuple[int, int]]:
    """Where two lines of the same length differ, in blocks."""
    block = 64
    start = -1
    for at in range(0, len(raw) + block, block):
        differs = raw[at : at + block] != new[at : at + block]
        if differs and start < 0:
            start = at
        elif not differs and start >= 0:
            yield start, min(at, len(raw))
            start = -1


def _at_rest(root: str, name: str) -> bool:
    return time() - os.stat(os.path.join(root, name)).st_mtime > verify.IN_FLIGHT


def _packed(root: str, name: str, done: list[Found], progress: Callable[[int], object]) -> None:
    """Write the archive of the day anew, if there is something in it to mask."""
    places, changes = [], []
    for number, offset, raw, _ in _suspects(root, name, progress):
        new, counts = masked(raw)
        places += [Found(name, number, kind, times) for kind, times in counts.items()]
        changes += [Change(offset + start, new[start:stop]) for start, stop in _changes(raw, new)]
    if not changes:
        return
    path = os.path.join(root, name)
    with in_place_edit.lock(root, "scrub"):
        if os.path.exists(path):
            raise FileNotFoundError(path)  # the day came back: look again
        tidy(root)
        rewrite(path, changes)
    done.extend(places)


def _suspects(root: str, name: str, progress: Callable[[int], object]) -> Iterator[tuple[int, int, bytes, bool]]:
    """Of `verify.lines` those that may hold credentials: looked at many at once, which is far cheaper."""
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
