"""Reading ahead: several processes gather shares of the log, this one takes their batches in the log's order.

Where there is much to read, most of the time goes into adapting it, and a process does one thing at a time. One that
ends early is no loss: what it did not send is gathered here. One that nobody listens to any more ends at its next word.
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

from clankers.log.segments import Damage, Day, listed, sizes
from clankers.system.detached import command
from projector.replay.fold import BATCH_BYTES, Gathered, Stretch, gather

ENOUGH = 8 * BATCH_BYTES  # bytes of log for which processes are worth being started
_MOST = 3  # processes: the one that writes has no time to listen to more
_LENGTH = 8  # bytes that tell how long a message is


class _Work(msgspec.Struct):
    """What a process is to do: gather `shares`, one after the other."""

    root: str
    until: int | None
    shares: list[Stretch]


class _Batch(msgspec.Struct, tag=True):
    """A batch of a share."""

    gathered: Gathered


class _End(msgspec.Struct, tag=True):
    """Behind the last batch of a share: how many lines there are to the share's end."""

    lines: int


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Batch | _End).decode
_decode_work = msgspec.msgpack.Decoder(_Work).decode


def worth_it(root: str, stretches: list[Stretch]) -> bool:
    """Whether several processes read `stretches` in less time than this one alone."""
    now = sizes(root)
    return _cores() > 1 and sum(now.get(s.file.name, 0) - s.offset for s in stretches) > ENOUGH


def gather_ahead(root: str, stretches: list[Stretch], until: int | None) -> Iterator[Gathered]:
    """What `gather` makes of `stretches`, one after the other.

    Args:
        root: the data root.
        stretches: of different days.
        until: epoch milliseconds; later lines are left out.

    Raises:
        OSError: a day cannot be read.
    """
    lengths = _lengths()
    cuts = [list(_shares(root, stretch, lengths)) for stretch in stretches]
    shares = [share for cut in cuts for share in cut]
    count = min(_cores(), _MOST, len(shares))
    with contextlib.ExitStack() as stack:
        workers = [stack.enter_context(_Worker(_Work(root, until, shares[i::count]))) for i in range(count)]
        turn = cycle(workers)
        for stretch, cut in zip(stretches, cuts, strict=True):
            start, number, lines = stretch.offset, stretch.number, 0
            for share in cut:
                for message in next(turn).messages(share):
                    if isinstance(message, _End):
                        lines = message.lines
                        continue
                    # A share counts its lines from its own beginning, and does not know what batch is before it.
                    got = message.gathered
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


def _shares(root: str, stretch: Stretch, lengths: Iterator[int]) -> Iterator[Stretch]:
    """`stretch` cut at ends of lines. Not that of an archived day, which is read from its beginning anyway."""
    file, start, length = stretch.file, stretch.offset, next(lengths)
    if listed(root).get(file.name) == [""]:
        with Day(root, file.name) as day:
            while day.size - start > length:
                end = start + length
                for chunk in day.chunks(end, day.size):
                    found = b"" if isinstance(chunk, Damage) else chunk
                    end += found.find(b"\n") + 1 or len(found)
                    if b"\n" in found:
                        break
                yield Stretch(file, start, 0, end)
                start, length = end, next(lengths)
    yield Stretch(file, start, 0)


def _read(root: str, share: Stretch, until: int | None) -> Iterator[_Batch | _End]:
    """The batches of `share`, and its end."""
    offset, lines = share.offset, share.number
    for gathered in gather(root, share, until=until):
        offset, lines = gathered.offset, gathered.number
        yield _Batch(gathered)
    with Day(root, share.file.name) as day:
        chunks = day.chunks(offset, share.end)  # nothing, or blank lines
        yield _End(lines + sum(chunk.count(b"\n") for chunk in chunks if not isinstance(chunk, Damage)))


class _Worker:
    """A process that reads ahead; it waits while its last words are not heard."""

    def __init__(self, work: _Work) -> None:
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

    def messages(self, share: Stretch) -> Iterator[_Batch | _End]:
        """What `_read` gives for `share`, the next one of this process; where it is silent, what this one finds."""
        at = share
        while message := self._next():
            if isinstance(message, _Batch):
                at = at._replace(offset=message.gathered.offset, number=message.gathered.number)
            yield message
            if isinstance(message, _End):
                return
        yield from _read(self.work.root, at, self.work.until)

    def _next(self) -> _Batch | _End | None:
        assert self.process.stdout
        size = self.process.stdout.read(_LENGTH)
        message = self.process.stdout.read(int.from_bytes(size, "big"))
        return _decode(message) if size and len(message) == int.from_bytes(size, "big") else None


def main() -> None:
    """Do what is told on standard input, and tell on standard output what comes of it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for who started us, who ends us
    work = _decode_work(sys.stdin.buffer.read())
    with contextlib.suppress(BrokenPipeError), sys.stdout.buffer as out, contextlib.suppress(OSError):
        for share in work.shares:
            for message in _read(work.root, share, work.until):
                encoded = _encode(message)
                out.write(len(encoded).to_bytes(_LENGTH, "big"))
                out.write(encoded)
                out.flush()


if __name__ == "__main__":
    main()
