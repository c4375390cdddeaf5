"""Which one byte of a damaged line was changed? Its CRC tells.

CRC-32 is linear: two texts of one length differ in their CRCs by what the difference of their bytes alone makes of the
register. So the difference between the CRC that a line bears and the one that its bytes have, turned back byte by byte
from the line's end, is at the damaged byte what that byte's change put into the register: one pass over the line.

Other damage looks like one changed byte by chance: each place and each change hits one CRC of 2^32. So it is not enough
that there is one candidate; a line must also be short enough for the chance to be small.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple
from zlib import crc32

from clankers.log.envelope import CRC_KEY, CRC_TAIL
from clankers.maintenance.line_validation import whole

CHANCE = 0.01  # at most, that other damage has a candidate: lines up to 168 kB, of one bit up to 5.3 MB

_TAIL = re.compile(re.escape(CRC_KEY) + rb'([0-9a-f]{8})"\}')


def _table() -> list[int]:
    """What each byte makes of an empty register."""
    table = []
    for byte in range(256):
        register = byte
        for _ in range(8):
            register = register >> 1 ^ (0xEDB8_8320 if register & 1 else 0)
        table.append(register)
    return table


_TABLE = _table()
_BY_TOP = [0] * 256  # the byte whose entry has that highest byte: each has another
for _byte, _entry in enumerate(_TABLE):
    _BY_TOP[_entry >> 24] = _byte


class Change(NamedTuple):
    """A byte to be put back.

    Attributes:
        at: bytes from the line's start.
        byte: what it was.
        sure: whether the chance is small that other damage looks like this.
    """

    at: int
    byte: int
    sure: bool


def changes(raw: bytes, *, only: int | None = None) -> list[Change]:
    """The changes of one byte that make `raw`, a line without its newline, a whole line with a CRC that holds.

    Args:
        raw: the damaged line.
        only: the place of the damage where it is known.
    """
    found = []
    for at, byte in _candidates(raw):
        if only is None or at == only:
            mended = b"%s%c%s" % (raw[:at], byte, raw[at + 1 :])
            if whole(mended):
                one_bit = (byte ^ raw[at]).bit_count() == 1
                tries = (8 if one_bit else 255) * (len(raw) if only is None else 1)
                found.append(Change(at, byte, tries / 2**32 <= CHANCE))
    return found


def _candidates(raw: bytes) -> Iterator[tuple[int, int]]:
    """Place and value of each byte that makes the CRC hold."""
    if len(raw) <= CRC_TAIL:
        return
    body, tail = memoryview(raw)[:-CRC_TAIL], raw[-CRC_TAIL:]
    crc = crc32(body)
    right = b'%s%08x"}' % (CRC_KEY, crc)
    wrong = [at for at in range(CRC_TAIL) if tail[at] != right[at]]
    if len(wrong) == 1:
        yield len(body) + wrong[0], right[wrong[0]]
    if m := _TAIL.fullmatch(tail):
        register = crc ^ int(m[1], 16)
        for at in range(len(body) - 1, -1, -1) if register else ():
            byte = _BY_TOP[register >> 24]
            register ^= _TABLE[byte]
            if not register:
                yield at, body[at] ^ byte
            register = register << 8 | byte
