"""Reading ahead: several processes gather chunks_of_log of the log, this one takes their batches in the log's order.

Where there is much to read, most of the time goes into adapting it, and a process does one thing at a time. One that
ends early is no loss: what it did not send is folded here. One that nobody listens to any more ends at its next word.
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

ENOUGH = 8 * BATCH_BYTES  # bytes of log for which processes are worth being started
_MOST = 3  # processes: the one that writes has no time to listen to more
_LENGTH = 8  # bytes that tell how long a message is


class _Task(msgspec.Struct):
    """What a process is to do: gather `chunks_of_log`, one after the other."""

    root: str
    until: int | None
    chunks_of_log: list[LogRange]


class _BatchMessage(msgspec.Struct, tag=True):
    """A batch of a share."""

    folded: FoldedBatch


class _EndMessage(msgspec.Struct, tag=True):
    """Behind the last batch of a share: how many lines there are to the share's end."""

    lines: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_BatchMessage | _EndMessage).decode
_decode_task = msgspec.msgpack.Decoder(_Task).decode


def worth_starting(root: str, ranges: list[LogRange]) -> bool:
    """Whether several processes read `ranges` in less time than this one alone."""
    now = segment_sizes(root)
    return _cores() > 1 and sum(now.get(s.file.name, 0) - s.offset for s in ranges) > ENOUGH


def fold_in_parallel(root: str, ranges: list[LogRange], until: int | None) -> Iterator[FoldedBatch]:
    """What `fold` makes of `ranges`, one after the other.

    Args:
        root: the data root.
        ranges: of different days.
        until: epoch milliseconds; later lines are left out.

    Raises:
        OSError: a day cannot be read.
    """
    lengths = _lengths()
    cuts = [list(_chunks(root, span, lengths)) for span in ranges]
    chunks_of_log = [share for cut in cuts for share in cut]
    count = min(_cores(), _MOST, len(chunks_of_log))
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(_Worker(_Task(root, until, chunks_of_log[i::count]))) for i in range(count)]
        turn = cycle(workers)
        for span, cut in zip(ranges, cuts, strict=True):
            start, number, lines = span.offset, span.number, 0
            for share in cut:
                for message in next(turn).messages(share):
                    if isinstance(message, _EndMessage):
                        lines = message.lines
                        continue
                    # A share counts its lines from its own beginning, and does not know what batch is before it.
                    got = message.folded
                    got.start, start = start, got.offset
                    got.number += number
                    got.batch.rejects = [(f, number + line, at, why) for f, line, at, why in got.batch.rejects]
                    yield got
                number += lines


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _lengths() -> Iterator[int]:
    """How many bytes of log each share has: little the first ones, so that who writes does not wait for long."""
    return chain((BATCH_BYTES >> 3, BATCH_BYTES >> 2, BATCH_BYTES >> 1), repeat(BATCH_BYTES))


def _chunks(root: str, span: LogRange, lengths: Iterator[int]) -> Iterator[LogRange]:
    """`span` cut at ends of lines. Not that of an archived day, which is read from its beginning anyway."""
    file, start, length = span.file, span.offset, next(lengths)
    if list_segments(root).get(file.name) == [""]:
        with Segment(root, file.name) as day:
            while day.size - start > length:
                end = start + length
                for chunk in day.chunks(end, day.size):
                    found = b"" if isinstance(chunk, Damage) else chunk
                    end += found.find(b"\n") + 1 or len(found)
                    if b"\n" in found:
                        break
                yield LogRange(file, start, 0, end)
                start, length = end, next(lengths)
    yield LogRange(file, start, 0)


def _read(root: str, share: LogRange, until: int | None) -> Iterator[_BatchMessage | _EndMessage]:
    """The batches of `share`, and its end."""
    offset, lines = share.offset, share.number
    for folded in fold(root, share, until=until):
        offset, lines = folded.offset, folded.number
        yield _BatchMessage(folded)
    with Segment(root, share.file.name) as day:
        chunks = day.chunks(offset, share.end)  # nothing, or blank lines
        yield _EndMessage(lines + sum(chunk.count(b"\n") for chunk in chunks if not isinstance(chunk, Damage)))


class _Worker:
    """A process that reads ahead; it waits while its last words are not heard."""

    def __init__(self, work: _Task) -> None:
        self.work = work
        self.process = subprocess.Popen(command(module=__name__), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self.process.stdin
        with contextlib.suppress(BrokenPipeError), self.process.stdin as words:
            words.write(_encode(work))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()

    def messages(self, share: LogRange) -> Iterator[_BatchMessage | _EndMessage]:
        """What `_read` gives for `share`, the next one of this process; where it is silent, what this one finds."""
        at = share
        while message := self._next():
            if isinstance(message, _BatchMessage):
                at = at._replace(offset=message.folded.offset, number=message.folded.number)
            yield message
            if isinstance(message, _EndMessage):
                return
        yield from _read(self.work.root, at, self.work.until)

    def _next(self) -> _BatchMessage | _EndMessage | None:
        assert self.process.stdout
        size = self.process.stdout.read(_LENGTH)
        message = self.process.stdout.read(int.from_bytes(size, "big"))
        return _decode(message) if size and len(message) == int.from_bytes(size, "big") else None


def main() -> None:
    """Do what is told on standard input, and tell on standard output what comes of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for who started us, who ends us
    work = _decode_task(sys.stdin.buffer.read())
    with contextlib.suppress(BrokenPipeError), sys.stdout.buffer as out, contextlib.suppress(OSError):
        for share in work.chunks_of_log:
            for message in _read(work.root, share, work.until):
                encoded = _encode(message)
                out.write(len(encoded).to_bytes(_LENGTH, "big"))
                out.write(encoded)
                out.flush()


if __name__ == "__main__":
    main()
