"""Decodes only the fields of a transcript's line that recording needs.

`strict_json.parse` takes seven times as long, which matters to an import of many lines. A hook reads a line or two, and
importing msgspec would take it longer.
"""

from typing import Any, TypedDict

import msgspec

from clankers.log import strict_json


class _Block(TypedDict, total=False):
    is_error: bool | None


class _Message(TypedDict, total=False):
    content: list[_Block] | str | None


class _Attachment(TypedDict, total=False):
    type: str


class _Line(TypedDict, total=False):
    type: str
    uuid: str | None
    subtype: str | None
    isApiErrorMessage: bool | None
    attachment: _Attachment
    message: _Message


_decode = msgspec.json.Decoder(_Line).decode


def parse(raw: bytes) -> Any:
    """What `strict_json.parse` returns for a line of a transcript, without the fields that recording does not need.

    Raises:
        NotJSONError: as `strict_json.parse` does.
    """
    try:
        line = _decode(raw)  # checks all of it, but for the encoding of what it skips, and the depth
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return strict_json.parse(raw)  # of another shape, or no JSON: it knows why
    if strict_json.may_be_deep(raw) or not (raw.isascii() or _is_utf8(raw)):
        return strict_json.parse(raw)
    return line


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode()
    except UnicodeDecodeError:
        return False
    return True
