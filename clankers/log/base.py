"""What every engine of the log offers. Files in a directory (`reader` and `writer`) are the first.

A log consists of segments that grow only at their end: files, one a UTC day; in a stream they would be its partitions.
Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import NewType, Protocol

    from clankers.log.reader import Line

    # A place in the log as an integer of at most 63 bits, so that SQL stores, compares and negates it. Positions grow
    # along the log; beyond their order they mean nothing outside `clankers.log`.
    Position = NewType("Position", int)
else:
    Protocol = object
    Position = int


class LogReader(Protocol):
    """Reads a log.

    Raises:
        OSError: from every method, when the log cannot be read.
    """

    def segments(self) -> list[tuple[Position, Position]]:
        """The segments, oldest first: the first position of each, and the one behind its end."""

    def read(self, start: Position) -> Iterator[Line]:
        """The lines from `start` to the end of its segment, but a last one that is not complete yet.

        Damage is reported as a `Line` without an event. Reading can go on later at the `next` of any line.
        """

    def version(self) -> object:
        """A value that stays equal while nothing is appended; cheap enough to be asked often."""


class LogWriter(Protocol):
    """Appends to a log. Several writers may append at once; none takes a lock.

    Raises:
        OSError: from every method, when the log cannot be written.
    """

    def write(self, day: str, lines: list[bytes]) -> None:
        r"""Append `lines`, each complete with its `\n`, of the UTC day `day` (`YYYY-MM-DD`). No line is ever split."""

    def sync(self) -> None:
        """Return once everything written is durable. A failure is final: this writer never says otherwise later."""

    def close(self) -> None:
        """Sync, and release what is held."""
