"""Read, adapt, write: the log's new lines into the database."""

import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass

import apsw

from clankers.log.reader import log_files
from clankers.log.segments import exists, segment_sizes, tail_crc
from projector.model.batch import Batch
from projector.replay.fold import FoldedBatch, LogRange, fold
from projector.replay.workers import fold_in_parallel, worth_starting
from projector.store.sqlite_file import YOUNG
from projector.store.sqlite_writer import SqliteStore, StalePositionError


@dataclass
class Replayed:
    """What a replay did: counts of lines."""

    events: int = 0
    unknown: int = 0
    rejected: int = 0

    def add(self, batch: Batch) -> None:
        """Count what `batch` folded."""
        self.events += sum(batch.types.values())
        self.unknown += sum(n for (_, _, known), n in batch.types.items() if not known)
        self.rejected += len(batch.rejects)


class LogChangedError(Exception):
    """A day of the log is shorter than what was already read of it: the database is to be rebuilt."""


def pending(db: apsw.Connection, root: str) -> list[LogRange]:
    """What is new in the log: of each day at most one span, open to its end.

    Raises:
        LogChangedError: a day was cut, replaced, or is gone.
    """
    read_so_far = SqliteStore(db).positions()
    found = []
    now = segment_sizes(root)
    days = log_files(root)
    for file in days:
        offset, lines, tail = read_so_far.pop(file.name, (0, 0, None))
        size = now.get(file.name, offset)
        if size < offset:
            raise LogChangedError(f"{file.name} has {size} bytes, of which {offset} were read")
        # A power loss takes the end of the youngest; of the others only what has news is worth opening.
        looked_at = size > offset or file in days[-YOUNG:]
        if tail is not None and looked_at and tail_crc(root, file.name, offset) not in (tail, None):
            raise LogChangedError(f"{file.name} is not what was read of it")
        if size > offset:
            found.append(LogRange(file, offset, lines))
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
        with (
            contextlib.suppress(StalePositionError),
            contextlib.closing(_batches(db, root, until, batch_lines)) as batches,
        ):
            for got in batches:
                tail = tail_crc(root, got.file, got.offset)
                SqliteStore(db).write(got.batch, got.file, got.start, got.offset, got.number, tail)
                done.add(got.batch)
                if progress:
                    progress(got.size)
            return done


def _batches(
    db: apsw.Connection, root: str, until: int | None, batch_lines: int | None
) -> Generator[FoldedBatch, None, None]:
    """What is new in the log, in its order."""
    todo = pending(db, root)
    if batch_lines is None and worth_starting(root, todo):
        yield from fold_in_parallel(root, todo, until)
    else:
        for span in todo:
            yield from fold(root, span, until=until, batch_lines=batch_lines)
