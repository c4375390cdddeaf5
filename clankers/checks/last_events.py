"""When the last event of each source was logged."""

import os
import threading
from contextlib import closing
from functools import cached_property

import apsw
import msgspec

from clankers.errors import ClankersError
from clankers.log.reader import LogFile, log_files
from clankers.log.segments import Segment
from clankers.queries.connect import open_for_reading
from clankers.queries.health import recorded_sources
from projector.adapters.wire import millis
from projector.replay.replay import LogChangedError, pending
from projector.store.sqlite_file import is_ours
from projector.store.sqlite_writer import SqliteStore

LOOK = 30  # days of the log that are looked at: archived ones take their time


class LastEvents:
    """The last events in the youngest days of a log.

    A source without any would cost a look at every byte of them: the database, where it has read them, knows better.

    Args:
        root: the data root.
        database: the database of its log.
    """

    def __init__(self, root: str, database: str) -> None:
        self._root = root
        self._database = database
        self._lock = threading.Lock()  # checks run in threads; one at a time reads the log

    @cached_property
    def _days(self) -> list[LogFile]:
        return log_files(self._root)

    @cached_property
    def _known(self) -> tuple[set[str], set[str]]:
        """The sources of what the database has read, and the files that it has not read to their end."""
        if os.path.exists(self._database):
            try:
                with closing(open_for_reading(self._database)) as db:
                    if is_ours(db):
                        unread = {one.file.name for one in pending(SqliteStore(db), self._root)}
                        return set(recorded_sources(db)), unread
            except (ClankersError, LogChangedError, apsw.Error):
                pass  # the checks of the database say what is wrong
        return set(), {file.name for file in self._days}

    @property
    def cut(self) -> bool:
        """Whether the log has older days, too."""
        return len(self._days) > LOOK

    def of(self, source: str) -> int | None:
        """When (epoch milliseconds) the last event of `source` was logged; None where there is none."""
        with self._lock:
            return self._of(source)

    def _of(self, source: str) -> int | None:
        sources, unread = self._known
        for file in reversed(self._days[-LOOK:]):
            if source not in sources and file.name not in unread:
                continue
            last = None
            with Segment(self._root, file.name) as day:
                for lines in day.blocks():
                    last = _last_in(lines, source) or last
            if last:
                return last
        return None


class _Head(msgspec.Struct):
    source: str
    ts: str


def _last_in(lines: bytes, source: str) -> int | None:
    key = b'"source":"%s"' % source.encode()
    at = lines.rfind(key)
    while at >= 0:
        start = lines.rfind(b"\n", 0, at) + 1
        try:
            head = msgspec.json.decode(lines[start : lines.find(b"\n", at)], type=_Head)
            if head.source == source:
                return millis(head.ts)
        except (msgspec.MsgspecError, ValueError):
            pass  # a torn or damaged line
        at = lines.rfind(key, 0, start)
    return None
