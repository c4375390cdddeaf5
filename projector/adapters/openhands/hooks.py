"""OpenHands's hooks: they name the session and its state, and what was typed. All else is in the events."""

from clankers.log.reader import Event
from projector.adapters.base import Case, case
from projector.adapters.openhands.common import SOURCE
from projector.adapters.openhands.wire import Hook
from projector.adapters.session_hooks import SessionHooks
from projector.model.changes import Change

SESSIONS = SessionHooks(SOURCE)


def _prompt(event: Event, hook: Hook) -> list[Change]:
    return SESSIONS.prompted(event, hook, hook.message) if hook.message else SESSIONS.busy(event, hook)


plain = case(Hook, SESSIONS.seen)

CASES: dict[str, Case] = {
    "SessionStart": case(Hook, SESSIONS.started),
    "SessionEnd": case(Hook, SESSIONS.ended),
    "Stop": case(Hook, SESSIONS.idle),
    "UserPromptSubmit": case(Hook, _prompt),
    "PreToolUse": plain,
    "PostToolUse": plain,
}
