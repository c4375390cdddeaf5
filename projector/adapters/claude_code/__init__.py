"""Claude Code: hook payloads and transcript records into changes.

Hooks come as events happen, timed by us. The transcript is the client's own record and wins wherever both speak
(Rank.RECORD); only the hooks know when a session ended, how it stands, and how long a tool took.

Measured on version 2.1.329. One response of the model is several transcript lines with one `message.id`, each with the
same usage. A fork copies lines with their ids under its own `sessionId`: assistant lines then bear the original in
`requestSessionId`, lines of an in-session branch in `forkedFrom`, the others bear no mark (`projector.derived.forks`).
"""

from collections.abc import Callable

from clankers.log.reader import Event
from projector.adapters.claude_code import hooks, transcript
from projector.adapters.claude_code.common import SOURCE
from projector.model.changes import Change

__all__ = ["CASES", "SOURCE", "fallback"]

CASES: dict[str, Callable[[Event], list[Change]]] = hooks.CASES | transcript.CASES


def fallback(event: Event) -> list[Change]:
    """An event whose type is not known: at least it names its session.

    Raises:
        msgspec.ValidationError: it does not.
    """
    return (transcript.state if event.type.startswith("transcript.") else hooks.plain)(event)
