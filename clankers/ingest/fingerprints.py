"""What sources looked like when all of each was read: while a source looks the same, nothing of it is opened.

One file has the fingerprints of all sessions. Like the cursors beside it, it is a convenience: a source without one is
looked at. A fingerprint is taken before its source is read, and kept once the log is synced.
"""

import os
import time
from collections.abc import Collection
from typing import NamedTuple

from clankers.ingest.source import Source
from clankers.paths import make_private
from clankers.system.atomic_write import atomic_write

# A change within this time after another may leave a file's times as they are: a clock's tick, or what FAT rounds to.
_SETTLED_NS = 2 * 10**9

# The file has a line for each session, of fields that end with NUL, which no path has: JSON would take three times as
# long to read as the files take to look at.
_END = "\0"
_LINE_END = "\0\n"
_MISSING = "-"


class Fingerprint(NamedTuple):
    """What a source looked like.

    Attributes:
        harness: as `Source.harness`.
        path: as `Source.path`.
        left_out: when the session was created, if that was too long ago to import it; empty if all of it was read.
        statuses: by path in `Source.watched`: size, time of the last change and inode of what is there. Where nothing
            is, `-`, and time and inode of the directory that it would be in: while they are the same, nothing is there.
    """

    harness: str
    path: str
    left_out: str
    statuses: dict[str, str]


class Fingerprints:
    """The fingerprints of the sessions that are recorded in `root`."""

    def __init__(self, root: str) -> None:
        self._file = os.path.join(root, "cursors", "fingerprints")
        self._loaded: dict[str, str] | None = None
        self._directories: dict[str, str] = {}  # their status when this was first asked for it
        self._changed = 0

    @property
    def _lines(self) -> dict[str, str]:
        """What is kept, by session."""
        if self._loaded is None:
            try:
                with open(self._file, "rb") as f:
                    *lines, _ = os.fsdecode(f.read()).split(_LINE_END)
                self._loaded = dict(line.split(_END, 1) for line in lines)
            except (OSError, ValueError):  # none yet, or damaged
                self._loaded = {}
        return self._loaded

    def _known(self, session: str) -> Fingerprint | None:
        line = self._lines.get(session)
        return _decoded(line) if line else None

    def of(self, source: Source, left_out: str = "") -> Fingerprint | None:
        """What `source` looks like now; None where that may not show the next change.

        Args:
            source: a session's.
            left_out: as `Fingerprint.left_out`.
        """
        if not source.path or (paths := source.watched()) is None:
            return None
        statuses = {}
        settled = time.time_ns() - _SETTLED_NS
        for path in paths:
            try:
                status = os.lstat(path)
            except (FileNotFoundError, NotADirectoryError):
                statuses[path] = _MISSING + self._directory_of(path)
                continue
            except OSError:
                return None
            if status.st_mtime_ns > settled:
                return None
            statuses[path] = _encoded(status)
        return Fingerprint(source.harness, source.path, left_out, statuses)

    def unchanged(self, source: Source) -> Fingerprint | None:
        """The kept fingerprint of `source`, if it looks the same now."""
        known = self._known(source.session)
        if known is None or known.path != source.path or source.watched() != [*known.statuses]:
            return None
        return known if self._changed_at(known) is not None else None

    def is_unchanged(self, session: str, since: float) -> bool:
        """Whether all of a session's source was read, and it has not changed; without asking the source.

        Args:
            session: its id.
            since: seconds since the epoch; False for a source whose last change was before.
        """
        known = self._known(session)
        if known is None or known.left_out:
            return False
        changed = self._changed_at(known)
        return changed is not None and changed > since

    def _changed_at(self, known: Fingerprint) -> float | None:
        """When a source last changed, in seconds since the epoch, if it still looks like this."""
        last = 0.0
        try:
            for path, before in known.statuses.items():
                if not before.startswith(_MISSING):
                    status = os.lstat(path)
                    if _encoded(status) != before:
                        return None
                    last = max(last, status.st_mtime)
                # As `os.path.exists`, but without an exception for each that does not: most of the time there is none.
                elif before != _MISSING + self._directory_of(path) and os.access(path, os.F_OK):
                    return None
        except OSError:
            return None
        return last

    def _directory_of(self, path: str) -> str:
        """The status of the directory that `path` is in; where that may not show the next change, the time."""
        directory = path.rpartition(os.sep)[0]  # `os.path.dirname` takes as long as all that is done with it
        if directory not in self._directories:
            now = time.time_ns()
            try:
                status = os.stat(directory)
                settled = status.st_ctime_ns < now - _SETTLED_NS
            except OSError:
                settled = False
            self._directories[directory] = f"{status.st_ctime_ns} {status.st_ino}" if settled else str(now)
        return self._directories[directory]

    def keep(self, session: str, fingerprint: Fingerprint) -> None:
        """Keep the fingerprint of a session's source."""
        if _END not in session:
            self._lines[session] = _line(fingerprint)
            self._changed += 1

    def drop_others(self, sessions: Collection[tuple[str, str]]) -> None:
        """Drop the fingerprints of sessions that are gone.

        Args:
            sessions: harness and id of all that are there, of each harness that is named at all.
        """
        harnesses = {harness for harness, _ in sessions}
        there = {session for _, session in sessions}
        gone = [
            session
            for session, line in self._lines.items()
            if session not in there and ((known := _decoded(line)) is None or known.harness in harnesses)
        ]
        for session in gone:
            del self._lines[session]
        self._changed += len(gone)

    def save(self, *, least: int = 1) -> None:
        """Write the fingerprints, if at least so many of them are new.

        Raises:
            OSError: they cannot be written.
        """
        if self._changed >= least:
            make_private(os.path.dirname(self._file))
            with atomic_write(self._file, durable=False) as f:
                f.write(
                    os.fsencode("".join(f"{session}{_END}{line}{_LINE_END}" for session, line in self._lines.items()))
                )
            self._changed = 0


def _line(fingerprint: Fingerprint) -> str:
    harness, path, left_out, statuses = fingerprint
    return _END.join((harness, path, left_out, *(field for one in statuses.items() for field in one)))


def _decoded(line: str) -> Fingerprint | None:
    """The fingerprint in a line; None if it is not as it was written."""
    try:
        harness, path, left_out, *fields = line.split(_END)
        return Fingerprint(harness, path, left_out, dict(zip(fields[::2], fields[1::2], strict=True)))
    except ValueError:
        return None


def _encoded(status: os.stat_result) -> str:
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ino}"
