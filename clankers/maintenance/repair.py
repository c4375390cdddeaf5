"""Repairs the log where it is proved that no byte that means anything is lost; everything else is left unchanged.

Proved are:

- NUL bytes next to a newline or to a complete line: JSON has none, so nothing was there but what a power loss took;
- a fragment of a line that is complete elsewhere in the log: a writer died, or the disk was full, and the line was
  written again. All of the fragment must be the beginning of the complete line, but for the time of the append;
- one byte between two complete lines, whose CRCs hold: it was a newline;
- a complete last line that lacks only its newline.

A plain day is changed in place, an archived one is rewritten. What means nothing becomes spaces and newlines, which
readers skip. No line that can be read is ever changed. A damaged archive is not repaired: a copy has to be restored.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import IO, NamedTuple

from clankers.log.segment_file import DamagedError, SegmentFile
from clankers.log.segments import COMPRESSED, list_segments
from clankers.maintenance import in_place_edit
from clankers.maintenance.archive import remove_unfinished
from clankers.maintenance.backup_files import DAMAGED
from clankers.maintenance.gzip_rewrite import rewrite
from clankers.maintenance.in_place_edit import PatchError, Replacement
from clankers.maintenance.line_validation import is_valid
from clankers.maintenance.torn_lines import (
    COMPLETE,
    NULS,
    TORN,
    Fragment,
    complete_elsewhere,
    fragments_of,
    is_elsewhere,
)
from clankers.maintenance.verify import Problem
from clankers.paths import create_private
from clankers.system.durable import sync_directory, sync_file

_END = 1 << 60  # an offset behind the end of any file


class Repair(NamedTuple):
    """What is to be done at one line.

    Attributes:
        file: the day's.
        line: counted from 1.
        done: in words.
        replacements: the bytes to change.
        close: whether the file gets a newline at its end.
    """

    file: str
    line: int
    done: str
    replacements: tuple[Replacement, ...]
    close: bool = False


def plan(root: str, problems: list[Problem]) -> list[Repair]:
    """What can be repaired of `problems`, which `clankers.maintenance.verify` found in the log in `root`.

    Days that stand in several files are left, and so are those whose archive is damaged.

    Raises:
        OSError: a file cannot be read.
    """
    days = list_segments(root) if problems else {}
    found: list[Repair] = []
    damaged: list[tuple[Problem, bytes]] = []
    for name in dict.fromkeys(one.file for one in problems):
        suffixes = days.get(name, [])
        if len(suffixes) != 1 or (suffixes == [COMPRESSED] and _is_damaged(os.path.join(root, name) + COMPRESSED)):
            continue
        with _content(root, name) as f:
            for one in problems:
                if one.file != name or not one.size:
                    continue
                raw = os.pread(f.fileno(), one.size, one.offset)
                if not one.closed and is_valid(raw):
                    found.append(Repair(one.file, one.line, "its newline was missing: added", (), close=True))
                else:
                    damaged.append((one, raw))
    known = complete_elsewhere(root, [raw for _, raw in damaged])
    for one, raw in damaged:
        found += _blank(one, raw, known)
    return sorted(found)


def apply(root: str, name: str, repairs: list[Repair]) -> str:
    """Do what was planned for the file `name`, and return the name of the copy of what it was before.

    Raises:
        PatchError: the file was changed meanwhile.
        ArchiveError: the disk does not keep what is written.
        BusyError: another process changes files of the log.
        OSError: the disk.
    """
    path = os.path.join(root, name)
    replacements = sorted(replacement for one in repairs for replacement in one.replacements)
    close = any(one.close for one in repairs)
    if not os.path.exists(path):
        with in_place_edit.lock(root, "repair"):
            remove_unfinished(root)
            if not _is_unchanged(root, name, replacements):
                raise PatchError(
                    f"{name}{COMPRESSED} was changed by another program just now; nothing was done, try again"
                )
            copy = _keep(root, name + COMPRESSED)
            rewrite(path, [*replacements, Replacement(_END, b"", b"\n")] if close else replacements)
        return copy
    copy = _keep(root, name)
    if replacements:
        try:
            in_place_edit.patch(root, name, replacements)
        except PatchError:  # nothing was done
            os.unlink(os.path.join(root, copy))
            raise
    if close:
        # As any writer does it. If another one is faster, this makes an empty line.
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        try:
            os.write(fd, b"\n")
            sync_file(fd)
        finally:
            os.close(fd)
    return copy


def _is_unchanged(root: str, name: str, replacements: list[Replacement]) -> bool:
    """Whether an archived day still holds the old bytes."""
    with _content(root, name) as f:
        return all(os.pread(f.fileno(), len(one.old), one.offset) == one.old for one in replacements)


def _keep(root: str, name: str) -> str:
    """Copy the file beside itself, under a name that no reader takes for the log's."""
    path = os.path.join(root, name)
    number = 1
    while True:
        copy = f"{path}{DAMAGED}-{number}"
        try:
            fd = create_private(copy)
            break
        except FileExistsError:
            number += 1
    try:
        with open(path, "rb") as source, open(fd, "wb") as target:
            shutil.copyfileobj(source, target, 1 << 20)
            target.flush()
            sync_file(target.fileno())
    except BaseException:
        os.unlink(copy)
        raise
    sync_directory(root)
    return os.path.basename(copy)


