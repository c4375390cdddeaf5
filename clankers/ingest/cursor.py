"""How far the files of one recorded session were read: remembered in a small file, locked while it is worked on.

A cursor is a convenience. Without it, or after an append that was cut off, the log itself tells which records it holds.
The marker directory `open/` beside the cursors lists the sessions that may still have lines to come.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
import time

from clankers.log import strict_json
from clankers.paths import make_private
from clankers.system.locks import try_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Self

_POLL = 0.002  # seconds
_MAX_BYTES = 1 << 20
_FLAGS = os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


class Cursor:
    """The cursor of one session: `with Cursor(root, session) as cursor`.

    Args:
        root: the data root.
        session: a name that can be a file's.
        patience: seconds to wait while another process is at work on the session.

    Attributes:
        locked: False when another process is at work on this session: it reads what we would have read.
        path: the session's transcript; empty where nobody said it yet.
        offsets: bytes read of each of the session's files, by name.
        metas: what was recorded of each subagent's description, by agent id.
        ended: the client said that the session ended.
        since: the day (`YYYY-MM-DD`) from which on records may lie ahead of `offsets` in the log; empty: not known.
        known: False for a session that is new or whose cursor was lost.
        busy: records that lie ahead of `offsets` may be in the log, from the day `since` on: the last append was cut
            off, or files that were recorded before are read anew and the end was not reached yet.
    """

    def __init__(self, root: str, session: str, *, patience: float = 0) -> None:
        self.locked = False
        self.path = ""
        self.offsets: dict[str, int] = {}
        self.metas: dict[str, str] = {}
        self.ended = False
        self.since = ""
        self.known = False
        self.busy = False
        self._patience = patience
        self._saved = b""
        self._file = os.path.join(root, "cursors", session + ".json")
        self._marker = os.path.join(_markers(root), session)

    def __enter__(self) -> Self:
        make_private(os.path.dirname(self._marker))
        self._fd = os.open(self._file, _FLAGS, 0o600)
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
            self.metas = dict(state["metas"])
            self.ended = state["ended"] is True
            self.since = str(state["since"])
            self.busy = state["busy"] is True
            self.path = str(state["path"])
            self.offsets = offsets
            self.known = True
        except (strict_json.NotJSONError, LookupError, TypeError, ValueError, AttributeError):
            self.forget()

    def forget(self) -> None:
        """As if the session were new: everything is to be read, and compared with the log."""
        self.offsets, self.metas, self.since, self.known, self.busy = {}, {}, "", False, False

    def move_to(self, path: str) -> None:
        """The session's transcript is at `path`: where that is another file than before, nothing of it was read."""
        if self.path and self.path != path:
            self.forget()
        self.path = path

    def save(self) -> None:
        """Write the cursor, if it changed."""
        quote = strict_json.quote
        offsets = b",".join(quote(k) + b":%d" % v for k, v in self.offsets.items())
        metas = b",".join(quote(k) + b":" + quote(v) for k, v in self.metas.items())
        state = b'{"path":%s,"offsets":{%s},"metas":{%s},"ended":%s,"since":%s,"busy":%s}' % (
            quote(self.path),
            offsets,
            metas,
            b"true" if self.ended else b"false",
            quote(self.since),
            b"true" if self.busy else b"false",
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
        """Put the session on the list of those that may have lines to come."""
        if not os.path.exists(self._marker):
            os.close(os.open(self._marker, os.O_WRONLY | os.O_CREAT, 0o600))

    def close(self) -> None:
        """Take the session off that list."""
        try:
            os.unlink(self._marker)
        except FileNotFoundError:
            pass


def open_sessions(root: str) -> list[str]:
    """The sessions that may have lines to come."""
    try:
        return os.listdir(_markers(root))
    except FileNotFoundError:
        return []


def _markers(root: str) -> str:
    return os.path.join(root, "cursors", "open")


def _lock(fd: int, patience: float) -> bool:
    """Lock `fd` for this process, waiting up to `patience` seconds; False when somebody else keeps it."""
    deadline = time.monotonic() + patience
    while not try_lock(fd):
        if time.monotonic() > deadline:
            return False
        time.sleep(_POLL)
    return True
