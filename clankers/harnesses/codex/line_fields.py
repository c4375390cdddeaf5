"""The fields of a rollout's line, and of one of the titles, that recording needs."""

from typing import TypedDict

from clankers.ingest.line_fields import fields_parser


class _Item(TypedDict, total=False):
    status: str | None


class _Payload(TypedDict, total=False):
    type: str
    status: str | None
    success: bool | None
    error: dict[str, object] | str | None
    item: _Item


class _Line(TypedDict, total=False):
    type: str
    id: str
    payload: _Payload


parse = fields_parser(_Line)
