"""The fields of an event log's line that recording needs."""

from typing import TypedDict

from clankers.ingest.line_fields import fields_parser


class _Shell(TypedDict, total=False):
    exitCode: int | None


class _Result(TypedDict, total=False):
    content: str | None


class _Data(TypedDict, total=False):
    success: bool | None
    shellExecution: _Shell | None
    result: _Result | None
    content: object
    messages: object
    requestMessages: object


class _Line(TypedDict, total=False):
    type: str
    id: str
    timestamp: str
    data: _Data


parse = fields_parser(_Line)
