"""OpenHands: the events and states of its conversations, and its hooks, into changes.

Measured on version 1.16.0 of the command line. A run that is killed loses what it used: the client writes that down at
the end of a run only.
"""

from clankers.log.reader import Event
from projector.adapters.base import Adapter, Meaning, merge_cases
from projector.adapters.openhands import events, hooks, states
from projector.adapters.openhands.common import EVENT, SOURCE, TOOLS
from projector.adapters.openhands.unknown import unknown


def _fallback(event: Event) -> Meaning:
    """An event of an unknown type still names its session.

    Raises:
        msgspec.ValidationError: it does not.
    """
    return (events.plain if event.type.startswith(EVENT) else hooks.plain)(event)


ADAPTER = Adapter(
    SOURCE,
    merge_cases(hooks.CASES, events.CASES, states.CASES),
    _fallback,
    TOOLS,
    unknown=unknown,
    only_live=frozenset({"sessions.status", "sessions.ended_at"}),
)
