"""Qwen Code: the lines of its chat files, and its hooks, into changes.

Measured on version 0.24.4. A fork's file begins with copies of its origin's lines, uuids included, which name the
origin. Requests beside the conversation, of the client's own agents and of compressions, are in its telemetry only.
"""

from clankers.log.reader import Event
from projector.adapters.base import Adapter, Meaning, merge_cases
from projector.adapters.qwen import chat, hooks
from projector.adapters.qwen.common import SOURCE, TOOLS, file_of, owner


def _fallback(event: Event) -> Meaning:
    """A line or event of an unknown type still names its session.

    Raises:
        msgspec.ValidationError: it does not.
    """
    return (chat.plain if file_of(event) else hooks.plain)(event)


ADAPTER = Adapter(
    SOURCE,
    merge_cases(hooks.CASES, chat.CASES),
    _fallback,
    TOOLS,
    owner=owner,
    client_version=chat.client_version,
    only_live=frozenset({"sessions.status", "sessions.ended_at"}),
)
