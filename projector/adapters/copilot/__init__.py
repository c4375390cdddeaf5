"""GitHub Copilot CLI: the lines of its event logs, its descriptions of sessions, and its hooks, into changes.

Measured on versions 1.0.60, 1.0.86 and 1.0.102, which write three generations of token counts, also into one log: a
record of each request, the session's sums at each shutdown, the run's sums. `projector.derived.request_usage` puts
them together. A fork's log begins with copies of its origin's lines, ids included.
"""

from clankers.log.reader import Event
from projector.adapters.base import Adapter, Meaning, merge_cases
from projector.adapters.copilot import events, hooks
from projector.adapters.copilot.common import SOURCE, TOOLS, session_of
from projector.adapters.copilot.unknown import unknown


def _fallback(event: Event) -> Meaning:
    """A line or event of an unknown type still names its session.

    Raises:
        msgspec.ValidationError: it does not.
    """
    return (events.plain if session_of(event) else hooks.plain)(event)


ADAPTER = Adapter(
    SOURCE,
    merge_cases(events.CASES, hooks.CASES),
    _fallback,
    TOOLS,
    owner=session_of,
    unknown=unknown,
    client_version=events.client_version,
)
