"""Writes bodies to the log; those that wait together share one sync."""

import contextlib
import os
import time
from collections import OrderedDict
from collections.abc import Callable
from errno import EIO

import anyio
import anyio.to_thread

from clankers.log import envelope
from clankers.log.writer import Log
from clankers.serve.request_body import Received
from projector.adapters.session_sync.wire import SOURCE, TYPE


class _Waiting:
    """A body that waits to be written.

    Attributes:
        tried: whether somebody took it along.
        stored: whether it is on the disk.
        error: why it is not, where that is known.
    """

    def __init__(self, body: Received) -> None:
        self.body = body
        self.tried = False
        self.stored = False
        self.error: OSError | None = None


class Storage:
    """The log of a server, in the data root `root`.

    Args:
        root: the data root; made, for its owner alone, when it is missing.
        remembered: sessions of which the last body is remembered: the same one again makes no second line. Only the
            last: one that was sent before it, sent again, takes what came between back.
        say: called when the log cannot be written any more.
    """

    def __init__(self, root: str, remembered: int, say: Callable[[str], None]) -> None:
        self._root = root
        self._remembered = remembered
        self._say = say
        self._log = Log(root)
        self._last: OrderedDict[str, str] = OrderedDict()  # the digest of each session's last body
        self._now = 0  # nanoseconds; a later line replaces an earlier one, so time must not go back
        self._queue: list[_Waiting] = []
        self._turn = anyio.Lock()
        self._complained = False

    async def store(self, body: Received) -> None:
        """Come back once `body` is written and synced.

        Raises:
            OSError: it may not be; what was tried together with it neither.
        """
        mine = _Waiting(body)
        self._queue.append(mine)
        async with self._turn:
            if not mine.tried:
                group, self._queue = self._queue, []
                for one in group:
                    one.tried = True
                with anyio.CancelScope(shield=True):
                    error = await anyio.to_thread.run_sync(self._write, [one.body for one in group])
                for one in group:
                    one.stored, one.error = error is None, error
        if not mine.stored:
            raise mine.error or OSError(EIO, os.strerror(EIO), self._root)

    def close(self) -> None:
        """Close the log."""
        self._drop()

    def _write(self, bodies: list[Received]) -> OSError | None:
        last: dict[str, str] = {}
        lines = []
        self._now = now = max(self._now, time.time_ns())
        for body in bodies:
            if (last.get(body.session) or self._last.get(body.session)) != body.digest:
                lines.append(
                    envelope.line(SOURCE, TYPE, body.payload, level=body.level, id=f"{TYPE}:{body.digest}", now_ns=now)
                )
            last[body.session] = body.digest
        try:
            self._log.write(envelope.day_of(now), lines)
            self._log.sync()
        except OSError as e:
            for session in last:
                self._last.pop(session, None)  # what was its last line nobody knows
            self._drop()  # after a sync that failed a log takes nothing more; a new one knows whether it is over
            self._log = Log(self._root)
            if not self._complained:
                self._say(f"{e.filename or self._root}: {e.strerror}; requests are refused until this is resolved")
            self._complained = True
            return e
        self._complained = False
        for session, digest in last.items():
            self._last[session] = digest
            self._last.move_to_end(session)
        while len(self._last) > self._remembered:
            self._last.popitem(last=False)
        return None

    def _drop(self) -> None:
        with contextlib.suppress(OSError):
            self._log.close()
