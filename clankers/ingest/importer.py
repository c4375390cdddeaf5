"""Records of a source into the log, each once: `ingest`, the only writer of records.

A cursor says how far a source was read. It moves only after the log is synced, so it may be behind the log, but never
ahead of it. Until then it is marked busy: after a kill the next import compares the ids of its records with the log's.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import time

from clankers.ingest.cursor import Cursor, Marks
from clankers.ingest.source import SourceError
from clankers.log import envelope

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from clankers.ingest.source import Source
    from clankers.log.writer import Log

    # From harness (empty: not known), session and path, as a cursor names them, to the source; None: there is none.
    SourceAt = Callable[[str, str, str], Source | None]

_CHUNK = 4 << 20  # bytes of lines that are written between two looks at the clock
_PATIENCE = 5.0  # seconds to wait for another process that reads a source


class Budget:
    """How many bytes of sources may still be read; `left` goes below 0, for the last line is read completely."""

    __slots__ = ("left",)

    def __init__(self, left: int) -> None:
        self.left = left


class LogIndex:
    """What the log in `root` holds already, looked up for one source at a time."""

    def __init__(self, root: str) -> None:
        self.root = root

    def may_hold(self, _source: Source) -> bool:
        """Whether the log may hold records of a source that no cursor knows."""
        return True

    def ids_and_forgotten(self, source: Source, since: str) -> tuple[set[int], Collection[str]]:
        """The ids of the records of `source`, and the sessions that were forgotten, by one reading of the log.

        Args:
            source: of which the log may hold records.
            since: as for `segments.lines_with`.

        Returns:
            The ids' hashes, of 80 bytes each, and the sessions' ids: no import brings their past back.

        Raises:
            OSError: the log cannot be read.
        """
        from clankers.log import record_ids, segments, tombstones  # which a hook seldom needs

        heads = tuple(map(record_ids.head, source.id_prefixes))
        ids, marked = set(), []
        for line in segments.lines_with(self.root, (*heads, tombstones.MARK), since):
            if line.startswith(heads):
                ids.add(hash(record_ids.id_of(line)))
            else:
                marked.append(line)
        return ids, tombstones.forgotten(tombstones.of_lines(marked))

    def forgotten(self) -> Collection[str]:
        """The sessions that were ever forgotten.

        Raises:
            OSError: the log cannot be read.
        """
        from clankers.log import tombstones

        return tombstones.forgotten(tombstones.tombstones(self.root))


def ingest(
    log: Log, source: Source, marks: Marks, index: LogIndex, *, budget: Budget | None = None, sync: bool = True
) -> tuple[int, SourceError | None]:
    """Append what is new in `source` to the log.

    Args:
        log: where to.
        source: what to read.
        marks: how far it was read: its locked cursor, or marks that are not saved.
        index: what the log holds already.
        budget: how many bytes to read, about; the rest is left to the next import.
        sync: False: the caller syncs the log, and settles the marks after it.

    Returns:
        How many records were new, and what could not be read.

    Raises:
        OSError: a part of the source, or the log, cannot be read or written.
    """
    new, failure = 0, None
    rewritten = source.compare(marks.offsets, marks.versions)
    if rewritten is not None:
        known = _begin(source, marks, index, rewritten)
        compares = bool(known)
        lines: list[bytes] = []
        size, now = 0, time.time_ns()
        try:
            for record, part, mark in source.read(marks.offsets, marks.versions):
                if budget is not None and budget.left <= 0:
                    break
                if record is not None and (key := hash(record.id)) not in known:
                    known.add(key)
                    line = envelope.line(
                        source.harness, record.kind, record.payload, level=record.level, id=record.id, now_ns=now
                    )
                    lines.append(line)
                    size += len(line)
                    new += 1
                read = marks.move(part, mark)
                if budget is not None:
                    budget.left -= read
                if size >= _CHUNK:
                    full, lines = lines, []
                    log.write(envelope.day_of(now), full)
                    size, now = 0, time.time_ns()
        except SourceError as e:
            failure = e
        finally:  # records before the one that cannot be read are kept
            log.write(envelope.day_of(now), lines)
        # Where the budget ended, what is recorded already may still lie ahead: the next look compares again.
        marks.ahead = compares and budget is not None and budget.left <= 0
    if sync:
        if new:
            log.sync()
        marks.settle()
    return new, failure


def _begin(source: Source, marks: Marks, index: LogIndex, rewritten: Collection[str]) -> set[int]:
    """Mark the cursor busy; returns the hashes of the ids that may lie ahead of it in the log."""
    unknown = not marks.known
    since = today = envelope.day_of(time.time_ns())
    known: set[int] = set()
    forgotten: Collection[str] = ()
    if unknown or marks.busy or rewritten:
        # Of a part that was rewritten, all lines may be in the log, since the session began.
        since = ("" if rewritten else marks.since) or source.created()
        if marks.is_new and not rewritten and not index.may_hold(source):
            forgotten = index.forgotten()
        else:
            known, forgotten = index.ids_and_forgotten(source, since)
        since = since[:10]
    for part in rewritten:
        marks.restart(part)
    if unknown or rewritten:
        _mark_read(source, marks, forgotten, None if unknown else rewritten)
    # What is recorded may be of earlier days: after a kill the next import has to look there, too.
    marks.since = since if marks.busy or known or rewritten else today
    marks.known = marks.busy = True
    marks.save()
    return known


def _mark_read(source: Source, marks: Marks, forgotten: Collection[str], parts: Collection[str] | None) -> None:
    """Mark the current contents of `parts`, or of all, as already read for the sessions in `forgotten`."""
    if not forgotten or not any(session in forgotten for session in source.sessions()):
        return
    completely = source.session in forgotten
    for _, part, mark in source.read(marks.offsets, marks.versions):
        if (parts is None or part in parts) and (completely or source.session_of(part) in forgotten):
            marks.move(part, mark)
    if completely and parts is None:
        marks.known, marks.busy = True, False


def mark_forgotten(root: str, session: str, forgotten: Collection[str], source_at: SourceAt) -> bool:
    """Mark the current contents of the source of `session` as already read for the sessions in `forgotten`.

    Returns:
        False where another process keeps the session's cursor.

    Raises:
        OSError: a file cannot be read or written.
        SourceError: the source cannot be read.
    """
    with Cursor(root, session, patience=_PATIENCE) as cursor:
        if cursor.locked:
            if cursor.path and (source := source_at(cursor.harness, session, cursor.path)):
                for part in source.compare(cursor.offsets, cursor.versions) or ():
                    cursor.restart(part)
                _mark_read(source, cursor, forgotten, None)
                cursor.save()
            if session in forgotten:
                cursor.close()
        return cursor.locked
