"""Types of foreign JSON that several adapters share. Only fields that are read are declared; others are skipped."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated

from msgspec import Meta, Raw, Struct, ValidationError
from msgspec.json import Decoder, decode

Id = Annotated[str, Meta(min_length=1, max_length=512)]
Count = Annotated[int, Meta(ge=0, le=2**40)]  # tokens, milliseconds: millions of them add up within 64 bits
Millis = Annotated[int, Meta(ge=0, le=2**53)]  # since the epoch
Dollars = Annotated[float, Meta(ge=0, le=1e12)]
Int = Annotated[int, Meta(ge=-(2**53), le=2**53)]

NOTHING = Raw(b"null")


class Wire(Struct):
    """The root of all foreign structs."""


@lru_cache(16)  # an event's own time is asked for several times
def millis(text: str) -> int:
    """RFC 3339 time in `text` as epoch milliseconds; without a zone it is UTC.

    Raises:
        ValueError: it is no such time.
    """
    t = datetime.fromisoformat(text)
    if t.tzinfo is None:
        t = t.replace(tzinfo=UTC)
    return round(t.timestamp() * 1000)


def json_text(raw: Raw) -> str | None:
    """`raw` as text; None where it is absent or null."""
    text = bytes(raw).decode("utf-8", "replace")
    return None if text == "null" else text


def as_object(raw: Raw) -> dict[str, object]:
    """`raw` as a dict; empty where it is no JSON object."""
    value = decode(raw)
    return value if isinstance(value, dict) else {}


class _Paths(Wire):
    file_path: Raw = NOTHING
    filePath: Raw = NOTHING
    notebook_path: Raw = NOTHING


_paths = Decoder(_Paths).decode


def file_path(tool_input: Raw) -> str | None:
    """The file that a tool works on, where its input names one under one of the harnesses' names for it."""
    try:
        paths = _paths(tool_input)
    except ValidationError:
        return None  # no object
    for raw in (paths.file_path, paths.filePath, paths.notebook_path):
        if raw is not NOTHING and isinstance(path := decode(raw), str):
            return path
    return None
