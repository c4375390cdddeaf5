"""The log line, version 1: one JSON object, compact, keys in a fixed order, a CRC last.

    {"v":1,"id":"...","ts":"2026-11-20T23:45:39.317Z","level":"info","source":"...","type":"...","payload":{...},"crc":"..."}

The README describes the keys. Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
import time
from zlib import crc32

from clankers.log.strict_json import quote

VERSION = 1
HEAD = b'{"v":1,"id":'  # how each of our lines begins; readers find lines within a torn one by it
CRC_KEY = b',"crc":"'
CRC_TAIL = len(CRC_KEY) + 8 + len(b'"}')  # bytes from the CRC's key to the end of the line

_MOST = 100
_abouts: dict[tuple[int, str, str, str], bytes] = {}  # what is between id and payload, equal in many lines of a batch

INFO = "info"
WARN = "warn"
ERROR = "error"
INVALID = "invalid"  # the type of a line whose input was not one JSON document


def stamp(now_ns: int) -> str:
    """`now_ns` (nanoseconds since the epoch) as RFC 3339 in UTC with milliseconds."""
    t = time.gmtime(now_ns // 1_000_000_000)
    ms = now_ns // 1_000_000 % 1000
    return f"{t[0]:04}-{t[1]:02}-{t[2]:02}T{t[3]:02}:{t[4]:02}:{t[5]:02}.{ms:03}Z"


def day_of(now_ns: int) -> str:
    """The UTC day of `now_ns` (nanoseconds since the epoch), as the log's files are named."""
    return stamp(now_ns)[:10]


def uuid7(now_ns: int) -> str:
    """A UUID of version 7 (RFC 9562, section 5.7). The 12 bits after the version hold the fraction of the millisecond
    (method 3 of section 6.2), so ids made one after the other sort as they were made.
    """  # noqa: D205
    ms, fraction = divmod(now_ns, 1_000_000)
    tail = int.from_bytes(os.urandom(8), "big") & 0x3FFF_FFFF_FFFF_FFFF
    n = ms << 80 | 7 << 76 | (fraction * 4096 // 1_000_000) << 64 | 2 << 62 | tail
    h = f"{n:032x}"
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def line(
    source: str, kind: str, payload: bytes, *, level: str = INFO, id: str | None = None, now_ns: int | None = None
) -> bytes:
    r"""One line of the log, with its newline.

    Args:
        source: the harness, or `clankers` for the recorder itself.
        kind: the harness's name for the event.
        payload: one JSON document, kept byte for byte, but for newlines between tokens, which become spaces
            (JSON strings have no raw newlines).
        level: `info`, `warn` or `error`.
        id: of an imported record, derived from its source; None: a new UUIDv7.
        now_ns: the time of the append, in nanoseconds since the epoch; None: now.
    """
    now = time.time_ns() if now_ns is None else now_ns
    key = (now, level, source, kind)
    about = _abouts.get(key)
    if about is None:
        if len(_abouts) >= _MOST:
            _abouts.clear()
        at = stamp(now).encode("ascii")
        about = b',"ts":"%s","level":"%s","source":%s,"type":%s' % (
            at,
            level.encode("ascii"),
            quote(source),
            quote(kind),
        )
        _abouts[key] = about
    name = b'"%s"' % uuid7(now).encode("ascii") if id is None else quote(id)
    body = b'%s%s%s,"payload":%s' % (HEAD, name, about, payload.replace(b"\n", b" "))
    return b'%s%s%08x"}\n' % (body, CRC_KEY, crc32(body))


def invalid(raw: bytes, error: str) -> bytes:
    """The payload for input `raw` that is not one JSON document: as text, or in base64 if it is not UTF-8."""
    try:
        kept = b'"raw":' + quote(raw.decode())
    except UnicodeDecodeError:
        from binascii import b2a_base64

        kept = b'"raw_b64":"' + b2a_base64(raw, newline=False) + b'"'
    return b'{"error":' + quote(error) + b"," + kept + b"}"


def crc_holds(text: bytes) -> bool | None:
    """Whether the CRC of the line `text` (without its newline) is right; None where the line has none."""
    if text[-CRC_TAIL : -CRC_TAIL + len(CRC_KEY)] != CRC_KEY:
        return None
    return text.endswith(b'%s%08x"}' % (CRC_KEY, crc32(memoryview(text)[:-CRC_TAIL])))
