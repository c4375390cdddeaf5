"""What ingest reads: a source of records, which every harness gives in its own way.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
from abc import ABC, abstractmethod

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from typing import Any

_MAX_NAME = 200  # characters
_MAX_PATH = 4096  # characters


class SourceError(Exception):
    """A source, or a part of one, that cannot be read; the message says which and why."""


class SourceBusyError(SourceError):
    """A source that another program keeps to itself for now."""


class Record:
    """One record of a source, as it goes into the log.

    Attributes:
        id: derived from the source, so that the same record always has the same id.
        kind: its type in the log.
        level: `info`, `warn` or `error`.
        payload: JSON.
    """

    __slots__ = ("id", "kind", "level", "payload")

    def __init__(self, id: str, kind: str, level: str, payload: bytes) -> None:
        self.id = id
        self.kind = kind
        self.level = level
        self.payload = payload


def absolute_path(path: Any, field: str) -> str:
    """`path`, which the `field` of an event names and which is untrusted, if it is absolute.

    Raises:
        SourceError: it is not, or no path can be like that.
    """
    usable = isinstance(path, str) and "\0" not in path and len(path) <= _MAX_PATH and os.path.isabs(path)
    if not usable or ".." in path.split(os.sep):
        raise SourceError(f"{field} is not an absolute path without ..")
    return str(path)


def is_plain(name: str) -> bool:
    """Whether `name` can stand in a record's id, which the log is searched for by its bytes: nothing is escaped."""
    return len(name) <= _MAX_NAME and name.isascii() and name.isprintable() and '"' not in name and "\\" not in name


def all_below(folder: str) -> list[str]:
    """The path of `folder`, there or not, and of all that is in it; links are not followed."""
    found, folders = [folder], [folder]
    for one in folders:
        try:
            with os.scandir(one) as entries:
                for entry in entries:
                    found.append(entry.path)
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        except OSError:  # most of the time there is none
            continue
    return found


def database_files(path: str) -> list[str]:
    """The files of the SQLite database at `path`: one of them changes with each of its commits."""
    return [path, path + "-wal"]


class Source(ABC):
    """What a harness keeps of one session, its subagents included: files that grow, documents, rows of a database.

    A source has parts, each with a name and a mark that says how far it was read: for a file of lines an offset, for
    a document a version.

    Attributes:
        harness: the `source` of its records.
        session: the id of the session.
        path: where it is. Empty for a source without a cursor, which is read completely each time.
        id_prefixes: how the ids of its records begin.
    """

    __slots__ = ("harness", "id_prefixes", "path", "session")

    def __init__(self, harness: str, session: str, path: str, id_prefixes: tuple[str, ...]) -> None:
        self.harness = harness
        self.session = session
        self.path = path
        self.id_prefixes = id_prefixes

    @abstractmethod
    def read(
        self, offsets: Mapping[str, int], versions: Mapping[str, str]
    ) -> Iterator[tuple[Record | None, str, int | str]]:
        """What is new since these marks: records, each with its part and the part's mark behind it.

        The record is None for content that the log leaves out.

        Raises:
            OSError: a part cannot be read.
            SourceError: likewise; all that can be read came before.
        """

    @abstractmethod
    def created(self) -> str:
        """When the session was created (RFC 3339, UTC): no record of it is older. Empty where nothing says it."""

    @abstractmethod
    def changed_at(self) -> float:
        """When the source last changed, in seconds since the epoch; now where that is not known.

        Raises:
            OSError: it is gone.
        """

    def watched(self) -> list[str] | None:
        """Paths of files and directories, there or not: while the status of each is the same, nothing has changed.

        None where that is not known.
        """
        return None

    def compare(self, _offsets: Mapping[str, int], _versions: Mapping[str, str]) -> Collection[str] | None:
        """The parts that do not continue what was read of them; None if nothing changed since these marks."""
        return ()

    def session_of(self, _part: str) -> str:
        """The session that a part belongs to: this one, or a subagent's."""
        return self.session

    def sessions(self) -> Collection[str]:
        """The sessions that the parts belong to."""
        return (self.session,)
