"""Sources of running sessions: those that events announce, and the sweep over all others that are open.

A killed client sends no event for what it wrote last. The sweep finds it: every event runs one, and every command that
reads.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import time

from clankers.ingest.cursor import Cursor, open_sessions
from clankers.ingest.importer import Budget, LogIndex, ingest
from clankers.ingest.source import SourceError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterable, Mapping
    from typing import Any

    from clankers.ingest.fingerprints import Fingerprints
    from clankers.ingest.importer import SourceAt
    from clankers.ingest.source import Source
    from clankers.log.writer import Log

    # Adds the sources that an event, a JSON object, announces to those by session. Raises SourceError where it names
    # something that cannot be one; what it names besides is added first.
    Announcer = Callable[[dict[str, Any], dict[str, "Announced"]], None]

EVENT_BYTES = 4 << 20  # of a source that one event reads; the rest follows at the next event or `clankers project`
_PATIENCE = 0.25  # seconds to wait for another process that reads the same source
_SETTLED = 60.0  # seconds after its last change after which an ended session's source counts as complete
ABANDONED = 86400.0  # the same for a session that never said it ended
_SWEEP = 1  # other sessions that one event looks at, each time another: the catch-up at the end of a turn looks at all


class Announced:
    """A source that an event points at.

    Attributes:
        source: what to read.
        ended: the event ends the session.
        wait: waits until what the event reports is in the source; it gets the offsets that were read.
            None: nothing to wait for.
    """

    __slots__ = ("ended", "source", "wait")

    def __init__(
        self, source: Source, *, ended: bool, wait: Callable[[Mapping[str, int]], object] | None = None
    ) -> None:
        self.source = source
        self.ended = ended
        self.wait = wait


def read_announced(log: Log, events: Iterable[Any], announce: Announcer, source_at: SourceAt) -> None:
    """Ingest the sources that `events`, just logged, announce, then sweep the other sessions.

    Raises:
        OSError: a file cannot be read or written; the other sessions were still read.
        SourceError: an announced source cannot be read, or an event names something else; likewise.
    """
    failure: Exception | None = None
    announced: dict[str, Announced] = {}
    for event in events:
        try:
            if isinstance(event, dict):
                announce(event, announced)
        except SourceError as e:
            failure = failure or e
    for one in announced.values():
        try:
            failure = _read(log, one) or failure
        except (OSError, SourceError) as e:
            failure = failure or e
    sweep(log, source_at, limit=_SWEEP, budget=EVENT_BYTES, but=announced)
    if failure:
        raise failure


def _read(log: Log, announced: Announced) -> SourceError | None:
    source = announced.source
    with Cursor(log.root, source.session, patience=_PATIENCE) as cursor:
        if not cursor.locked:
            return None
        cursor.move_to(source)
        cursor.ended = announced.ended
        cursor.open()
        if announced.wait:
            announced.wait(cursor.offsets)
        return ingest(log, source, cursor, LogIndex(log.root), budget=Budget(EVENT_BYTES))[1]


def sweep(
    log: Log,
    source_at: SourceAt,
    *,
    fingerprints: Fingerprints | None = None,
    limit: int | None = None,
    budget: int | None = None,
    but: Container[str] = (),
) -> int:
    """Ingest what is new in open sessions, and close those that are complete. Returns how many records were new.

    Args:
        log: where to.
        source_at: gives the source of a session.
        fingerprints: of the sessions, so that those without a change are not looked at; for a hook, loading them would
            take longer.
        limit: how many sessions to look at, at most.
        budget: how many bytes to read, about.
        but: sessions not to look at.

    Raises:
        OSError: a file cannot be read or written; the other sessions were still read.
        SourceError: a source cannot be read; the other sessions were still read.
    """
    new = 0
    left = None if budget is None else Budget(budget)
    failure: Exception | None = None
    sessions = [session for session in open_sessions(log.root) if session not in but]
    if limit is not None and len(sessions) > limit:  # a different part of them each time
        start = time.time_ns() // 1000 % len(sessions)
        sessions = (sessions[start:] + sessions[:start])[:limit]
    for session in sessions:
        if left and left.left <= 0:
            break
        if fingerprints is not None and fingerprints.is_unchanged(session, time.time() - ABANDONED):
            continue
        try:
            with Cursor(log.root, session) as cursor:
                if not cursor.locked:
                    continue
                source = None
                try:
                    if cursor.path and (source := source_at(cursor.harness, session, cursor.path)):
                        fingerprint = fingerprints.of(source) if fingerprints is not None else None
                        done, error = ingest(log, source, cursor, LogIndex(log.root), budget=left)
                        new += done
                        failure = failure or error
                        if fingerprints is not None and fingerprint and not error and not cursor.ended:
                            fingerprints.keep(session, fingerprint)  # an ended one is closed soon, once it is looked at
                finally:
                    if time.time() - changed_at(source, cursor) > (_SETTLED if cursor.ended else ABANDONED):
                        cursor.close()
        except (SourceError, OSError) as e:
            failure = failure or e
    if failure:
        raise failure
    return new


def changed_at(source: Source | None, cursor: Cursor) -> float:
    """When the source, or where it is gone its cursor, last changed, in seconds since the epoch."""
    try:
        return source.changed_at() if source else cursor.changed_at()
    except OSError:
        return cursor.changed_at()
