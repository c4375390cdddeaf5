"""Types of foreign JSON that adapters share. They declare the fields that are read; msgspec skips the others."""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated

from msgspec import Meta, Raw, Struct
from msgspec.json import decode

Id = Annotated[str, Meta(min_length=1, max_length=512)]
Count = Annotated[int, Meta(ge=0, le=2**40)]  # tokens or milliseconds: the sum of millions fits into 64 bits
Millis = Annotated[int, Meta(ge=0, le=2**53)]  # since the epoch
Dollars = Annotated[float, Meta(ge=0, le=1e12)]
Int = Annotated[int, Meta(ge=-(2**53), le=2**53)]

ABSENT = Raw(b"null")


class Wire(Struct):
    """The root of all foreign structs."""


@lru_cache(16)  # several changes of an event have its time
def millis(text: str) -> int:
    """The RFC 3339 time `text` as epoch milliseconds; UTC if it has no zone.

    Raises:
        ValueError: it is not such a time.
    """
    try:
        t = datetime.fromisoformat(text)
    except ValueError:
        t = _other_form(text)
    if t.tzinfo is None:
        t = t.replace(tzinfo=UTC)
    return round(t.timestamp() * 1000)


_LEAP_SECOND = re.compile(r"(.{10}T\d\d:\d\d:)60(.*)")


def _other_form(text: str) -> datetime:
    """A time of RFC 3339 that Python does not parse: in lower case, or in a leap second, which is the next second.

    Raises:
        ValueError: it is not such a time.
    """
    leap = _LEAP_SECOND.fullmatch(text := text.upper())
    return (
        datetime.fromisoformat(f"{leap[1]}59{leap[2]}") + timedelta(seconds=1) if leap else datetime.fromisoformat(text)
    )


_SECONDS = 10**11  # smaller numbers are seconds since the epoch, larger ones milliseconds: it is the year 5138


def any_millis(time: str | float | None) -> int | None:
    """A time in any form that clients use, as epoch milliseconds: RFC 3339, or a number. None if it is none of them."""
    if isinstance(time, str):
        try:
            return millis(time)
        except ValueError:
            try:
                time = float(time)
            except ValueError:
                return None
    if time is None or not 0 < time < 2**53:
        return None
    return round(time if time >= _SECONDS else time * 1000)


def json_text(raw: Raw) -> str | None:
    """`raw` as text; None if it is absent or null."""
    text = bytes(raw).decode("utf-8", "replace")
    return None if text == "null" else text


def as_object(raw: Raw) -> dict[str, object]:
    """`raw` as a dict; empty if it is not a JSON object."""
    value = decode(raw)
    return value if isinstance(value, dict) else {}