def _is_damaged(path: str) -> bool:
    with SegmentFile(path, compressed=True) as archive:
        try:
            for _ in archive.read(0, archive.size):
                pass
        except DamagedError:
            return True
    return False


@contextlib.contextmanager
def _content(root: str, name: str) -> Iterator[IO[bytes]]:
    """The bytes of an undamaged day, in a file; those of an archived one in a temporary file."""
    path = os.path.join(root, name)
    if os.path.exists(path):
        with open(path, "rb") as f:
            yield f
        return
    with tempfile.TemporaryFile(dir=root) as f, SegmentFile(path + COMPRESSED, compressed=True) as archive:
        for chunk in archive.read():
            f.write(chunk)
        f.flush()
        yield f


def _blank(problem: Problem, raw: bytes, known: dict[bytes, list[bytes]]) -> Iterator[Repair]:
    """What means nothing in the damaged line `raw`, or was a newline between two complete ones."""
    # All of it may be one fragment, though a line stands in it: a payload may look like one.
    all_of_it = is_elsewhere(raw, known)
    fragments = [Fragment(0, len(raw), TORN)] if all_of_it else fragments_of(raw)
    empty = {one for one in fragments if one.kind == TORN and is_elsewhere(raw[one.start : one.end], known)}
    for at, one in enumerate(fragments):
        sides = [fragments[i] for i in (at - 1, at + 1) if 0 <= i < len(fragments)]
        if one.kind == NULS and (len(sides) < 2 or any(s.kind == COMPLETE or s in empty for s in sides)):
            empty.add(one)
        if one.kind == TORN and one.end - one.start == 1 and sides and all(s.has_crc for s in sides):
            empty.add(one)
    for at, one in enumerate(fragments):
        if one not in empty:
            continue
        size = one.end - one.start
        new = bytearray(b" " * size)
        if at and fragments[at - 1] not in empty:
            new[0] = ord("\n")
        if fragments[at + 1] not in empty if at + 1 < len(fragments) else not problem.closed:
            new[-1] = ord("\n")
        if one.kind == NULS:
            done = f"{size} NUL bytes blanked"
        elif size == 1:
            done = f"the newline at byte {problem.offset + one.start} restored"
        else:
            done = "a fragment of a line that is complete elsewhere blanked"
        replacement = Replacement(problem.offset + one.start, raw[one.start : one.end], bytes(new))
        yield Repair(problem.file, problem.line, done, (replacement,))
