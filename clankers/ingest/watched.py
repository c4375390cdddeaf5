"""Sources that no event announces: what has changed in them is imported whenever the database is brought up to date."""

import time
from collections.abc import Iterable

from clankers.ingest.batch import BatchWriter
from clankers.ingest.cursor import last_read
from clankers.ingest.fingerprints import Fingerprints
from clankers.ingest.source import Source, SourceError
from clankers.ingest.survey import Survey, SurveyedIndex
from clankers.log.writer import Log

_PAST = 30 * 86400.0  # seconds since its last change after which a source is left to `clankers backfill`
_CLOCK = 1.0  # seconds by which a file system's time may be coarse


def read_changed(log: Log, sources: Iterable[Source]) -> None:
    """Import those of `sources`, the last changed first, that have changed since they were last read.

    Raises:
        OSError: a file cannot be read or written.
        SourceError: a source cannot be read; the others were still read.
    """
    failure: Exception | None = None
    with BatchWriter(log, SurveyedIndex(log.root, Survey(log.root)), Fingerprints(log.root)) as batch:
        for source in sources:
            try:
                changed = source.changed_at()
                if time.time() - changed > _PAST:
                    break
                if changed > last_read(log.root, source.session) - _CLOCK:
                    failure = batch.add(source)[1] or failure
            except (OSError, SourceError) as e:
                failure = failure or e
    if failure:
        raise failure
