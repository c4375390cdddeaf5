"""Mending the log where it can be proved what its bytes were, or that they hold nothing; all else is left as it is.

Provable are:

- one changed byte in a line with a CRC, where one change alone makes it a whole line again
  (`clankers.maintenance.onebyte`); also a
  byte that became a newline, or a newline that became another byte and glued two whole lines together;
- NUL bytes next to a newline or to a whole line: JSON has none, so nothing stood there but what a power loss took;
- a torn piece of a line that stands whole elsewhere in the log: a writer died, or the disk was full, and it was written
  again. All of the piece must be the beginning of the whole line, but for the time of the append;
- a whole last line that lacks its newline only;
- the archive of a day that is all there, but for its checksum or for one changed byte (`clankers.maintenance.inflate`).

A plain day is changed where it stands, an archived one is written anew. What holds nothing becomes spaces and newlines,
which readers skip. No line that can be read is ever changed.
"""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import IO, NamedTuple

from clankers.log.segment_file import DamagedError, Piece
from clankers.log.segments import PACKED, listed
from clankers.maintenance import in_place_edit
from clankers.maintenance.archive import tidy
from clankers.maintenance.backup_files import DAMAGED
from clankers.maintenance.gzip_rewrite import Change, rewrite
from clankers.maintenance.in_place_edit import PatchError, Span
from clankers.maintenance.inflate import Stream, inflated, is_proved, proved
from clankers.maintenance.line_validation import whole
from clankers.maintenance.onebyte import changes
from clankers.maintenance.torn_lines import Part, parts_of, stands_elsewhere, whole_elsewhere
from clankers.maintenance.verify import Bad
from clankers.system.durable import sync_directory, sync_file

_END = 1 << 60  # behind the end of any file
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)


class Repair(NamedTuple):
    """What is to be done at one line.

    Attributes:
        file: the day's.
        line: counted from 1.
        last: the last line that is mended with it.
        done: in words.
        spans: the bytes to change.
        close: whether the file is to get a newline at its end.
        stream: how to read the archive of the day, where that is what is mended; `line` is 0 then.
    """

    file: str
    line: int
    last: int
    done: str
    spans: tuple[Span, ...]
    close: bool = False
    stream: Stream | None = None


def plan(root: str, bad: list[Bad]) -> list[Repair]:
    """What can be mended of `bad`, which `clankers.maintenance.verify` found in the log in `root`.

    Of a day that stands in several files only the archive is mended; of one whose archive is damaged, nothing else.

    Raises:
        OSError: a file cannot be read.
    """
    days = listed(root) if bad else {}
    found: list[Repair] = []
    left: list[tuple[Bad, bytes]] = []
    for name in dict.fromkeys(one.file for one in bad):
        path, ends = os.path.join(root, name), days.get(name, [])
        if PACKED in ends and _is_damaged(path + PACKED):
            if stream := proved(path + PACKED):
                found.append(_mend_archive(name, path + PACKED, stream))
        elif len(ends) == 1:
            with _bytes(root, name) as f:
                here = [one for one in bad if one.file == name and one.size]
                found += _mend_bytes(f.fileno(), here, left)
    known = whole_elsewhere(root, [raw for _, raw in left])
    for one, raw in left:
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
    spans = sorted(span for one in repairs for span in one.spans)
    close = any(one.close for one in repairs)
    stream = next((one.stream for one in repairs if one.stream), None)
    if stream or not os.path.exists(path):
        with in_place_edit.lock(root, "repair"):
            tidy(root)
            if not _still(root, name, spans, stream):
                raise PatchError(f"{name}{PACKED} was changed by another program just now; nothing was done, try again")
            copy = _keep(root, name + PACKED)
            todo = [Change(span.offset, span.new) for span in spans]
            if close:
                todo.append(Change(_END, b"\n"))
            rewrite(path, todo, inflated(path + PACKED, stream) if stream else None)
        return copy
    copy = _keep(root, name)
    if spans:
        try:
            in_place_edit.patch(root, name, spans)
        except PatchError:  # nothing was done
            os.unlink(os.path.join(root, copy))
            raise
    if close:
        # As any writer does it. One that is faster makes this an empty line.
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0))
        try:
            os.write(fd, b"\n")
            sync_file(fd)
        finally:
            os.close(fd)
    return copy


def _still(root: str, name: str, spans: list[Span], stream: Stream | None) -> bool:
    """Whether the archive of a day is what was looked at."""
    if stream:
        return is_proved(os.path.join(root, name) + PACKED, stream)
    with _bytes(root, name) as f:
        return all(os.pread(f.fileno(), len(span.old), span.offset) == span.old for span in spans)


