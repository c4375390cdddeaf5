"""Folds the log into batches: reads a range of it, adapts its events, and merges their changes. No database here."""

import time
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from clankers.log.reader import Line, LogFile, read
from projector.adapters import Adapters, UnusableError
from projector.adapters.wire import millis
from projector.model.batch import Batch, EventType, Reject

BATCH_BYTES = 8 << 20  # of log in one transaction
BATCH_SECONDS = 0.5  # then the transaction is committed, so that readers see progress during a long replay


class LogRange(NamedTuple):
    """Lines of one log file that are still to be read.

    Attributes:
        file: of the log.
        offset: bytes before the range.
        number: lines before it.
        end: bytes to the end of its last line; None for the end of the file.
    """

    file: LogFile
    offset: int
    number: int
    end: int | None = None


class FoldedBatch(msgspec.Struct):
    """A batch, and the range of the log that it holds.

    Attributes:
        file: the log file's name.
        start: bytes of the file before the range.
        offset: bytes to its end.
        number: lines to its end.
        size: bytes in it that were read.
    """

    batch: Batch
    file: str
    start: int
    offset: int
    number: int
    size: int


def fold(
    root: str, span: LogRange, *, until: int | None = None, batch_lines: int | None = None
) -> Iterator[FoldedBatch]:
    """The batches of the range `span` of the log in `root`; none if it is empty.

    Args:
        root: the data root.
        span: what to read.
        until: epoch milliseconds; later lines are left out.
        batch_lines: the most lines in a batch; by default, size and time limit it.

    Raises:
        OSError: the file cannot be read.
    """
    adapters = Adapters(root)
    file = span.file
    start, offset, number = span.offset, span.offset, span.number
    batch, lines, since, full = Batch(), 0, time.monotonic(), False
    for line in read(root, file, offset, number, span.end):
        if full:
            batch.adapters = adapters.versions({kind.source for kind in batch.types})
            yield FoldedBatch(batch, file.name, start, offset, number, offset - start)
            start, batch, lines, since, full = offset, Batch(), 0, time.monotonic(), False
        _fold_line(batch, adapters, file, line, until)
        if line.size:  # otherwise another one follows before the newline, and no batch can end here
            offset, number = line.offset + line.size, line.number
            lines += 1
            late = not lines % 256 and time.monotonic() - since > BATCH_SECONDS
            full = late or offset - start >= BATCH_BYTES or lines == batch_lines
    if lines:
        batch.adapters = adapters.versions({kind.source for kind in batch.types})
        yield FoldedBatch(batch, file.name, start, offset, number, offset - start)


def _fold_line(batch: Batch, adapters: Adapters, file: LogFile, line: Line, until: int | None) -> None:
    """Add one line of the log to the batch."""
    event, field = line.event, ""
    try:
        if event is None:
            raise UnusableError(line.reason)  # noqa: TRY301 (one way out for every line that cannot be used)
        if until is not None and millis(event.ts) > until:
            return
        changes, known, ignored, other_client = adapters.adapt(event)
        unknown = adapters.unknown_in(event) if known and not other_client else ()
        version = adapters.client_version(event) if unknown or other_client or not known else ""
        batch.add(changes, line.position)
        for one in ignored:
            batch.ignored.append(Reject(file.name, line.number, line.offset, one.field, one.reason))
    except UnusableError as e:
        reason, field = str(e), e.field
    except ValueError as e:
        reason = str(e)
    except Exception as e:  # noqa: BLE001 (a bug in an adapter: once it is fixed, a rebuild uses the line)
        what = f"{event.source} {event.type}" if event else ""
        reason = f"{what}: the adapter failed: {type(e).__name__}: {e}; please report this"
    else:
        kinds = [
            EventType(event.source, event.type, known, "" if known and not other_client else version, other_client)
        ]
        kinds += [EventType(event.source, f"{event.type}: {what}", False, version) for what in unknown]
        for kind in kinds:
            batch.types[kind] = batch.types.get(kind, 0) + 1
        return
    batch.rejects.append(Reject(file.name, line.number, line.offset, field, reason))
