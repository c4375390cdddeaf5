"""How far the source of one session was read: kept in a small file, locked while it is worked on.

A cursor is a convenience. Without it, or after an import that was cut off, the log says which records it holds.
The marker directory `open/` beside the cursors lists the open sessions, whose sources may grow.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
import time

from clankers.ingest.source import SourceError
from clankers.log import strict_json
from clankers.paths import make_private, open_private
from clankers.system.locks import try_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

    from clankers.ingest.source import Source

_POLL = 0.002  # seconds
_MAX_BYTES = 1 << 20


class Marks:
    """How far a source was read.

    Attributes:
        offsets: bytes read of each file of lines, by the part's name.
        versions: what was recorded of each document, by the part's name.
        since: the day (`YYYY-MM-DD`) from which on records may lie ahead of `offsets` in the log; empty: not known.
        known: False for a session that is new or whose cursor was lost.
        busy: records that lie ahead of `offsets` may be in the log, from the day `since` on: the last import was cut
            off, or files that were recorded before are read again and the end was not reached yet.
        is_new: no import has come before this one.
        ahead: of an import that is not synced yet: records ahead of where it stopped may be in the log.
    """

    def __init__(self) -> None:
        self.offsets: dict[str, int] = {}
        self.versions: dict[str, str] = {}
        self.since = ""
        self.known = False
        self.busy = False
        self.is_new = True
        self.ahead = False

    def forget(self) -> None:
        """Start from the beginning, and compare what is read with the log."""
        self.offsets, self.versions, self.since, self.known, self.busy = {}, {}, "", False, False

    def move(self, part: str, mark: int | str) -> int:
        """Set the mark of a part; returns how many bytes it is behind the last one."""
        if isinstance(mark, str):
            self.versions[part] = mark
            return 0
        before = self.offsets.get(part, 0)
        self.offsets[part] = mark
        return mark - before

    def restart(self, part: str) -> None:
        """Read a file from its start: it does not continue what was read of it."""
        self.offsets[part] = 0
        self.versions.pop(part, None)

    def settle(self) -> None:
        """Keep the marks, once the log is synced: what a disk lost is to be read again.

        Raises:
            OSError: they cannot be written.
        """
        self.known, self.busy, self.ahead = True, self.ahead, False
        self.save()

    def save(self) -> None:
        """Keep the marks, if they changed."""


class Cursor(Marks):
    """The cursor of one session: `with Cursor(root, session) as cursor`.

    Args:
        root: the data root.
        session: its id.
        patience: seconds to wait for another process that reads the session.

    Attributes:
        locked: False if another process reads this session.
        harness: the `source` of its records; empty if an older version wrote the cursor.
        path: of the session's source; empty if it is not known yet.
        ended: the client said that the session ended.

    Raises:
        SourceError: the session's id cannot be a file's name.
    """

    def __init__(self, root: str, session: str, *, patience: float = 0) -> None:
        super().__init__()
        if not session or len(session) > 128 or not session.replace("-", "").replace("_", "").isalnum():
            raise SourceError(f"session_id {session[:80]!r} is not a name of letters, digits and hyphens")
        self.locked = False
        self.harness = ""
        self.path = ""
        self.ended = False
        self._patience = patience
        self._saved = b""
        self._file = os.path.join(root, "cursors", session + ".json")
        self._marker = os.path.join(_markers(root), session)

    def __enter__(self) -> Self:
        make_private(os.path.dirname(self._marker))
        self._fd = open_private(self._file, os.O_RDWR)
        try:
            self.locked = _lock(self._fd, self._patience)
            self._load()
        except BaseException:
            os.close(self._fd)
            raise
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._fd)  # drops the lock

    def _load(self) -> None:
        self._saved = os.read(self._fd, _MAX_BYTES)
        try:
            state = strict_json.parse(self._saved)
            offsets = {k: int(v) for k, v in state["offsets"].items()}
            if min(offsets.values(), default=0) < 0:
                return
            self.versions = dict(state["metas"])
            self.ended = state["ended"] is True
            self.since = str(state["since"])
            self.busy = state["busy"] is True
            self.path = str(state["path"])
            self.harness = str(state.get("harness", ""))
            self.offsets = offsets
            self.known, self.is_new = True, False
        except (strict_json.NotJSONError, LookupError, TypeError, ValueError, AttributeError):
            self.forget()

    def move_to(self, source: Source) -> None:
        """Set where the session is. At another path than before, nothing was read yet."""
        if self.path and self.path != source.path:
            self.forget()
        self.path, self.harness = source.path, source.harness

    def save(self) -> None:
        """Write the cursor, if it changed."""
        quote = strict_json.quote
        offsets = b",".join(quote(k) + b":%d" % v for k, v in self.offsets.items())
        metas = b",".join(quote(k) + b":" + quote(v) for k, v in self.versions.items())
        state = b'{"path":%s,"offsets":{%s},"metas":{%s},"ended":%s,"since":%s,"busy":%s,"harness":%s}' % (
            quote(self.path),
            offsets,
            metas,
            b"true" if self.ended else b"false",
            quote(self.since),
            b"true" if self.busy else b"false",
            quote(self.harness),
        )
        if state != self._saved:
            os.lseek(self._fd, 0, os.SEEK_SET)
            os.write(self._fd, state)
            os.ftruncate(self._fd, len(state))
            self._saved = state

    def changed_at(self) -> float:
        """When the cursor was last written, in seconds since the epoch."""
        return os.fstat(self._fd).st_mtime

    def open(self) -> None:
        """List the session as open: more may be written to its source."""
        if not os.path.exists(self._marker):
            os.close(open_private(self._marker, os.O_WRONLY))

    def close(self) -> None:
        """Remove the session from the open ones."""
        try:
            os.unlink(self._marker)
        except FileNotFoundError:
            pass


def last_read(root: str, session: str) -> float:
    """When the source of `session` was last read, in seconds since the epoch; 0 if it never was."""
    try:
        return os.stat(os.path.join(root, "cursors", session + ".json")).st_mtime
    except (OSError, ValueError):
        return 0.0


def last_place(root: str, session: str) -> tuple[str, dict[str, int | None]]:
    """Where the source of `session` was when it was last read, and how many bytes of each part were read.

    Both are empty if unknown; the bytes are None if the last import was cut off.
    """
    try:
        with open(os.path.join(root, "cursors", session + ".json"), "rb") as file:
            state = strict_json.parse(strict_json.trim(file.read(_MAX_BYTES)))
        busy = state["busy"] is True
        return str(state["path"]), {part: None if busy else int(end) for part, end in state["offsets"].items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return "", {}


def open_sessions(root: str) -> list[str]:
    """The open sessions: more may be written to their sources."""
    try:
        return os.listdir(_markers(root))
    except FileNotFoundError:
        return []


def _markers(root: str) -> str:
    return os.path.join(root, "cursors", "open")


def _lock(fd: int, patience: float) -> bool:
    """Lock `fd` for this process, waiting up to `patience` seconds; False if another process keeps it."""
    deadline = time.monotonic() + patience
    while not try_lock(fd):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True
