"""One adapter a harness: a pure function from an event of the log to changes. No IO, no clock."""

from collections.abc import Callable
from typing import NamedTuple

import msgspec

from clankers.log.envelope import INVALID
from clankers.log.reader import Event
from projector.adapters import claude_code, opencode
from projector.adapters.session_sync import body
from projector.model.changes import Change

_Case = Callable[[Event], list[Change]]


class Adapter(NamedTuple):
    """What one harness's events mean.

    Attributes:
        cases: by event type.
        fallback: for a type that no case knows.
    """

    cases: dict[str, _Case]
    fallback: _Case


ADAPTERS: dict[str, Adapter] = {
    claude_code.SOURCE: Adapter(claude_code.CASES, claude_code.fallback),
    opencode.SOURCE: Adapter(opencode.CASES, opencode.fallback),
    body.SOURCE: Adapter(body.CASES, body.fallback),
}


class UnusableError(Exception):
    """An event that its adapter cannot read; the message says which field is wrong."""


def adapt(event: Event) -> tuple[list[Change], bool]:
    """The changes that `event` makes, and whether its type is known.

    Raises:
        UnusableError: the payload is not what its type promises.
    """
    adapter = ADAPTERS.get(event.source)
    if adapter is None:
        return [], event.source == "clankers"
    if event.type == INVALID:
        raise UnusableError("input that was not one JSON document; its payload says why")
    case = adapter.cases.get(event.type)
    if case is None:
        try:
            return adapter.fallback(event), False
        except (msgspec.MsgspecError, ValueError, RecursionError):
            return [], False
    try:
        return case(event), True
    except (msgspec.MsgspecError, ValueError, RecursionError) as e:
        raise UnusableError(f"{event.source} {event.type}: {e}") from None
