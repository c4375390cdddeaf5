"""Sources that no event announces: what has changed in them is imported whenever the database is brought up to date."""

import time
from collections.abc import Iterable, Iterator

from clankers.ingest.cursor import last_read
from clankers.ingest.source import Source, SourceError
from clankers.log.writer import Log

_PAST = 30 * 86400.0  # seconds since its last change after which a source is left to `clankers backfill`
_CLOCK = 1.0  # seconds by which a file system's time may be coarse


def read_changed(log: Log, sources: Iterable[Source]) -> None:
    """Import those of `sources`, the last changed first, that have changed since they were last read.

    Raises:
        OSError: a file cannot be read or written.
        SourceError: a source cannot be read; the others were still read.
    """
    if not (changed := list(_changed(log.root, sources))):
        return
    # What imports is itself imported only now: most of the time there is nothing new.
    from clankers.ingest.batch import BatchWriter
    from clankers.ingest.fingerprints import Fingerprints
    from clankers.ingest.survey import Survey, SurveyedIndex

    failure: Exception | None = None
    with BatchWriter(log, SurveyedIndex(log.root, Survey(log.root)), Fingerprints(log.root)) as batch:
        for source in changed:
            try:
                failure = batch.add(source)[1] or failure
            except (OSError, SourceError) as e:
                failure = failure or e
    if failure:
        raise failure


def _changed(root: str, sources: Iterable[Source]) -> Iterator[Source]:
    for source in sources:
        try:
            changed = source.changed_at()
        except (OSError, SourceError):
            yield source  # reading it says what is wrong
            continue
        if time.time() - changed > _PAST:
            return
        if changed > last_read(root, source.session) - _CLOCK:
            yield source
