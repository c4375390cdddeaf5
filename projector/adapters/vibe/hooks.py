"""Vibe's hooks: they name the session and its state. All else is in the journal."""

from clankers.log.reader import Event
from projector.adapters.base import Case, case
from projector.adapters.vibe.common import SOURCE
from projector.adapters.vibe.wire import Hook
from projector.adapters.wire import millis
from projector.model.changes import Change, Rank, SessionSeen


def _session(event: Event, hook: Hook, **more: object) -> list[Change]:
    at = millis(event.ts)
    found = {"project_path": hook.cwd, "parent_id": hook.parent_session_id, **more}
    facts = {"created_at": at, "updated_at": at} | {name: value for name, value in found.items() if value}
    parent = [SessionSeen(hook.parent_session_id, SOURCE)] if hook.parent_session_id else []
    return [*parent, SessionSeen(hook.session_id, SOURCE, at, Rank.HOOK, facts)]


def _plain(event: Event, hook: Hook) -> list[Change]:
    return _session(event, hook)


def _busy(event: Event, hook: Hook) -> list[Change]:
    return _session(event, hook, status="busy")


def _idle(event: Event, hook: Hook) -> list[Change]:
    return _session(event, hook, status="idle")


plain = case(Hook, _plain)

CASES: dict[str, Case] = {
    "pre_tool": case(Hook, _busy),
    "post_tool": case(Hook, _busy),
    "post_agent": case(Hook, _idle),
}
