"""Read, adapt, write: the log's new lines into the database."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import apsw

from clankers.days import exists, sizes, tail_crc
from clankers.reader import Line, LogFile, log_files, read
from projector.adapters import UnusableError, adapt
from projector.batch import Batch
from projector.store import Store
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

    Args:
        db: open for writing, with the projector's lock held.
        root: the data root.
        until: epoch milliseconds; later lines are left out.
        progress: told of the bytes read, now and then.
        batch_lines: lines in one transaction, at most; else by size and time.

    Raises:
        LogChangedError: a file of the log was cut or is gone.
    """
    store = Store(db)
    done = Replayed()
    for file, offset, number in pending(db, root):
        at = (offset, number)
        batch = Batch()
        size, lines, since = 0, 0, time.monotonic()
        for line in read(root, file, offset, number):
            _take(batch, file, line, until, done)
            if not line.size:
                continue
            at = (line.offset + line.size, line.number)
            size += line.size
            lines += 1
            late = not lines % 256 and time.monotonic() - since > BATCH_SECONDS
            if late or size >= BATCH_BYTES or lines == batch_lines:
                store.write(batch, [(file.name, *at, None)])
                if progress:
                    progress(size)
                batch = Batch()
                size, lines, since = 0, 0, time.monotonic()
        if lines:
            store.write(batch, [(file.name, *at, tail_crc(root, file.name, at[0]))])
            if progress:
                progress(size)
    return done


def _take(batch: Batch, file: LogFile, line: Line, until: int | None, done: Replayed) -> None:
    """One line of the log into the batch, and into the counts."""
    event = line.event
    try:
        if event is None:
            raise UnusableError(line.reason)  # noqa: TRY301 (one way out for all that cannot be used)
        if until is not None and millis(event.ts) > until:
            return
        changes, known = adapt(event)
    except (UnusableError, ValueError) as e:
        reason = str(e)
    except Exception as e:  # noqa: BLE001 (a bug of the adapter's; mended, a rebuild takes the line in)
        what = f"{event.source} {event.type}" if event else ""
        reason = f"{what}: the adapter failed: {type(e).__name__}: {e}; please report this"
    else:
        batch.types[event.source, event.type, known] += 1
        done.events += 1
        done.unknown += not known
        position = file.position(line.offset)
        for change in changes:
            batch.add(change, position)
        return
    batch.rejects.append((file.name, line.number, line.offset, reason))
    done.rejected += 1
