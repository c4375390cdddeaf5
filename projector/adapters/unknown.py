"""What an event of a known type holds that its adapter does not read: members with text or counts, types of parts."""

from collections.abc import Callable, Collection, Iterator
from itertools import islice

from msgspec import MsgspecError, Raw
from msgspec.json import Decoder, decode

from clankers.log.reader import Event

MOST = 8  # names that one event may add: a client that uses data as names must not fill the table
_LONGEST = 64  # characters of a name


def texts(members: dict[str, Raw], known: Collection[str], place: str) -> Iterator[str]:
    """The members outside `known` that are texts, as `place.name`."""
    return (
        _named(place, name)
        for name, raw in members.items()
        if name not in known and _is_text(raw) and bytes(raw) != b'""'
    )


def counts(members: dict[str, Raw], known: Collection[str], place: str) -> Iterator[str]:
    """The members outside `known` that are numbers above zero, as `place.name`."""
    return (_named(place, name) for name, raw in members.items() if name not in known and _is_positive(raw))


def members(raw: Raw | bytes | None) -> dict[str, Raw]:
    """The members of a JSON object; none for anything else."""
    try:
        return _members(raw) if raw is not None else {}
    except MsgspecError:
        return {}


def elements(raw: Raw | None) -> list[Raw]:
    """The elements of a JSON list; none for anything else."""
    try:
        return _elements(raw) if raw is not None else []
    except MsgspecError:
        return []


def text_of(raw: Raw | None) -> str:
    """The text in `raw`; empty for anything else."""
    return decode(raw, type=str) if raw is not None and _is_text(raw) else ""


def limited(find: Callable[[Event], Iterator[str]]) -> Callable[[Event], list[str]]:
    """`find` for an adapter: each name once, and only some of many."""
    return lambda event: list(islice(dict.fromkeys(find(event)), MOST))


def _named(place: str, name: str) -> str:
    return f"{place}.{name[:_LONGEST]}"


def _is_text(raw: Raw) -> bool:
    return bytes(raw)[:1] == b'"'


def _is_positive(raw: Raw) -> bool:
    return bytes(raw)[:1].isdigit() and decode(raw, type=float) > 0


_members = Decoder(dict[str, Raw]).decode
_elements = Decoder(list[Raw]).decode
