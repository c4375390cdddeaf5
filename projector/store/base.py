"""What replay needs of a database engine. `sqlite_writer.SqliteStore` is the first one."""

from typing import NamedTuple, Protocol

from projector.model.batch import Batch


class StalePositionError(Exception):
    """Another projector has written meanwhile. Nothing was written; read on from the position in the database."""


class ReadPosition(NamedTuple):
    """How far a file of the log was read.

    Attributes:
        offset: bytes.
        lines: their number.
        tail: the CRC of the last bytes; None if it was not noted.
    """

    offset: int
    lines: int
    tail: int | None


class ReadRange(NamedTuple):
    """The range of a log file that a batch holds.

    Attributes:
        file: the name.
        start: bytes before the range.
        end: where the file has been read to after the range.
    """

    file: str
    start: int
    end: ReadPosition


class Store(Protocol):
    """A database that one projector writes."""

    def positions(self) -> dict[str, ReadPosition]:
        """How far each log file was read, by name; files that were not read are missing."""

    def write(self, batch: Batch, read: ReadRange) -> None:
        """Write the rows of `batch`, everything derived from them, and the new position, in one transaction.

        Merges with the rows in the database: order, repetition and the cuts between batches make no difference.

        Args:
            batch: not to be used afterwards.
            read: the range of the log it holds.

        Raises:
            StalePositionError: `read.start` is not where the database stands.
        """

    def meta(self, key: str) -> str | None:
        """The value of `key` in the database's notes on itself; None if it is not set."""

    def set_meta(self, key: str, value: str) -> None:
        """Set `key` in the database's notes on itself."""
