"""Taking in what the harnesses' own stores hold: the past, and what was not told live.

Everything goes through the log, as what is told live does, and each record bears an id that its source gives: the
import can be stopped at any point and run again, and twice adds nothing.
"""

import errno
import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from clankers.harnesses.claude_code import after_hook
from clankers.harnesses.claude_code.transcript_files import TranscriptError
from clankers.harnesses.opencode.stores import SOURCE as OPENCODE
from clankers.harnesses.opencode.stores import Record, Session, StoreBusyError, StoreError
from clankers.ingest.batch import Intake
from clankers.log import envelope, record_ids, tombstones
from clankers.log.writer import Log

DAYS = 30  # how far back, if nobody says otherwise
_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
_CHUNK = 4 << 20  # bytes that are written between two looks at the clock


class Past(NamedTuple):
    """A session of the past.

    Attributes:
        created: when (RFC 3339, UTC); empty where nothing says it: then it counts as new.
        take_in: appends what is new, and counts it; what cannot be read it raises, once the rest is there.
    """

    created: str
    take_in: Callable[[Intake, "Imported"], None]


@dataclass
class Imported:
    """What an import did: counts, what could not be read, and whether that may be otherwise the next time."""

    sessions: int = 0
    records: int = 0
    older: int = 0
    problems: list[str] = field(default_factory=list)
    busy: bool = False

    def add(self, records: int) -> None:
        """Count a session's new records."""
        self.sessions += records > 0
        self.records += records


def backfill(
    log: Log, past: Iterable[Past], days: int | None, *, progress: Callable[[int], object] | None = None
) -> Imported:
    """Take in the sessions of `past` that were created in the last `days` days, or all.

    What is wrong with one session is noted, and does not keep the others from being read.

    Raises:
        OSError: the log cannot be written.
    """
    done = Imported()
    since = "" if days is None else envelope.stamp(time.time_ns() - days * 86400 * 10**9)
    with Intake(log) as intake:
        for session in past:
            if progress:
                progress(1)
            if session.created and session.created < since:
                done.older += 1
                continue
            try:
                session.take_in(intake, done)
            except (TranscriptError, StoreError) as e:
                done.problems.append(str(e))
                done.busy |= isinstance(e, StoreBusyError)
            except OSError as e:
                if e.errno in _NO_ROOM:  # it is the log that cannot be written
                    raise
                done.problems.append(str(e))
            intake.settle_if_much()
    return done


def claude_code(root: str, files: Iterable[tuple[str, str]], *, afresh: bool) -> Iterator[Past]:
    """The sessions whose transcripts are `files`, each with its session's id; `root` is the log's."""
    known = _recorded_sessions(root)
    forgotten = tombstones.forgotten(root)
    for session, path in files:

        def take_in(intake: Intake, done: Imported, session: str = session, path: str = path) -> None:
            is_new = session not in known
            done.add(intake.take_in(session, path, is_new=is_new, afresh=afresh, forgotten=forgotten))

        try:
            created = after_hook.created(path)
        except (OSError, TranscriptError):
            created = envelope.stamp(time.time_ns())  # reading it says what is wrong
        yield Past(created, take_in)


def _recorded_sessions(root: str) -> set[str]:
    """The sessions of which the log holds records that were imported."""
    return {re.split("[:@/#]", id, maxsplit=1)[0] for id in _ids(root, "") if not id.replace("-", "").isalnum()}


def opencode(root: str, sessions: Iterable[Session], *, afresh: bool = False) -> Iterator[Past]:
    """The `sessions` of OpenCode's stores, without those that were forgotten, or `afresh` all; `root` is the log's."""
    forgotten = set() if afresh else tombstones.forgotten(root)
    # A hash of each id: some 80 bytes a record, whatever the ids are.
    seen = {hash(id) for prefix in ("storage.", "db.", "evt_") for id in _ids(root, prefix)}
    for session in sessions:
        if session.id in forgotten:
            continue

        def take_in(intake: Intake, done: Imported, records: Iterator[Record] = session.records) -> None:
            _append_new(intake, records, seen, done)

        yield Past("" if session.created is None else envelope.stamp(session.created * 10**6), take_in)


def _append_new(intake: Intake, records: Iterator[Record], seen: set[int], done: Imported) -> None:
    new = 0
    batch: list[bytes] = []
    size, now = 0, time.time_ns()
    try:
        for id, kind, payload, level in records:
            if hash(id) in seen:
                continue
            seen.add(hash(id))
            batch.append(envelope.line(OPENCODE, kind, payload, level=level, id=id, now_ns=now))
            size += len(payload)
            new += 1
            if size >= _CHUNK:
                intake.write(envelope.day_of(now), batch)
                batch, size, now = [], 0, time.time_ns()
    finally:  # what comes behind a record that cannot be read is lost to us, what came before it is not
        intake.write(envelope.day_of(now), batch)
        done.add(new)


def _ids(root: str, prefix: str) -> Iterator[str]:
    try:
        yield from record_ids.ids(root, prefix)
    except FileNotFoundError:
        return  # nothing was recorded yet
