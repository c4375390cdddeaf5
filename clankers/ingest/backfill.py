"""Imports what the harnesses' own stores hold: past sessions, and what no event reported.

Each record's id is derived from its source, so an import is safe to repeat or interrupt.
"""

import errno
import re
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, field

from clankers.ingest.batch import BatchWriter
from clankers.ingest.importer import LogIndex
from clankers.ingest.source import Source, SourceBusyError, SourceError
from clankers.log import envelope, record_ids
from clankers.log.writer import Log

DAYS = 30  # how far back by default
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)


@dataclass
class Imported:
    """What an import did.

    Attributes:
        sessions: that had new records.
        records: that were new.
        older: sessions that were left out.
        problems: what could not be read.
        busy: some of it may be readable the next time.
    """

    sessions: int = 0
    records: int = 0
    older: int = 0
    problems: list[str] = field(default_factory=list)
    busy: bool = False

    def add(self, records: int) -> None:
        """Count a session's new records."""
        self.sessions += records > 0
        self.records += records

    def fail(self, problem: Exception) -> None:
        """Note what could not be read."""
        self.problems.append(str(problem))
        self.busy |= isinstance(problem, SourceBusyError)


class SurveyedIndex(LogIndex):
    """What the log holds, for an import of many sources: what they have in common is looked up once.

    Args:
        root: the data root.
        again: what was forgotten is imported, too.
    """

    def __init__(self, root: str, *, again: bool = False) -> None:
        super().__init__(root)
        self._again = again
        self._forgotten: Collection[str] | None = None
        self._sessions: set[str] | None = None
        self._shared: dict[tuple[str, ...], set[int]] = {}

    def may_hold(self, source: Source) -> bool:
        """As `LogIndex.may_hold`: as far as the ids of records say it."""
        return source.id_prefixes != (source.session,) or source.session in self._survey()

    def ids_and_forgotten(self, source: Source, since: str) -> tuple[set[int], Collection[str]]:
        """As `LogIndex.ids_and_forgotten`; sources whose records' ids begin alike share what was found."""
        if source.id_prefixes == (source.session,):
            return super().ids_and_forgotten(source, since)[0], self.forgotten()
        if source.id_prefixes not in self._shared:
            self._shared[source.id_prefixes] = super().ids_and_forgotten(source, "")[0]
        return self._shared[source.id_prefixes], self.forgotten()

    def forgotten(self) -> Collection[str]:
        """As `LogIndex.forgotten`."""
        if self._forgotten is None:
            self._forgotten = () if self._again else super().forgotten()
        return self._forgotten

    def _survey(self) -> set[str]:
        """How the ids of the records begin that the log holds of imports; a live event's id is nothing but a UUID."""
        if self._sessions is None:
            try:
                ids = record_ids.ids(self.root, "")
                self._sessions = {re.split("[:@/#]", id, maxsplit=1)[0] for id in ids if not _is_uuid(id)}
            except FileNotFoundError:
                self._sessions = set()  # nothing was recorded yet
        return self._sessions


def _is_uuid(id: str) -> bool:
    return id.replace("-", "").isalnum()


def backfill(
    log: Log,
    sources: Iterable[Source],
    days: int | None,
    *,
    again: bool = False,
    progress: Callable[[int], object] | None = None,
) -> Imported:
    """Import the sessions that were created in the last `days` days, or all.

    A session that cannot be read is noted, and the others are still imported.

    Args:
        log: where to.
        sources: the sessions.
        days: None: all of them.
        again: read everything from its beginning, what was forgotten too.
        progress: called for each session.

    Raises:
        OSError: the log cannot be written.
    """
    done = Imported()
    since = "" if days is None else envelope.stamp(time.time_ns() - days * 86400 * 10**9)
    with BatchWriter(log, SurveyedIndex(log.root, again=again), again=again) as batch:
        for source in sources:
            if progress:
                progress(1)
            try:
                if _created(source) < since:
                    done.older += 1
                    continue
                records, failure = batch.add(source)
            except SourceError as e:
                done.fail(e)
            except OSError as e:
                if e.errno in _NO_ROOM:  # it is the log that cannot be written
                    raise
                done.fail(e)
            except Exception as e:  # noqa: BLE001 (an extension's source: whatever it raises costs only its session)
                done.problems.append(f"session {source.session} of {source.harness}: {type(e).__name__}: {e}")
            else:
                done.add(records)
                if failure:
                    done.fail(failure)
    return done


def _created(source: Source) -> str:
    try:
        return source.created() or envelope.stamp(int(source.changed_at() * 1e9))
    except (OSError, SourceError):
        return envelope.stamp(time.time_ns())  # reading it says what is wrong