def _keep(root: str, name: str) -> str:
    """Copy the file beside itself, under a name that no reader takes for the log's."""
    path = os.path.join(root, name)
    number = 1
    while True:
        copy = f"{path}{DAMAGED}-{number}"
        try:
            fd = os.open(copy, _NEW, 0o600)
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
    with Piece(path, packed=True) as archive:
        try:
            for _ in archive.read(0, archive.size):
                pass
        except DamagedError:
            return True
    return False


def _mend_archive(name: str, path: str, stream: Stream) -> Repair:
    done = "all of it is there: its checksum and header made anew"
    if stream.at:
        with open(path, "rb") as f:
            was = os.pread(f.fileno(), 1, stream.at)[0]
        done = f"the byte at {stream.at} put back: {stream.byte:#04x} was {was:#04x}"
    return Repair(name, 0, 0, done, (), stream=stream)


@contextlib.contextmanager
def _bytes(root: str, name: str) -> Iterator[IO[bytes]]:
    """The bytes of a day that is sound, in a file; of an archived one, in one that is gone when it is closed."""
    path = os.path.join(root, name)
    if os.path.exists(path):
        with open(path, "rb") as f:
            yield f
        return
    with tempfile.TemporaryFile(dir=root) as f, Piece(path + PACKED, packed=True) as archive:
        for chunk in archive.read():
            f.write(chunk)
        f.flush()
        yield f


def _mend_bytes(fd: int, bad: list[Bad], left: list[tuple[Bad, bytes]]) -> Iterator[Repair]:
    """Each changed byte that is proved; the lines without one go to `left`, with their bytes."""
    skip = -1
    for at, one in enumerate(bad):
        if one.offset == skip:  # it was mended with the line before
            continue
        raw = os.pread(fd, one.size, one.offset)
        if not one.closed and whole(raw) is not False:
            yield Repair(one.file, one.line, one.line, "its newline was missing: added", (), close=True)
            continue
        following = bad[at + 1] if at + 1 < len(bad) else None
        sure: list[tuple[Span, bool]] = [(_byte(one.offset + c.at, raw[c.at], c.byte), c.sure) for c in changes(raw)]
        end = one.offset + one.size
        joined = b""
        if one.closed and following and following.offset == end + 1:
            joined = os.pread(fd, following.size, end + 1)
        if joined or (one.closed and os.pread(fd, 1, end + 1) == b"\n"):
            sure += [(_byte(end, ord("\n"), c.byte), c.sure) for c in changes(b"%s\n%s" % (raw, joined), only=len(raw))]
        if one.offset and (one.offset == 1 or os.pread(fd, 1, one.offset - 2) == b"\n"):
            sure += [(_byte(one.offset - 1, ord("\n"), c.byte), c.sure) for c in changes(b"\n" + raw, only=0)]
        if not sure:
            left.append((one, raw))
        elif len(sure) == 1 and sure[0][1]:
            span = sure[0][0]
            last = one.line
            if span.offset == end and following and joined:
                skip, last = following.offset, following.line
            done = f"the byte at {span.offset} put back: {span.new[0]:#04x} was {span.old[0]:#04x}"
            yield Repair(one.file, one.line, last, done, (span,))


def _byte(offset: int, old: int, new: int) -> Span:
    return Span(offset, bytes([old]), bytes([new]))


def _blank(one: Bad, raw: bytes, known: dict[bytes, list[bytes]]) -> Iterator[Repair]:
    """What holds nothing in a damaged line, or lacks a newline between two whole ones."""
    # All of it may be one piece, though a line stands in it: a payload may look like one.
    parts = [Part(0, len(raw), "torn")] if stands_elsewhere(raw, known) else parts_of(raw)
    empty = {part for part in parts if part.kind == "torn" and stands_elsewhere(raw[part.start : part.end], known)}
    for at, part in enumerate(parts):
        sides = [parts[i] for i in (at - 1, at + 1) if 0 <= i < len(parts)]
        if part.kind == "nul" and (len(sides) < 2 or any(p.kind == "whole" or p in empty for p in sides)):
            empty.add(part)
        if part.kind == "torn" and part.end - part.start == 1 and sides and all(p.has_crc for p in sides):
            empty.add(part)
    for at, part in enumerate(parts):
        if part not in empty:
            continue
        size = part.end - part.start
        new = bytearray(b" " * size)
        if at and parts[at - 1] not in empty:
            new[0] = ord("\n")
        if parts[at + 1] not in empty if at + 1 < len(parts) else not one.closed:
            new[-1] = ord("\n")
        if part.kind == "nul":
            done = f"{size} NUL bytes blanked"
        elif size == 1:
            done = f"the newline at {one.offset + part.start} put back"
        else:
            done = "a torn piece of a line that stands whole elsewhere blanked"
        span = Span(one.offset + part.start, raw[part.start : part.end], bytes(new))
        yield Repair(one.file, one.line, one.line, done, (span,))
