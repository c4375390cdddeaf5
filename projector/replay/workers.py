"""Folds a long log in several processes; this process receives the batches in the order of the log and writes them.

Most of the time of a long replay goes into adapting events. If a worker dies, this process folds the rest of its chunks
itself. If this process dies, a worker ends at its next message.
"""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain, cycle, repeat
from typing import Self

import msgspec

from clankers.log.segments import Damage, Segment, list_segments, segment_sizes
from clankers.system.detached import command
from projector.replay.fold import BATCH_BYTES, FoldedBatch, LogRange, fold

ENOUGH = 8 * BATCH_BYTES  # bytes of log for which starting processes pays off
_MOST = 3  # processes: more than the writing one can keep up with
_LENGTH = 8  # bytes that hold a message's length


class _Task(msgspec.Struct):
    """The chunks of the log that a worker folds, in order."""

    root: str
    until: int | None
    chunks: list[LogRange]


class _BatchMessage(msgspec.Struct, tag=True):
    """A batch of a chunk."""

    folded: FoldedBatch


class _EndMessage(msgspec.Struct, tag=True):
    """The end of a chunk, with the number of lines in it."""

    lines: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_BatchMessage | _EndMessage).decode
_decode_task = msgspec.msgpack.Decoder(_Task).decode


def worth_starting(root: str, ranges: list[LogRange]) -> bool:
    """Whether several processes fold `ranges` faster than this one alone."""
    now = segment_sizes(root)
    return _cores() > 1 and sum(now.get(s.file.name, 0) - s.offset for s in ranges) > ENOUGH


def fold_in_parallel(root: str, ranges: list[LogRange], until: int | None) -> Iterator[FoldedBatch]:
    """The batches that `fold` makes of `ranges`, in order.

    Args:
        root: the data root.
        ranges: of different files.
        until: epoch milliseconds; later lines are left out.

    Raises:
        OSError: a file cannot be read.
    """
    lengths = _lengths()
    cuts = [list(_chunks(root, span, lengths)) for span in ranges]
    chunks = [chunk for cut in cuts for chunk in cut]
    count = min(_cores(), _MOST, len(chunks))
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(_Worker(_Task(root, until, chunks[i::count]))) for i in range(count)]
        turn = cycle(workers)
        for span, cut in zip(ranges, cuts, strict=True):
            start, number, lines = span.offset, span.number, 0
            for chunk in cut:
                for message in next(turn).messages(chunk):
                    if isinstance(message, _EndMessage):
                        lines = message.lines
                        continue
                    # A chunk counts its lines from its own start, and does not know which batch precedes it.
                    one = message.folded
                    one.start, start = start, one.offset
                    one.number += number
                    one.batch.rejects = [r._replace(line=number + r.line) for r in one.batch.rejects]
                    one.batch.ignored = [r._replace(line=number + r.line) for r in one.batch.ignored]
                    yield one
                number += lines


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _lengths() -> Iterator[int]:
    """The bytes of each chunk. The first ones are small, so that the writer need not wait long."""
    return chain((BATCH_BYTES >> 3, BATCH_BYTES >> 2, BATCH_BYTES >> 1), repeat(BATCH_BYTES))


def _chunks(root: str, span: LogRange, lengths: Iterator[int]) -> Iterator[LogRange]:
    """`span` cut at ends of lines. An archived file is not cut, because it is read from its start anyway."""
    file, start, length = span.file, span.offset, next(lengths)
    if list_segments(root).get(file.name) == [""]:
        with Segment(root, file.name) as day:
            while day.size - start > length:
                end = start + length
                for data in day.chunks(end, day.size):
                    found = b"" if isinstance(data, Damage) else data
                    end += found.find(b"\n") + 1 or len(found)
                    if b"\n" in found:
                        break
                yield LogRange(file, start, 0, end)
                start, length = end, next(lengths)
    yield LogRange(file, start, 0)


def _fold_chunk(root: str, chunk: LogRange, until: int | None) -> Iterator[_BatchMessage | _EndMessage]:
    """The batches of `chunk`, and its end."""
    offset, lines = chunk.offset, chunk.number
    for folded in fold(root, chunk, until=until):
        offset, lines = folded.offset, folded.number
        yield _BatchMessage(folded)
    with Segment(root, chunk.file.name) as segment:
        rest = segment.chunks(offset, chunk.end)  # nothing, or blank lines
        yield _EndMessage(lines + sum(data.count(b"\n") for data in rest if not isinstance(data, Damage)))


class _Worker:
    """A worker process. It waits while its last message has not been read."""

    def __init__(self, task: _Task) -> None:
        self.task = task
        self.process = subprocess.Popen(command(module=__name__), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdin
        with contextlib.suppress(BrokenPipeError), self.process.stdin as pipe:
            pipe.write(_encode(task))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()

    def messages(self, chunk: LogRange) -> Iterator[_BatchMessage | _EndMessage]:
        """The messages for `chunk`, the next one of this worker; if the worker is gone, this process makes them."""
        at = chunk
        while message := self._next():
            if isinstance(message, _BatchMessage):
                at = at._replace(offset=message.folded.offset, number=message.folded.number)
            yield message
            if isinstance(message, _EndMessage):
                return
        yield from _fold_chunk(self.task.root, at, self.task.until)

    def _next(self) -> _BatchMessage | _EndMessage | None:
        assert self.process.stdout
        size = self.process.stdout.read(_LENGTH)
        message = self.process.stdout.read(int.from_bytes(size, "big"))
        return _decode(message) if size and len(message) == int.from_bytes(size, "big") else None


def main() -> None:
    """Fold the chunks that standard input names; write messages to standard output."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent handles it and ends its workers
    task = _decode_task(sys.stdin.buffer.read())
    with contextlib.suppress(BrokenPipeError), sys.stdout.buffer as out, contextlib.suppress(OSError):
        for chunk in task.chunks:
            for message in _fold_chunk(task.root, chunk, task.until):
                encoded = _encode(message)
                out.write(len(encoded).to_bytes(_LENGTH, "big"))
                out.write(encoded)
                out.flush()


if __name__ == "__main__":
    main()
