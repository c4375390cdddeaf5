"""Whether bytes are exactly one valid line of format version 1.

Stricter than reading, which uses whatever it can: the keys must be those of the format, in their order, so that a line
with a damaged `"crc"` key does not pass as one that never had a CRC.
"""

import re

import msgspec

from clankers.log import envelope, strict_json
from clankers.log.envelope import CRC_TAIL, crc_holds

_PLAIN = rb'[^"\\\x00-\x1f]*+'
_STRING = rb'"(?!")' + _PLAIN + rb'(?:\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})' + _PLAIN + rb')*+"'
BEFORE_PAYLOAD = re.compile(
    rb'\{"v":1,"id":(?P<id>' + _STRING + rb'),"ts":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z",'
    rb'"level":"(?:info|warn|error)","source":' + _STRING + rb',"type":' + _STRING + rb',"payload":'
)

_one_document = msgspec.json.Decoder(msgspec.Raw).decode


def is_valid(raw: bytes) -> bool:
    """Whether `raw` is one valid line without its newline; if it has a CRC, that must hold."""
    crc = crc_holds(raw)
    head = BEFORE_PAYLOAD.match(raw)
    return crc is not False and head is not None and rest_is_valid(raw, head.end(), has_crc=crc is True)


def rest_is_valid(raw: bytes, start: int, *, has_crc: bool) -> bool:
    """Whether one JSON document and the line's end follow at `start`, and all of `raw` is UTF-8."""
    end = len(raw) - (CRC_TAIL if has_crc else 1)
    if raw[-2:] != b'"}' if has_crc else raw[-1:] != b"}":
        return False
    try:
        if not raw.isascii():
            raw.decode()
        payload = memoryview(raw)[start:end]
        try:
            _one_document(payload)
        except msgspec.DecodeError:
            strict_json.parse(strict_json.trim(bytes(payload)))  # half of a character, which JSON allows
    except (ValueError, RecursionError):
        return False
    return True


def reason(raw: bytes) -> str:
    """What is wrong with a line that is not valid."""
    if nul := raw.count(b"\0"):
        return f"{nul} NUL bytes, as a power loss leaves them"
    if not raw.startswith(b"{"):
        return "not a line of the log: it does not begin like one"
    if crc_holds(raw) is False:
        return "the CRC does not hold: the line was damaged or edited"
    try:
        document = strict_json.parse(raw)
    except strict_json.NotJSONError as e:
        return f"not a line of the log: {e}"
    version = document.get("v")
    if version != b"%d" % envelope.VERSION:  # numbers come as text
        return "not a line of format version 1"
    return "not a line of the log: its keys are not those of version 1, in their order, or their values are not"
