"""Taking sessions out of the log: which lines are theirs, and their bytes made blanks.

Nothing moves: a line's bytes become spaces and its newline stays, so that who appends at the moment loses nothing and
every position stays what it was; readers skip blank lines. In a plain day that is `clankers.maintenance.in_place_edit`,
of an archived one a new archive takes the place of the old.
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

_GROUP = 16 << 20  # bytes that one patch makes blank
_PATIENCE = 30.0  # seconds to wait for readers who keep an old state of the database
_POLL = 0.05  # seconds
_TRIES = 4  # looks at a day that an archiver takes away just then


class OwnedLine(NamedTuple):
    """A line of a session: where it stands in its day, and what will stand there.

    Attributes:
        offset: bytes from the day's start, uncompressed.
        raw: the line without its newline.
        blank: what takes its place, as long.
        session: whose it is.
        readable: whether an adapter can read it.
    """

    offset: int
    raw: bytes
    blank: bytes
    session: str
    readable: bool


@dataclass
class OwnedLines:
    """What the log holds of some sessions.

    Attributes:
        lines: their count, by session.
        size: their bytes, by session, newlines included.
        unreadable: the lines among them that no adapter can read, and in which the session's id stands.
        days: by name, the offset behind the last of these lines.
    """

    lines: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    size: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    unreadable: int = 0
    days: dict[str, int] = field(default_factory=dict)


def find_owned(root: str, sessions: SessionMatcher, *, progress: Callable[[int], object]) -> OwnedLines:
    """What the log in `root` holds of `sessions`; `progress` is told of the bytes read, now and then.

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
    """Make the lines of `sessions` blank, in each of `days` those up to its offset. Twice is once.

    Raises:
        PatchError, ArchiveError: a day cannot be changed; the message says why.
        BusyError: another process changes files of the log.
        OSError: a file cannot be read or written.
    """
    in_place_edit.finish(root)
    with in_place_edit.lock(root, "forget"):
        remove_unfinished(root)  # what a killed archiver had not finished holds lines as well
    for file in log_files(root):
        if file.name in days:
            _blank_day(root, file, sessions, days[file.name], progress)


def empty_wal(path: str, command: str) -> None:
    """Move what is in the WAL of the database at `path` into it, and cut it: its old frames hold what the rows were.

    Raises:
        BusyError: a reader keeps an old state; `command` is to be run again.
    """
    deadline = time.monotonic() + _PATIENCE
    db = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        db.set_busy_timeout(BUSY_MS)
        db.pragma("schema_version")  # until something was read, SQLite does not know of the WAL, and cuts nothing
        while True:
            try:
                db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            except (apsw.BusyError, apsw.LockedError):
                if time.monotonic() > deadline:
                    raise BusyError(
                        f"the log is done, but another program reads {path}, whose WAL still holds what was there; "
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
        except (FileNotFoundError, PatchError):  # archived while it was read
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
        if list_segments(root)[file.name] != [
            COMPRESSED
        ]:  # several files, of which some may be copies: the archiver makes one
            archive(root, file.name, progress=lambda _: None)
        replacements = [
            Replacement(one.offset, one.raw, one.blank) for one in _owned(root, file, sessions, progress, end)
        ]
        if replacements:
            rewrite(os.path.join(root, file.name), replacements)


def _owned(
    root: str, file: LogFile, sessions: SessionMatcher, progress: Callable[[int], object], end: int | None = None
) -> Iterator[OwnedLine]:
    """The lines of `sessions` in a day, up to the offset `end`."""
    behind = 0  # of the last line and its newline
    joined = False  # to the piece before it, without a newline between them
    for line in read(root, file):
        if end is not None and line.offset >= end:
            return
        session, readable = sessions.owner(line)
        if session is not None and line.raw.strip():
            # What shares a line with something else gets a newline of its own: that something is then read as before.
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
    """The last line, where it lacks its newline, and its offset; of the youngest day nothing: it may be in flight."""
    if file == log_files(root)[-1]:
        return behind, b""
    with Segment(root, file.name) as day:
        if day.size <= behind:
            return behind, b""
        rest = b"".join(chunk for chunk in day.chunks(behind) if not isinstance(chunk, Damage))
    tail = rest.rpartition(b"\n")[2]
    return behind + len(rest) - len(tail), tail
