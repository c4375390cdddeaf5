"""Gemini CLI: hook payloads and records of its chat files into changes.

Hooks come as events happen, with the time of each. The chat files are the client's own record and win over hooks
(Rank.RECORD). Only hooks report when a session ended, its status, how long a tool took, and calls that were killed.

Measured on versions 0.61.0 and 0.36.0. The client's own way of reading its files loses what was spent: a list that
replaces the conversation lacks the tokens of earlier responses, or the responses.
"""

from clankers.log.reader import Event
from projector.adapters.base import Adapter, Meaning, merge_cases
from projector.adapters.gemini import chat, hooks
from projector.adapters.gemini.common import SOURCE, TOOLS, place_of


def _fallback(event: Event) -> Meaning:
    """An event of an unknown type still names its session, and a message of an unknown type is one.

    Raises:
        msgspec.ValidationError: it does not.
    """
    return (chat.message if place_of(event) else hooks.plain)(event)


ADAPTER = Adapter(
    SOURCE,
    merge_cases(hooks.CASES, chat.CASES),
    _fallback,
    TOOLS,
    owner=chat.owner,
    only_live=frozenset({"sessions.status", "sessions.ended_at", "tools.duration_ms"}),
)
