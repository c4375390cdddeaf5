"""Erases sessions from the log: finds their lines and overwrites them with spaces.

Nothing moves: newlines stay, so concurrent writers lose nothing and positions stay valid. Readers skip blank lines. A
plain file is edited in place (`clankers.maintenance.in_place_edit`); an archived one is replaced by a new archive.
"""

import os
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

import apsw

from clankers.errors import BusyError
from clankers.log.reader import LogFile, log_files, read
from clankers.log.segments import COMPRESSED, Damage, Segment, list_segments
from clankers.maintenance import in_place_edit
from clankers.maintenance.archive import archive, remove_unfinished
from clankers.maintenance.gzip_rewrite import rewrite
from clankers.maintenance.in_place_edit import PatchError, Replacement
from projector.store.sqlite_file import BUSY_MS
from projector.trace.ownership import SessionMatcher

_GROUP = 16 << 20  # bytes that one patch overwrites
_PATIENCE = 30.0  # seconds to wait for readers of an old state of the database
_POLL = 0.05  # seconds
_TRIES = 4  # if an archiver replaces the file meanwhile


class OwnedLine(NamedTuple):
    """A line of a session, and what will replace it.

    Attributes:
        offset: bytes from the file's start, uncompressed.
        raw: the line without its newline.
        blank: the replacement, of the same length.
        session: that owns it.
        readable: whether an adapter can read it.
    """

    offset: int
    raw: bytes
    blank: bytes
    session: str
    readable: bool


@dataclass
class OwnedLines:
    """The lines of some sessions in the log.

    Attributes:
        lines: their number, by session.
        size: their bytes, by session, newlines included.
        unreadable: how many of them no adapter can read, but hold the session's id.
        days: by file name, the offset after the last of these lines.
    """

    lines: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    size: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    unreadable: int = 0
    days: dict[str, int] = field(default_factory=dict)


def find_owned(root: str, sessions: SessionMatcher, *, progress: Callable[[int], object]) -> OwnedLines:
    """The lines of `sessions` in the log in `root`; `progress` is called with the number of bytes read.

    Raises:
        OSError: a file cannot be read.
    """
    found = OwnedLines()
    for file in log_files(root):
        for one in _owned(root, file, sessions, progress):
            found.lines[one.session] += 1
            found.size[one.session] += len(one.raw) + 1
            found.unreadable += not one.readable
            found.days[file.name] = one.offset + len(one.raw)
    return found


def blank_owned(
    root: str, sessions: SessionMatcher, days: dict[str, int], *, progress: Callable[[int], object]
) -> None:
    """Overwrite the lines of `sessions` with spaces, in each file of `days` up to its offset. Safe to repeat.

    Raises:
        PatchError, ArchiveError: a file cannot be changed; the message says why.
        BusyError: another process changes files of the log.
        OSError: a file cannot be read or written.
    """
    in_place_edit.finish(root)
    with in_place_edit.lock(root, "forget"):
        remove_unfinished(root)  # unfinished files of a killed archiver hold lines too
    for file in log_files(root):
        if file.name in days:
            _blank_day(root, file, sessions, days[file.name], progress)


def empty_wal(path: str, command: str) -> None:
    """Move the WAL of the database at `path` into it and truncate it: its old frames hold erased rows.

    Raises:
        BusyError: a reader keeps an old state; the message says to run `command` again.
    """
    deadline = time.monotonic() + _PATIENCE
    db = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        db.set_busy_timeout(BUSY_MS)
        db.pragma("schema_version")  # SQLite notices the WAL only once something was read
        while True:
            try:
                db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            except (apsw.BusyError, apsw.LockedError):
                if time.monotonic() > deadline:
                    raise BusyError(
                        f"the log is done, but another program reads {path}, whose WAL still holds the old rows; "
                        f"close it, then run `clankers {command}` again"
                    ) from None
                time.sleep(_POLL)
            else:
                return
    finally:
        db.close()


def _blank_day(root: str, file: LogFile, sessions: SessionMatcher, end: int, progress: Callable[[int], object]) -> None:
    for left in reversed(range(_TRIES)):
        if list_segments(root).get(file.name, [""]) != [""]:
            _blank_compressed(root, file, sessions, end, progress)
            return
        try:
            _blank_plain(root, file, sessions, end, progress)
        except (FileNotFoundError, PatchError):  # archived meanwhile
            if not left:
                raise
        else:
            return


def _blank_plain(
    root: str, file: LogFile, sessions: SessionMatcher, end: int, progress: Callable[[int], object]
) -> None:
    replacements: list[Replacement] = []
    size = 0
    for one in _owned(root, file, sessions, progress, end):
        replacements.append(Replacement(one.offset, one.raw, one.blank))
        size += len(one.raw)
        if size >= _GROUP:
            in_place_edit.patch(root, file.name, replacements)
            replacements, size = [], 0
    if replacements:
        in_place_edit.patch(root, file.name, replacements)


def _blank_compressed(
    root: str, file: LogFile, sessions: SessionMatcher, end: int, progress: Callable[[int], object]
) -> None:
    with in_place_edit.lock(root, "forget"):
        # Of several files, some are copies: the archiver makes one of them.
        if list_segments(root)[file.name] != [COMPRESSED]:
            archive(root, file.name, progress=lambda _: None)
        replacements = [
            Replacement(one.offset, one.raw, one.blank) for one in _owned(root, file, sessions, progress, end)
        ]
        if replacements:
            rewrite(os.path.join(root, file.name), replacements)


def _owned(
    root: str, file: LogFile, sessions: SessionMatcher, progress: Callable[[int], object], end: int | None = None
) -> Iterator[OwnedLine]:
    """The lines of `sessions` in a file, up to the offset `end`."""
    behind = 0  # of the last line and its newline
    joined = False  # to what is before it, without a newline between them
    for line in read(root, file):
        if end is not None and line.offset >= end:
            return
        session, readable = sessions.owner(line)
        if session is not None and line.raw.strip():
            # A record that shares its line with something else leaves a newline, so that this is still read.
            first = b"\n" if joined else b" "
            last = b"\n" if not line.size else b" "
            spaces = b" " * (len(line.raw) - 2)
            yield OwnedLine(line.offset, line.raw, (first + spaces + last)[: len(line.raw)], session, readable)
        joined = not line.size
        behind = line.offset + line.size if line.size else behind
        progress(line.size)
    at, tail = _tail(root, file, behind)
    session = sessions.named_in(tail)
    if session is not None and (end is None or at < end):
        yield OwnedLine(at, tail, b" " * (len(tail) - 1) + b"\n", session, readable=False)


def _tail(root: str, file: LogFile, behind: int) -> tuple[int, bytes]:
    """The last line, if it has no newline, and its offset. Nothing of the youngest file: it may be in flight."""
    if file == log_files(root)[-1]:
        return behind, b""
    with Segment(root, file.name) as day:
        if day.size <= behind:
            return behind, b""
        rest = b"".join(chunk for chunk in day.chunks(behind) if not isinstance(chunk, Damage))
    tail = rest.rpartition(b"\n")[2]
    return behind + len(rest) - len(tail), tail
