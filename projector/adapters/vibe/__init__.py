"""Mistral Vibe: the journals and stores of its sessions, and its hooks, into changes.

Measured on versions 3.0.2 and 2.18.4. The journal of 3.x has the tokens of each response, and is pruned: of older runs
the store has only the session's sum. 2.x has only that, and copies all messages into a new session when it resumes.
"""

from clankers.log.reader import Event
from projector.adapters.base import Adapter, Meaning, merge_cases
from projector.adapters.vibe import heads, hooks, journal, old_messages, turns
from projector.adapters.vibe.common import JOURNAL, SOURCE, TOOLS, session_of
from projector.adapters.vibe.unknown import unknown


def _fallback(event: Event) -> Meaning:
    """A line or event of an unknown type still names its session.

    Raises:
        msgspec.ValidationError: it does not.
    """
    return (journal.plain if event.type.startswith(JOURNAL) else hooks.plain)(event)


ADAPTER = Adapter(
    SOURCE,
    merge_cases(hooks.CASES, journal.CASES, turns.CASES, heads.CASES, old_messages.CASES),
    _fallback,
    TOOLS,
    owner=session_of,
    unknown=unknown,
    only_live=frozenset({"sessions.status"}),
)
