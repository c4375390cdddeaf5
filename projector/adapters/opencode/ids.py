"""What OpenCode's ids say: they begin with a time and a counter, and sort as they were made."""

import re

from msgspec import Raw
from msgspec.json import Decoder, decode

from clankers.log.reader import Event
from projector.adapters.wire import ABSENT, Wire, millis

_ORDERED_ID = re.compile(r"[a-z]+_([0-9a-f]{12})")  # 48 bits: the time in milliseconds, then a counter of 12 bits


def event_time(event: Event) -> int:
    """When an event happened, in epoch milliseconds: from its id, else when it was logged."""
    logged = millis(event.ts)
    own = own_id(event)
    return (made_at(own, logged) if own else None) or logged


def made_at(id: str, logged: int) -> int | None:
    """When an id was made, in epoch milliseconds; None if the id does not say.

    An id holds the lower 36 bits of the time, which repeat after two years. The result is the latest such time before
    `logged`, when its event was logged, plus a day by which clocks may differ.
    """
    m = _ORDERED_ID.match(id)
    return logged + _DAY - (logged + _DAY - (int(m[1], 16) >> 12)) % (1 << 36) if m else None


def made_since(id: str, created: int | None) -> int | None:
    """When the id of a thing was made that says it was created at `created`; epoch milliseconds. None: not known.

    A copy keeps that time under a new id. The result is the earliest such time after `created`, less a day by which
    clocks may differ.
    """
    m = _ORDERED_ID.match(id)
    if not m or created is None:
        return None
    return created - _DAY + ((int(m[1], 16) >> 12) - (created - _DAY)) % (1 << 36)


_DAY = 86_400_000  # milliseconds


def order_of(id: str) -> int:
    """A number by which the parts of a message are ordered; 0 if the id does not say."""
    m = _ORDERED_ID.match(id)
    return int(m[1], 16) if m else 0


class _Identified(Wire):
    id: Raw = ABSENT


def own_id(event: Event) -> str | None:
    """The client's id of the event; clients before 1.18 give none."""
    given = decode(_identified(event.payload).id)
    return given if isinstance(given, str) and 0 < len(given) <= 128 else None


def event_id(event: Event) -> str:
    """The client's id of the event, else ours."""
    return own_id(event) or event.id


_identified = Decoder(_Identified).decode
