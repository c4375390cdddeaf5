"""Decodes only the fields of a line that recording needs.

`strict_json.parse` takes seven times as long, which matters to an import of many lines. A hook reads a line or two, and
importing msgspec would take it longer.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from clankers.log import strict_json


def fields_parser(fields: type) -> Callable[[bytes], Any]:
    """What returns what `strict_json.parse` does for a line, without the fields that are not in `fields`.

    It raises NotJSONError as `strict_json.parse` does.

    Args:
        fields: a TypedDict.
    """
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(fields)
    decode = decoder.decode

    def parse(raw: bytes) -> Any:
        try:
            line = decode(raw)  # checks all of it, but for the encoding of what it skips, and the depth
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return strict_json.parse(raw)  # of another shape, or no JSON: it knows why
        if strict_json.may_be_deep(raw) or not (raw.isascii() or _is_utf8(raw)):
            return strict_json.parse(raw)
        return line

    return parse


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
