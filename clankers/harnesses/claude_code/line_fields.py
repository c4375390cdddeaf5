"""The fields of a transcript's line that recording needs."""

from typing import TypedDict

from clankers.ingest.line_fields import fields_parser


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


parse = fields_parser(_Line)
