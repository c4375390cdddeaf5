"""Follows a log: its last events, then each new one, in whatever segment it is appended."""

from collections.abc import Iterator
from typing import NamedTuple

from clankers.log.base import LogReader, Position
from clankers.log.reader import Event, place_of


class LoggedEvent(NamedTuple):
    """An event and its position in the log."""

    event: Event
    position: Position

    @property
    def file(self) -> str:
        """The name of the day's file."""
        return place_of(self.position)[0]

    @property
    def offset(self) -> int:
        """Uncompressed bytes before the event's line in its file."""
        return place_of(self.position)[1]


class Follower:
    """Goes on reading `log` from wherever it was read last; at first from its end."""

    def __init__(self, log: LogReader) -> None:
        self._log = log
        self._read = dict(log.segments())  # how far each segment was read, by its first position
        self._version: object = None

    def last(self, distance: int) -> tuple[list[LoggedEvent], bool]:
        """The last events, and whether that is all of the log. `new` goes on behind them.

        Args:
            distance: how far back to read, as a difference of positions: about as many bytes.

        Raises:
            OSError: the log cannot be read.
        """
        segments = self._log.segments()
        starts: list[tuple[Position, Position]] = []
        for first, end in reversed(segments):
            if distance <= 0:
                break
            starts.append((first, Position(max(first, end - distance))))
            distance -= end - first
        self._read = dict(segments)
        # The first line may begin before its start: then it looks like a torn one.
        found = [event for first, start in reversed(starts) for event in self._from(first, start)]
        return found, len(starts) == len(segments) and all(first == start for first, start in starts)

    def new(self) -> Iterator[LoggedEvent]:
        """The events that were appended since.

        Raises:
            OSError: the log cannot be read.
        """
        version = self._log.version()
        if version == self._version:
            return
        self._version = version
        for first, end in self._log.segments():
            read = self._read.get(first, first)
            if end > read:
                yield from self._from(first, read)
            elif end < read:  # a power loss took the end: what follows is new
                self._read[first] = end

    def _from(self, first: Position, start: Position) -> Iterator[LoggedEvent]:
        """The events from `start` on in the segment that begins at `first`."""
        try:
            for line in self._log.read(start):
                if line.next is not None:
                    self._read[first] = line.next
                if line.event:
                    yield LoggedEvent(line.event, line.position)
        except FileNotFoundError:
            pass  # removed just now
