"""pi: the entries of its session files, and the events of our extension, into changes.

Measured on versions 1.6.0 and 0.73.1. A fork's file begins with copies of its origin's entries, ids and times included.
An entry's id has only 8 hex digits, so a row is named by it and its time.
"""

from clankers.log.reader import Event
from projector.adapters.base import Adapter, Meaning, merge_cases
from projector.adapters.pi import entries, live
from projector.adapters.pi.common import SOURCE, TOOLS, session_of


def _fallback(event: Event) -> Meaning:
    """An entry or event of an unknown type still names its session.

    Raises:
        msgspec.ValidationError: it does not.
    """
    return (entries.plain if session_of(event) else live.plain)(event)


ADAPTER = Adapter(
    SOURCE,
    merge_cases(entries.CASES, live.CASES),
    _fallback,
    TOOLS,
    owner=session_of,
    only_live=frozenset({"sessions.status", "sessions.ended_at"}),
)
