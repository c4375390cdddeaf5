"""The events of our extension: they name the session and its state, and what was typed."""

from clankers.log.reader import Event
from projector.adapters.base import Case, case
from projector.adapters.pi.common import SOURCE
from projector.adapters.pi.wire import LiveEvent
from projector.adapters.wire import any_millis, millis
from projector.model.changes import Change, HookReport, Rank, SessionSeen
from projector.model.naming import HOOK_PREFIX, text_key


def _at(event: Event, live: LiveEvent) -> int:
    """When it happened: each event has a recorder of its own, which may overtake another."""
    return any_millis(live.time) or millis(event.ts)


def _session(event: Event, live: LiveEvent, **more: object) -> list[Change]:
    at = _at(event, live)
    facts: dict[str, object] = {"created_at": at, "updated_at": at, **more}
    if live.cwd:
        facts["project_path"] = live.cwd
    return [SessionSeen(live.session_id, SOURCE, at, Rank.HOOK, facts)]


def _plain(event: Event, live: LiveEvent) -> list[Change]:
    return _session(event, live)


def _start(event: Event, live: LiveEvent) -> list[Change]:
    return _session(event, live, status="active", ended_at=None)


def _end(event: Event, live: LiveEvent) -> list[Change]:
    return _session(event, live, status="ended", ended_at=_at(event, live))


def _idle(event: Event, live: LiveEvent) -> list[Change]:
    return _session(event, live, status="idle")


def _prompt(event: Event, live: LiveEvent) -> list[Change]:
    """What was typed: it is in the file only once its answer begins, and in none if the client is killed before."""
    changes = _session(event, live, status="busy")
    if live.text:
        digest = text_key(live.text)
        at = _at(event, live)
        id = f"{HOOK_PREFIX}prompt:{live.session_id}:{at}:{digest}"
        changes.append(HookReport(id, live.session_id, SOURCE, "prompt", digest, live.text, at))
    return changes


plain = case(LiveEvent, _plain)

CASES: dict[str, Case] = {
    "session_start": case(LiveEvent, _start),
    "input": case(LiveEvent, _prompt),
    "turn_end": case(LiveEvent, _idle),
    "session_shutdown": case(LiveEvent, _end),
}
