"""An import of many sources: a sync for each of many small sessions would take most of its time, so several share one.

Their cursors stay locked until the log is synced, and move then.
"""

import time
from contextlib import ExitStack
from typing import Self

from clankers.ingest.cursor import Cursor, Marks
from clankers.ingest.fingerprints import Fingerprint, Fingerprints
from clankers.ingest.importer import Budget, LogIndex, ingest
from clankers.ingest.live import ABANDONED, changed_at
from clankers.ingest.source import Source, SourceError
from clankers.log.writer import Log

_PATIENCE = 0.25  # seconds to wait for an event that reads the same source
# What is read between two syncs. Meanwhile an event of a held session reads nothing; the next one does.
_BYTES = 16 << 20
_SESSIONS = 64
_NO_END = 1 << 62


class BatchWriter:
    """Imports in groups: `with BatchWriter(log, index) as batch: batch.add(source)`.

    Args:
        log: where to.
        index: what it holds already.
        fingerprints: gets one for each source that was read completely.
        again: read from the first byte, however far the cursors say that the sources were read; not of sessions that
            `index` says were forgotten.

    Raises:
        OSError: from every method, and at the end, when the log cannot be written.
    """

    def __init__(self, log: Log, index: LogIndex, fingerprints: Fingerprints, *, again: bool = False) -> None:
        self._log = log
        self._index = index
        self._fingerprints = fingerprints
        self._again = again
        self._held: dict[str, tuple[Cursor, Fingerprint | None]] = {}  # by session
        self._locks = ExitStack()  # on them
        self._bytes = 0  # read since the last sync

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.flush()

    def add(self, source: Source) -> tuple[int, SourceError | None]:
        """Append all that is new in `source`, and sync where enough has come together.

        Returns:
            How many records were new, and what could not be read.

        Raises:
            OSError: a file cannot be read or written.
            SourceError: the session's id cannot be a file's name.
        """
        # A session may have several sources, as in two project folders: its cursor is ours to give back.
        if self._bytes > _BYTES or len(self._held) >= _SESSIONS or source.session in self._held:
            self.flush()
        if not source.path:
            if self._held:
                self.flush()  # so that they are not locked meanwhile
            if source.session in self._index.forgotten():
                return 0, None  # without a cursor, nothing says where the forgotten part ends
            return ingest(self._log, source, Marks(), self._index, sync=False)
        with ExitStack() as stack:
            cursor = stack.enter_context(Cursor(self._log.root, source.session, patience=_PATIENCE))
            if not cursor.locked:
                return 0, None  # an event reads it
            if self._again and source.session not in self._index.forgotten():  # of which it says where the rest begins
                cursor.forget()
            cursor.move_to(source)
            fingerprint = self._fingerprints.of(source)
            recent = time.time() - changed_at(source, cursor) < ABANDONED
            if recent:
                cursor.open()  # it may still be going on
            budget = Budget(_NO_END)
            new, failure = ingest(self._log, source, cursor, self._index, budget=budget, sync=False)
            self._bytes += _NO_END - budget.left
            closes_soon = recent and cursor.ended  # once it is looked at
            self._held[source.session] = cursor, None if failure or closes_soon else fingerprint
            self._locks.push(stack.pop_all())
        return new, failure

    def flush(self) -> None:
        """Sync the log, and then bring the cursors and fingerprints up to date."""
        held, self._held, self._bytes = self._held, {}, 0
        with self._locks.pop_all():
            self._log.sync()
            for session, (cursor, fingerprint) in held.items():
                cursor.settle()
                if fingerprint:
                    self._fingerprints.keep(session, fingerprint)
