"""What stands in a damaged line: whole lines, NUL bytes, and torn pieces, some of lines that stand whole elsewhere."""

import re
from typing import NamedTuple

from clankers.log.envelope import CRC_KEY, CRC_TAIL, HEAD
from clankers.log.reader import log_files
from clankers.log.segments import Damage
from clankers.maintenance import verify
from clankers.maintenance.line_validation import whole

_MAX_LOOKS = 64  # places in a damaged line where a whole one may begin
_ID = re.compile(re.escape(HEAD) + rb'"(?:[^"\\\x00-\x1f]|\\.)+",')
_BEFORE_TS, _TS = len('"ts":"'), len("2026-11-20T23:45:39.317Z")


class Part(NamedTuple):
    """A piece of a damaged line: `whole` (with a CRC or without), `nul` or `torn`."""

    start: int
    end: int
    kind: str
    has_crc: bool = False


def whole_elsewhere(root: str, damaged: list[bytes]) -> dict[bytes, list[bytes]]:
    """By the beginning up to its id, the whole lines of the log of which pieces stand in the lines `damaged`."""
    known: dict[bytes, list[bytes]] = {}
    for raw in damaged:
        for part in [Part(0, len(raw), "torn"), *parts_of(raw)]:
            if part.kind == "torn" and (m := _ID.match(raw, part.start, part.end)):
                known[m[0]] = []
    for file in log_files(root) if known else ():
        for _, _, line, closed in verify.lines(root, file.name):
            if (
                closed
                and not isinstance(line, Damage)
                and (m := _ID.match(line))
                and m[0] in known
                and whole(line) is not False
            ):
                known[m[0]].append(line)
    return known


def stands_elsewhere(piece: bytes, known: dict[bytes, list[bytes]]) -> bool:
    """Whether all of `piece` is the beginning of one of the lines `known`, but for the time of the append."""
    m = _ID.match(piece)
    if not m:
        return False
    ts = m.end() + _BEFORE_TS

    def timeless(text: bytes) -> bytes:
        return text[:ts] + text[ts + _TS :]

    for line in known[m[0]]:
        tail = CRC_TAIL if line[-CRC_TAIL:].startswith(CRC_KEY) else 1
        body, rest = timeless(line[:-tail]), timeless(piece)
        if body.startswith(rest):
            return True
        # The piece ends within the CRC, which tells the time too.
        end = rest[len(body) :]
        if rest.startswith(body) and len(end) < CRC_TAIL and CRC_KEY.startswith(end[: len(CRC_KEY)]):
            return True
    return False


def parts_of(raw: bytes) -> list[Part]:
    """A damaged line in pieces: the whole lines in it, the runs of NUL bytes, and what is between them."""
    starts = [m.start() for m in re.finditer(re.escape(HEAD), raw)][:_MAX_LOOKS]
    nuls = [m.span() for m in re.finditer(rb"\0+", raw)]
    ends = sorted(
        {end for s in starts for end in (s, s - 1)} | {s for s, _ in nuls[:_MAX_LOOKS]} | {len(raw) - 1, len(raw)}
    )
    found: list[Part] = []
    done = 0
    for start in starts:
        if start < done:
            continue
        for end in ends:
            if end > start and raw[end - 1 : end] == b"}":
                sound = whole(raw[start:end])
                if sound is not False:
                    found.append(Part(start, end, "whole", sound is True))
                    done = end
                    break
    found += [Part(s, e, "nul") for s, e in nuls if not any(p.start <= s < p.end for p in found)]
    return _with_gaps(sorted(found), len(raw))


def _with_gaps(found: list[Part], size: int) -> list[Part]:
    parts: list[Part] = []
    done = 0
    for part in [*found, Part(size, size, "end")]:
        if part.start > done:
            parts.append(Part(done, part.start, "torn"))
        if part.kind != "end":
            parts.append(part)
        done = part.end
    return parts
