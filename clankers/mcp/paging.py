"""How much an answer holds, and where the next one goes on."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from typing import TypeVar

import msgspec
from msgspec import Struct

from clankers.errors import ClankersError

LIMIT = 40_000  # characters of an answer, as JSON
_AROUND = 3_000  # of them for what stands around the items
_CHUNK = 8_000  # characters of a text: as JSON, twice as many at most

_LARGEST = 2**63 - 1  # integer of SQLite

T = TypeVar("T", bound=tuple[int | str, ...])


class ToolError(ClankersError):
    """A call cannot be answered; the message says why, and what to do, to the agent."""


class Room:
    """The characters that are left in an answer."""

    def __init__(self) -> None:
        self._left = LIMIT - _AROUND
        self._empty = True

    def takes(self, *items: Struct) -> bool:
        """Whether there is still room for all of `items`; then they take it.

        Raises:
            ToolError: they are too large for any answer.
        """
        size = sum(len(msgspec.json.encode(item).decode()) + 1 for item in items)
        if size > self._left:
            if self._empty:
                raise ToolError(f"one row has {size:,} characters, more than an answer holds; ask for less of it")
            return False
        self._left -= size
        self._empty = False
        return True


def chunks(text: str) -> Iterator[str]:
    """`text` in pieces that fit into an answer; at least one."""
    for start in range(0, max(len(text), 1), _CHUNK):
        yield text[start : start + _CHUNK]


def cursor(*place: int | str) -> str:
    """The cursor of a place."""
    return urlsafe_b64encode(msgspec.json.encode(place)).decode().rstrip("=")


def place_of(cursor: str, form: type[T]) -> T:
    """The place that `cursor` stands for.

    Args:
        cursor: made by `cursor`.
        form: the tuple of its types.

    Raises:
        ToolError: it is another tool's, or nobody's.
    """
    wrong = ToolError("this cursor is not from this tool; leave it out to begin at the beginning")
    try:
        place = msgspec.json.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=form)
    except (ValueError, msgspec.MsgspecError):
        raise wrong from None
    if not all(0 <= one <= _LARGEST for one in place if isinstance(one, int)):
        raise wrong
    return place
