"""Is this one whole line of format version 1, and nothing else?

Stricter than reading, which takes whatever it can use: the keys are those of the format, in their order, so that a
damaged `"crc"` does not make a line pass as one that never had any.
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


def whole(raw: bytes) -> bool | None:
    """Whether `raw` is a whole line without its newline: True with a CRC that holds, None without a CRC, else False."""
    sound = crc_holds(raw)
    head = BEFORE_PAYLOAD.match(raw)
    if sound is False or not head or not rest_is_right(raw, head.end(), has_crc=sound is True):
        return False
    return sound


def rest_is_right(raw: bytes, start: int, *, has_crc: bool) -> bool:
    """Whether one JSON document and the line's end stand behind `start`, and the whole is UTF-8."""
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


def why(raw: bytes) -> str:
    """What is wrong with a line that is not whole."""
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
