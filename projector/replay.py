"""Read, adapt, write: the log's new lines into the database."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import apsw

from clankers.days import exists, sizes, tail_crc
from clankers.reader import Line, LogFile, log_files, read
from projector.adapters import UnusableError, adapt
from projector.store import OvertakenError, Store
from projector.wire import millis

_YOUNG = 2  # days
BATCH_BYTES = 16 << 20  # of log in one transaction
BATCH_SECONDS = 0.5  # after which a transaction is committed, so that readers see a long replay grow


@dataclass
class Replayed:
    """What a replay did: counts of lines."""

    events: int = 0
    unknown: int = 0
    rejected: int = 0

    def add(self, other: "Replayed") -> None:
        """Count what `other` counted."""
        self.events += other.events
        self.unknown += other.unknown
        self.rejected += other.rejected


class LogChangedError(Exception):
    """A day of the log is shorter than what was already read of it: the database is to be rebuilt."""


def pending(db: apsw.Connection, root: str) -> list[tuple[LogFile, int, int]]:
    """The log's days with something new, each with the bytes and lines that were read.

    Raises:
        LogChangedError: a day was cut, replaced, or is gone.
    """
    read_so_far = Store(db).positions()
    found = []
    now = sizes(root)
    days = log_files(root)
    for file in days:
        offset, lines, tail = read_so_far.pop(file.name, (0, 0, None))
        size = now.get(file.name, offset)
        if size < offset:
            raise LogChangedError(f"{file.name} has {size} bytes, of which {offset} were read")
        # A power loss takes the end of the youngest; of the others only what has news is worth opening.
        looked_at = size > offset or file in days[-_YOUNG:]
        if tail is not None and looked_at and tail_crc(root, file.name, offset) not in (tail, None):
            raise LogChangedError(f"{file.name} is not what was read of it")
        if size > offset:
            found.append((file, offset, lines))
    if gone := [name for name in read_so_far if not exists(root, name)]:
        raise LogChangedError(f"{', '.join(gone)}: gone from the log")
    return found


def replay(
    db: apsw.Connection,
    root: str,
    *,
    until: int | None = None,
    progress: Callable[[int], object] | None = None,
    batch_lines: int | None = None,
) -> Replayed:
    """Bring `db` up to date with the log in `root`.

    Where another projector writes to it all the same, its lock file having been deleted, nothing is counted twice: who
    comes second with a transaction reads on from what the first one stored.

    Args:
        db: open for writing, with the projector's lock held.
        root: the data root.
        until: epoch milliseconds; later lines are left out.
        progress: told of the bytes read, now and then.
        batch_lines: lines in one transaction, at most; else by size and time.

    Raises:
        LogChangedError: a file of the log was cut or is gone.
    """
    done = Replayed()
    while True:
        with contextlib.suppress(OvertakenError):
            _replay(Store(db), root, until, progress, batch_lines, done)
            return done


def _replay(
    store: Store,
    root: str,
    until: int | None,
    progress: Callable[[int], object] | None,
    batch_lines: int | None,
    done: Replayed,
) -> None:
    """To the log's end; `done` counts what was committed."""
    for file, offset, number in pending(store.db, root):
        at = (offset, number)
        size, lines, since, batch = 0, 0, time.monotonic(), Replayed()
        for line in read(root, file, offset, number):
            _take(store, file, line, until, batch)
            if not line.size:
                continue
            at = (line.offset + line.size, line.number)
            size += line.size
            lines += 1
            late = not lines % 256 and time.monotonic() - since > BATCH_SECONDS
            if late or size >= BATCH_BYTES or lines == batch_lines:
                store.commit([(file.name, *at, None)])
                done.add(batch)
                if progress:
                    progress(size)
                size, lines, since, batch = 0, 0, time.monotonic(), Replayed()
        if lines:
            store.commit([(file.name, *at, tail_crc(root, file.name, at[0]))])
            done.add(batch)
            if progress:
                progress(size)


def _take(store: Store, file: LogFile, line: Line, until: int | None, done: Replayed) -> None:
    """One line of the log into the store's batch, and into the counts."""

    def reject(reason: str) -> None:
        store.reject(file.name, line.number, line.offset, reason)
        done.rejected += 1

    event = line.event
    if event is None:
        reject(line.reason)
        return
    try:
        if until is not None and millis(event.ts) > until:
            return
        changes, known = adapt(event)
    except (UnusableError, ValueError) as e:
        reject(str(e))
        return
    except Exception as e:  # noqa: BLE001 (a bug of the adapter's; mended, a rebuild takes the line in)
        reject(f"{event.source} {event.type}: the adapter failed: {type(e).__name__}: {e}; please report this")
        return
    store.count(event.source, event.type, known=known)
    done.events += 1
    done.unknown += not known
    position = file.position(line.offset)
    for change in changes:
        store.apply(change, position)
