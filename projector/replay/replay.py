"""Replays new lines of the log into a store: read, adapt, merge, write."""

import contextlib
from collections.abc import Callable, Generator
from dataclasses import dataclass

from clankers.log.reader import log_files
from clankers.log.segments import exists, segment_sizes, tail_crc
from projector.model.batch import Batch
from projector.replay.fold import FoldedBatch, LogRange, fold
from projector.replay.workers import fold_in_parallel, worth_starting
from projector.store.base import ReadPosition, ReadRange, StalePositionError, Store
from projector.store.sqlite_file import YOUNG


@dataclass
class Replayed:
    """The number of lines that a replay read."""

    events: int = 0
    unknown: int = 0
    rejected: int = 0

    def add(self, batch: Batch) -> None:
        """Count the lines of `batch`."""
        self.events += sum(batch.types.values())
        self.unknown += sum(n for kind, n in batch.types.items() if not kind.known)
        self.rejected += len(batch.rejects)


class LogChangedError(Exception):
    """A file of the log lost bytes that were already read, or is gone: the database must be rebuilt."""


def pending(store: Store, root: str) -> list[LogRange]:
    """What is new in the log: at most one range per file, to its end.

    Raises:
        LogChangedError: a file was truncated, replaced or removed.
    """
    read_so_far = store.positions()
    found = []
    now = segment_sizes(root)
    days = log_files(root)
    for file in days:
        offset, lines, tail = read_so_far.pop(file.name, ReadPosition(0, 0, None))
        size = now.get(file.name, offset)
        if size < offset:
            raise LogChangedError(f"{file.name} has {size} bytes, of which {offset} were read")
        # A power loss may truncate the youngest files. Others are opened only if they have grown.
        checked = size > offset or file in days[-YOUNG:]
        if tail is not None and checked and tail_crc(root, file.name, offset) not in (tail, None):
            raise LogChangedError(f"{file.name} no longer holds what was read of it")
        if size > offset:
            found.append(LogRange(file, offset, lines))
    if gone := [name for name in read_so_far if not exists(root, name)]:
        raise LogChangedError(f"{', '.join(gone)}: gone from the log")
    return found


def replay(
    store: Store,
    root: str,
    *,
    until: int | None = None,
    progress: Callable[[int], object] | None = None,
    batch_lines: int | None = None,
) -> Replayed:
    """Bring `store` up to date with the log in `root`.

    If another projector writes to it too, because its lock file was deleted, nothing is counted twice: the second one
    to commit a range reads on from where the first one stopped.

    Args:
        store: open for writing, with the projector's lock held.
        root: the data root.
        until: epoch milliseconds; later lines are left out.
        progress: called with the number of bytes read since the last call.
        batch_lines: the most lines in a transaction; by default, size and time limit it.

    Raises:
        LogChangedError: a file of the log was truncated, replaced or removed.
    """
    done = Replayed()
    while True:
        with (
            contextlib.suppress(StalePositionError),
            contextlib.closing(_batches(store, root, until, batch_lines)) as batches,
        ):
            for one in batches:
                end = ReadPosition(one.offset, one.number, tail_crc(root, one.file, one.offset))
                store.write(one.batch, ReadRange(one.file, one.start, end))
                done.add(one.batch)
                if progress:
                    progress(one.size)
            return done


def _batches(store: Store, root: str, until: int | None, batch_lines: int | None) -> Generator[FoldedBatch, None, None]:
    """What is new in the log, in its order."""
    todo = pending(store, root)
    if batch_lines is None and worth_starting(root, todo):
        yield from fold_in_parallel(root, todo, until)
    else:
        for span in todo:
            yield from fold(root, span, until=until, batch_lines=batch_lines)
