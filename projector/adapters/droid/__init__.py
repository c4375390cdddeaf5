"""Factory's Droid: the lines of its session files, its settings and its hooks, into changes.

Measured on version 0.215.0. Tokens are known for the session only: each time its settings were read, the difference is
in a row of its own. A fork copies messages with their ids, and its file names its origin.
"""

from clankers.log.reader import Event
from projector.adapters.base import Adapter, Meaning, merge_cases
from projector.adapters.droid import hooks, lines, settings
from projector.adapters.droid.common import LINE, SOURCE, TOOLS, session_of
from projector.adapters.droid.unknown import unknown


def _fallback(event: Event) -> Meaning:
    """A line or event of an unknown type still names its session.

    Raises:
        msgspec.ValidationError: it does not.
    """
    return (lines.plain if event.type.startswith(LINE) else hooks.plain)(event)


ADAPTER = Adapter(
    SOURCE,
    merge_cases(hooks.CASES, lines.CASES, settings.CASES),
    _fallback,
    TOOLS,
    owner=session_of,
    unknown=unknown,
    only_live=frozenset({"sessions.status", "sessions.ended_at"}),
)
