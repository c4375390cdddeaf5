"""The parts of a damaged line: complete lines, NUL bytes, and fragments of lines that may be complete elsewhere."""

import re
from typing import NamedTuple

from clankers.log.embedded import embedded_lines
from clankers.log.envelope import CRC_KEY, CRC_TAIL, HEAD, crc_holds
from clankers.log.reader import log_files
from clankers.log.segments import Damage
from clankers.maintenance import verify
from clankers.maintenance.line_validation import is_valid

_ID = re.compile(re.escape(HEAD) + rb'"(?:[^"\\\x00-\x1f]|\\.)+",')
_NULS = re.compile(rb"\0+")
_BEFORE_TS, _TS = len('"ts":"'), len("2026-11-20T23:45:39.317Z")

COMPLETE, NULS, TORN = "complete", "nuls", "torn"


class Fragment(NamedTuple):
    """A part of a damaged line, from byte `start` up to `end`.

    Attributes:
        kind: `COMPLETE`, `NULS` or `TORN`.
        has_crc: whether it is a complete line with a CRC that holds.
    """

    start: int
    end: int
    kind: str
    has_crc: bool = False


def fragments_of(raw: bytes) -> list[Fragment]:
    """All of the damaged line `raw`: the complete lines in it, the runs of NUL bytes, and what is between them."""
    complete = [
        Fragment(start, end, COMPLETE, crc_holds(raw[start:end]) is True)
        for start, end, _ in embedded_lines(raw, lambda text: text if is_valid(text) else None)
    ]
    nuls = [Fragment(*m.span(), NULS) for m in _NULS.finditer(raw)]
    found: list[Fragment] = []
    done = 0
    for one in sorted([*complete, *nuls]):
        if one.start < done:
            continue  # NUL bytes within a complete line
        if one.start > done:
            found.append(Fragment(done, one.start, TORN))
        found.append(one)
        done = one.end
    if done < len(raw):
        found.append(Fragment(done, len(raw), TORN))
    return found


def complete_elsewhere(root: str, damaged: list[bytes]) -> dict[bytes, list[bytes]]:
    """The complete lines of the log of which fragments are in the lines `damaged`, by their bytes up to the id."""
    known: dict[bytes, list[bytes]] = {}
    for raw in damaged:
        for one in [Fragment(0, len(raw), TORN), *fragments_of(raw)]:
            if one.kind == TORN and (m := _ID.match(raw, one.start, one.end)):
                known[m[0]] = []
    for file in log_files(root) if known else ():
        for _, _, line, closed in verify.lines(root, file.name):
            if closed and not isinstance(line, Damage) and (m := _ID.match(line)) and m[0] in known and is_valid(line):
                known[m[0]].append(line)
    return known


def is_elsewhere(fragment: bytes, known: dict[bytes, list[bytes]]) -> bool:
    """Whether all of `fragment` is the beginning of one of the lines `known`, but for the time of the append."""
    m = _ID.match(fragment)
    if not m:
        return False
    ts = m.end() + _BEFORE_TS

    def timeless(text: bytes) -> bytes:
        return text[:ts] + text[ts + _TS :]

    for line in known[m[0]]:
        tail = CRC_TAIL if line[-CRC_TAIL:].startswith(CRC_KEY) else 1
        body, rest = timeless(line[:-tail]), timeless(fragment)
        if body.startswith(rest):
            return True
        # The fragment ends within the CRC, which depends on the time, too.
        end = rest[len(body) :]
        if rest.startswith(body) and len(end) < CRC_TAIL and CRC_KEY.startswith(end[: len(CRC_KEY)]):
            return True
    return False
