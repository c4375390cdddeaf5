"""The log in batches: a span of it is read, its events adapted, and what they say folded. No database here."""

import time
from collections.abc import Iterator
from typing import NamedTuple

import msgspec

from clankers.log.reader import Line, LogFile, read
from projector.adapters import UnusableError, adapt
from projector.adapters.wire import millis
from projector.model.batch import Batch

BATCH_BYTES = 8 << 20  # of log in one transaction
BATCH_SECONDS = 0.5  # after which a transaction is committed, so that readers see a long replay grow


class LogRange(NamedTuple):
    """Lines of one day that are still to be read; what `read` takes.

    Attributes:
        file: the day.
        offset: bytes before the first of them.
        number: lines before it.
        end: bytes to the end of the last of them; None for whatever is there.
    """

    file: LogFile
    offset: int
    number: int
    end: int | None = None


class FoldedBatch(msgspec.Struct):
    """A batch, and the span of the log that it stands for.

    Attributes:
        file: the day's name.
        start: bytes of the day before it.
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
    """The batches of `span` of the log in `root`: none where there is nothing in it.

    Args:
        root: the data root.
        span: what to read.
        until: epoch milliseconds; later lines are left out.
        batch_lines: lines in one batch, at most; else by size and time.

    Raises:
        OSError: the day cannot be read.
    """
    file = span.file
    start, offset, number = span.offset, span.offset, span.number
    batch, lines, since, full = Batch(), 0, time.monotonic(), False
    for line in read(root, file, offset, number, span.end):
        if full:
            yield FoldedBatch(batch, file.name, start, offset, number, offset - start)
            start, batch, lines, since, full = offset, Batch(), 0, time.monotonic(), False
        _take(batch, file, line, until)
        if line.size:  # else another stands before the newline: no batch ends here
            offset, number = line.offset + line.size, line.number
            lines += 1
            late = not lines % 256 and time.monotonic() - since > BATCH_SECONDS
            full = late or offset - start >= BATCH_BYTES or lines == batch_lines
    if lines:
        yield FoldedBatch(batch, file.name, start, offset, number, offset - start)


def _take(batch: Batch, file: LogFile, line: Line, until: int | None) -> None:
    """One line of the log into the batch."""
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
        kind = (event.source, event.type, known)
        batch.types[kind] = batch.types.get(kind, 0) + 1
        batch.add(changes, line.position)
        return
    batch.rejects.append((file.name, line.number, line.offset, reason))
