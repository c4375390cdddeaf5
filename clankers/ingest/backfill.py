"""Imports what the harnesses' own stores hold: past sessions, and what no event reported.

Each record's id is derived from its source, so an import is safe to repeat or interrupt.
"""

import errno
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from clankers.ingest.batch import BatchWriter
from clankers.ingest.fingerprints import Fingerprint, Fingerprints
from clankers.ingest.source import Source, SourceBusyError, SourceError
from clankers.ingest.survey import Survey, SurveyedIndex
from clankers.log import envelope
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
    fingerprints, survey = Fingerprints(log.root), Survey(log.root)
    lost = survey.lacks_lines()  # then what was read of the sources says nothing of what is in the log
    afresh = again or lost
    found = set()
    with BatchWriter(log, SurveyedIndex(log.root, survey, again=again), fingerprints, again=afresh) as batch:
        for source in sources:
            if progress:
                progress(1)
            found.add((source.harness, source.session))
            try:
                known = None if afresh else fingerprints.unchanged(source)
                if known and not known.left_out:
                    continue
                if since and _is_older(source, since, known, fingerprints):
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
    fingerprints.drop_others(found)
    fingerprints.save()
    if done.records or lost:
        survey.update()
    return done


def _is_older(source: Source, since: str, known: Fingerprint | None, fingerprints: Fingerprints) -> bool:
    """Whether the session was created before `since`; if so, that is kept for the next time."""
    created = known.left_out if known else _created(source)
    if created < since and not known and (fingerprint := fingerprints.of(source, created)):
        fingerprints.keep(source.session, fingerprint)
    return created < since


def _created(source: Source) -> str:
    try:
        return source.created() or envelope.stamp(int(source.changed_at() * 1e9))
    except (OSError, SourceError):
        return envelope.stamp(time.time_ns())  # reading it says what is wrong
