"""What happens, to every open page: one look at the log for all of them, while any is open."""

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Iterable
from threading import Lock, Thread

import apsw
import msgspec

from clankers import paths
from clankers.errors import ClankersError
from clankers.queries.changes import changes_after, database_id, last_batch
from clankers.queries.filters import Filters
from clankers.queries.tail import follow
from clankers.web.database import Reader, Updater

_log = logging.getLogger(__name__)

_WAITING = 200  # events for a page that reads slowly; one that has more to read begins again
_BEAT = 15.0  # seconds between two signs of life, by which a closed page is noticed
_LONGEST = 300  # characters of a text
_SESSIONS = 200  # that are named in a change; more are all
_PATIENCE = 0.5  # seconds to wait for an update; a longer one is heard of at a later look
_AGAIN = 1.0  # seconds until the log is looked at again where it could not be read
_PAGES = 100  # open at once


class Live:
    """Sends what happens to the pages that listen.

    Args:
        reader: connections to the database.
        updater: keeps that current while pages listen.
    """

    def __init__(self, reader: Reader, updater: Updater) -> None:
        self._reader = reader
        self._updater = updater
        self._pages: set[asyncio.Queue[bytes | None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._lock = Lock()  # of `_is_watching`
        self._is_watching = False
        self._known: tuple[str, int] | None = None  # the database and its last batch, which the pages have heard of

    async def events(self) -> AsyncGenerator[bytes, None]:
        """The stream of one page, in the form of server-sent events, until it closes or the server stops."""
        if len(self._pages) >= _PAGES:
            return
        page: asyncio.Queue[bytes | None] = asyncio.Queue(_WAITING)
        self._loop = asyncio.get_running_loop()
        self._pages.add(page)
        self._watch()
        try:
            yield b"retry: 1000\n\n"
            while True:
                try:
                    event = await asyncio.wait_for(page.get(), _BEAT)
                except TimeoutError:
                    event = b": still here\n\n"
                if event is None:
                    return
                yield event
        finally:
            self._pages.discard(page)

    def close(self) -> None:
        """End all streams."""
        for page in list(self._pages):
            self._end(page)

    def _watch(self) -> None:
        with self._lock:
            if not self._is_watching:
                Thread(target=self._follow, daemon=True).start()
                self._is_watching = True

    def _is_over(self) -> bool:
        """Whether no page listens. Then the watcher must end: the next page starts another."""
        with self._lock:
            self._is_watching = bool(self._pages)
            return not self._is_watching

    def _follow(self) -> None:
        """Look at the log until no page listens."""
        self._known = None
        reported = ""
        while not self._is_over():
            try:
                for happened in follow(paths.data_root(), paths.database_path(), Filters(), 0):
                    if happened:
                        self._send("item", msgspec.json.encode(happened.plain(_LONGEST)))
                    elif self._is_over():
                        return
                    else:
                        self._update()
            except (OSError, ClankersError, apsw.Error):
                time.sleep(_AGAIN)
            except Exception as e:  # noqa: BLE001 (a bug must not leave all pages without news)
                if reported != repr(e):
                    _log.exception("the pages were not told what happened")
                    reported = repr(e)
                time.sleep(_AGAIN)

    def _update(self) -> None:
        """Bring the database up to date, and say which sessions changed."""
        self._updater.update(_PATIENCE)
        try:
            with self._reader.connection() as db:
                now = database_id(db), last_batch(db)
                if now == self._known:
                    return
                same = self._known is not None and self._known[0] == now[0]
                changed = [id for id, _ in changes_after(db, self._known[1])] if same and self._known else None
        except (ClankersError, apsw.Error):
            return
        is_first, self._known = self._known is None, now
        if not is_first:
            few = changed is not None and len(changed) <= _SESSIONS
            self._send("change", msgspec.json.encode({"sessions": changed if few else None}))

    def _send(self, kind: str, data: bytes) -> None:
        """Called in the watcher's thread."""
        assert self._loop
        event = b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"
        try:
            self._loop.call_soon_threadsafe(self._put, list(self._pages), event)
        except RuntimeError:  # the loop has ended
            self._pages.clear()

    def _put(self, pages: Iterable[asyncio.Queue[bytes | None]], event: bytes) -> None:
        for page in pages:
            if page.full():
                self._end(page)
            else:
                page.put_nowait(event)

    def _end(self, page: "asyncio.Queue[bytes | None]") -> None:
        self._pages.discard(page)
        while page.full():
            page.get_nowait()
        page.put_nowait(None)
