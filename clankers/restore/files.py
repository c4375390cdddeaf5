"""The files of a session as they are restored, and what of them the log does not have."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from clankers.errors import ClankersError
from clankers.restore.records import LoggedSession

_MAX_NAME = 255  # bytes of a file's name


class RestoreError(ClankersError):
    """A session that cannot be restored; the message says why, and what to do."""


@dataclass
class RestoredFiles:
    """What is to be written of one session.

    Attributes:
        root: the client's directory, which holds all of the files.
        files: the contents by path below `root`.
        lacking: what the files lack, in words, and how many times; empty where they are as the client wrote them.
        list_lines: lines for files that list the client's sessions, by path below `root`: each with the byte offset at
            which it was, 0 if that is not known. They are added behind what is there.
        private: whether the client keeps its files from other users.
        known: the paths of those files that a client that imports them does not need: it has their sessions.
        aside: where the session was recorded if that is not below `root`: another machine's, or another user's.
    """

    root: str
    files: dict[tuple[str, ...], bytes] = field(default_factory=dict)
    lacking: Counter[str] = field(default_factory=Counter)
    list_lines: dict[tuple[str, ...], tuple[int, bytes]] = field(default_factory=dict)
    private: bool = False
    known: set[tuple[str, ...]] = field(default_factory=set)
    aside: str | None = None

    def add(self, path: tuple[str, ...], content: bytes) -> None:
        """Add a file.

        Raises:
            RestoreError: a name in `path` cannot be a file's.
        """
        for name in path:
            if name in ("", ".", "..") or "/" in name or "\0" in name or len(name.encode()) > _MAX_NAME:
                raise RestoreError(f"the log names a file {name[:80]!r}, which is no file's name; it is not restored")
        self.files[path] = content


Restorer = Callable[[LoggedSession], RestoredFiles]
