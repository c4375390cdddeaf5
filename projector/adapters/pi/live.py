"""The events of our extension: they name the session and its state, and what was typed."""

from clankers.log.reader import Event
from projector.adapters.base import Case, case
from projector.adapters.pi.common import SOURCE
from projector.adapters.pi.wire import LiveEvent
from projector.adapters.session_hooks import SessionHooks
from projector.adapters.wire import any_millis, millis
from projector.model.changes import Change


def _at(event: Event, live: LiveEvent) -> int:
    """When it happened: each event has a recorder of its own, which may overtake another."""
    return any_millis(live.time) or millis(event.ts)


SESSIONS = SessionHooks(SOURCE, at=_at)


def _prompt(event: Event, live: LiveEvent) -> list[Change]:
    """What was typed: it is in the file only once its answer begins, and in none if the client is killed before."""
    return SESSIONS.prompted(event, live, live.text) if live.text else SESSIONS.busy(event, live)


plain = case(LiveEvent, SESSIONS.seen)

CASES: dict[str, Case] = {
    "session_start": case(LiveEvent, SESSIONS.started),
    "input": case(LiveEvent, _prompt),
    "turn_end": case(LiveEvent, SESSIONS.idle),
    "session_shutdown": case(LiveEvent, SESSIONS.ended),
}
