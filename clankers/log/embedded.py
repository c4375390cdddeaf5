"""Complete lines within a torn one: a writer died in a line, and the next one appended without starting a new line."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TypeVar

from clankers.log.envelope import HEAD

_HEAD = re.compile(re.escape(HEAD))
_NULS = re.compile(rb"\0+")
# So that no line, whoever wrote it, takes more than a few seconds:
_MAX_STARTS = 1024  # places in a line where a complete one may begin
_MAX_ENDS = 48  # ends that are tried for each of them

T = TypeVar("T")


def embedded_lines(raw: bytes, decode: Callable[[bytes], T | None]) -> Iterator[tuple[int, int, T]]:
    """The complete lines within `raw`, in order and apart: start, end, and what `decode` made of them.

    A line ends where the next one begins, or one byte before that: a newline that was damaged; or before NUL bytes,
    which a power loss leaves, or at the end of `raw`.

    Args:
        raw: a line without its newline that is not a complete one.
        decode: returns None for bytes that are not exactly one complete line.
    """
    starts = [m.start() for m in islice(_HEAD.finditer(raw), _MAX_STARTS)]
    nuls = [m.start() for m in islice(_NULS.finditer(raw), _MAX_STARTS)]
    ends = sorted({*(end for start in starts for end in (start - 1, start)), *nuls, len(raw) - 1, len(raw)})
    done = 0
    for start in starts:
        if start < done:
            continue
        first = bisect_right(ends, start)
        for end in ends[first : first + _MAX_ENDS]:
            if raw[end - 1 : end] == b"}" and (line := decode(raw[start:end])) is not None:
                yield start, end, line
                done = end
                break
