"""The log as it grows: its last lines, then each new one, across days and whatever becomes of their files."""

from collections.abc import Iterator
from typing import NamedTuple

from clankers.log.reader import Event, LogFile, log_files, read
from clankers.log.segments import disk_sizes, segment_sizes


class Place(NamedTuple):
    """An event, and where its line stands: the day's file and the bytes before it, uncompressed."""

    event: Event
    file: str
    offset: int


class Follower:
    """Reads the log in `root` on from wherever it was read last; from its end at first.

    Args:
        root: the data root, which need not be there yet.
    """

    def __init__(self, root: str) -> None:
        self._root = root
        self._read = dict(segment_sizes(root))  # bytes, by day
        self._seen: list[tuple[str, int]] = []

    def last(self, count: int) -> tuple[list[Place], bool]:
        """The events in the last `count` bytes or so, and whether that is the whole log. `new` goes on behind them.

        Raises:
            OSError: a file cannot be read.
        """
        days = log_files(self._root)
        now = segment_sizes(self._root)
        stretches: list[tuple[LogFile, int]] = []
        for file in reversed(days):
            if count <= 0:
                break
            stretches.append((file, max(0, now[file.name] - count)))
            count -= now[file.name]
        self._read = now
        found = [
            place
            for file, start in reversed(stretches)
            # A line that begins before the stretch looks like a torn one.
            for place in self._from(file, start)
        ]
        whole = len(stretches) == len(days) and all(start == 0 for _, start in stretches)
        return found, whole

    def new(self) -> Iterator[Place]:
        """The events that were appended since.

        Raises:
            OSError: a file cannot be read.
        """
        files = disk_sizes(self._root)
        if files == self._seen:
            return
        self._seen = files
        now = segment_sizes(self._root)
        for file in log_files(self._root):
            size, behind = now.get(file.name, 0), self._read.get(file.name, 0)
            if size > behind:
                yield from self._from(file, behind)
            elif size < behind:  # it lost its end: what comes is new
                self._read[file.name] = size

    def _from(self, file: LogFile, start: int) -> Iterator[Place]:
        """The events of a day from `start` on. A last line without its newline is left for later."""
        try:
            for line in read(self._root, file, start):
                if line.size:
                    self._read[file.name] = line.offset + line.size
                if line.event:
                    yield Place(line.event, file.name, line.offset)
        except FileNotFoundError:
            pass  # taken away this moment
