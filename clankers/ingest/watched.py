"""Sources that no event announces: what has changed in them is imported whenever the database is brought up to date."""

import os
import time
from collections.abc import Iterable, Iterator, Sequence

from clankers.ingest.cursor import last_read
from clankers.ingest.source import Source, SourceError
from clankers.log.writer import Log
from clankers.paths import make_private

_PAST = 30 * 86400.0  # seconds since its last change after which a source is left to `clankers backfill`
_CLOCK = 1.0  # seconds by which a file system's time may be coarse


def read_changed(log: Log, sources: Iterable[Source], name: str = "", files: Sequence[str] = ()) -> None:
    """Import those of `sources`, the last changed first, that have changed since they were last read.

    Args:
        log: where to.
        sources: not looked at while `files` are older than the last look that found nothing new.
        name: of the harness.
        files: as `Harness.watched_files`.

    Raises:
        OSError: a file cannot be read or written.
        SourceError: a source cannot be read; the others were still read.
    """
    looked, now = os.path.join(log.root, "cursors", f"looked-{name}"), time.time()
    if files and _mtime(looked) > max(map(_mtime, files)) + _CLOCK:
        return
    if changed := list(_changed(log.root, sources)):
        _read(log, changed)
    elif files and _mtime(files[0]):
        make_private(os.path.dirname(looked))
        with open(looked, "wb"):
            os.utime(looked, (now, now))


def _mtime(path: str) -> float:
    """When the file at `path` last changed, in seconds since the epoch; 0 if there is none."""
    try:
        return os.stat(path).st_mtime
    except OSError:
        return 0.0


def _read(log: Log, changed: Iterable[Source]) -> None:
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
