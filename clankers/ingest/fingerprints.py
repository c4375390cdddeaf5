"""What sources looked like when all of each was read: while a source looks the same, nothing of it is opened.

One file has the fingerprints of all sessions. Like the cursors beside it, it is a convenience: a source without one is
looked at. A fingerprint is taken before its source is read, and kept once the log is synced.
"""

import json  # which takes no longer than msgspec here, and a command that reads needs msgspec for nothing else
import os
import time
from collections.abc import Collection
from typing import Any, NamedTuple, TypeAlias

from clankers.ingest.source import Source
from clankers.paths import make_private
from clankers.system.atomic_write import atomic_write

# A change within this time after another may leave a file's times as they are: a clock's tick, or what FAT rounds to.
_SETTLED_NS = 2 * 10**9

_Status: TypeAlias = list[int]  # bytes, time of the last change in ns, inode


class Fingerprint(NamedTuple):
    """What a source looked like.

    Attributes:
        harness: as `Source.harness`.
        path: as `Source.path`.
        there: the status of what is at the paths in `Source.watched`.
        missing: those of the paths at which there is nothing.
        left_out: when the session was created, if that was too long ago to import it; empty if all of it was read.
    """

    harness: str
    path: str
    there: dict[str, _Status]
    missing: list[str]
    left_out: str = ""


class Fingerprints:
    """The fingerprints of the sessions that are recorded in `root`."""

    def __init__(self, root: str) -> None:
        self._file = os.path.join(root, "cursors", "fingerprints")
        self._loaded: dict[str, Fingerprint] | None = None
        self._changed = 0

    @property
    def _known(self) -> dict[str, Fingerprint]:
        if self._loaded is None:
            try:
                with open(self._file, "rb") as f:
                    self._loaded = {session: _checked(fields) for session, fields in json.load(f).items()}
            except (OSError, ValueError, TypeError, AttributeError, RecursionError):  # none yet, or damaged
                self._loaded = {}
        return self._loaded

    @staticmethod
    def of(source: Source, left_out: str = "") -> Fingerprint | None:
        """What `source` looks like now; None where that may not show the next change.

        Args:
            source: a session's.
            left_out: as `Fingerprint.left_out`.
        """
        if not source.path or (paths := source.watched()) is None:
            return None
        there, missing = {}, []
        for path in paths:
            try:
                there[path] = _status(path)
            except (FileNotFoundError, NotADirectoryError):
                missing.append(path)
            except OSError:
                return None
        settled = time.time_ns() - _SETTLED_NS
        if any(changed > settled for _, changed, _ in there.values()):
            return None
        return Fingerprint(source.harness, source.path, there, missing, left_out)

    def unchanged(self, source: Source) -> Fingerprint | None:
        """The kept fingerprint of `source`, if it looks the same now."""
        known = self._known.get(source.session)
        if known is None or known.path != source.path:
            return None
        return known if self.of(source, known.left_out) == known else None

    def is_unchanged(self, session: str, since: float) -> bool:
        """Whether all of a session's source was read, and it has not changed; without asking the source.

        Args:
            session: its id.
            since: seconds since the epoch; False for a source whose last change was before.
        """
        known = self._known.get(session)
        if known is None or known.left_out:
            return False
        earliest = int(since * 10**9)
        is_recent = False
        try:
            for path, status in known.there.items():
                if _status(path) != status:
                    return False
                is_recent |= status[1] > earliest
        except OSError:
            return False
        return is_recent and not any(map(_exists, known.missing))

    def keep(self, session: str, fingerprint: Fingerprint) -> None:
        """Keep the fingerprint of a session's source."""
        self._known[session] = fingerprint
        self._changed += 1

    def drop_others(self, sessions: Collection[tuple[str, str]]) -> None:
        """Drop the fingerprints of sessions that are gone.

        Args:
            sessions: harness and id of all that are there, of each harness that is named at all.
        """
        harnesses = {harness for harness, _ in sessions}
        gone = [
            session
            for session, known in self._known.items()
            if known.harness in harnesses and (known.harness, session) not in sessions
        ]
        for session in gone:
            del self._known[session]
        self._changed += len(gone)

    def save(self, *, least: int = 1) -> None:
        """Write the fingerprints, if at least so many of them are new.

        Raises:
            OSError: they cannot be written.
        """
        if self._changed >= least:
            make_private(os.path.dirname(self._file))
            with atomic_write(self._file, durable=False) as f:
                f.write(json.dumps(self._known, separators=(",", ":")).encode())
            self._changed = 0


def _checked(fields: Any) -> Fingerprint:
    """The fingerprint with these fields.

    Raises:
        ValueError: they are not as they were written.
        TypeError: likewise.
    """
    found = Fingerprint(*fields)
    if not isinstance(found.there, dict) or not isinstance(found.missing, list):
        raise TypeError
    return found


def _status(path: str) -> _Status:
    status = os.lstat(path)
    return [status.st_size, status.st_mtime_ns, status.st_ino]


def _exists(path: str) -> bool:
    """As `os.path.exists`, but without an exception for each that does not: most of the time there is none."""
    return os.access(path, os.F_OK)
