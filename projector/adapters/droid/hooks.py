"""Droid's hooks: they name the session and its state, and what was typed. All else is in the session file."""

from clankers.log.reader import Event
from projector.adapters.base import Case, case
from projector.adapters.droid.common import SOURCE
from projector.adapters.droid.wire import Hook
from projector.adapters.session_hooks import SessionHooks
from projector.model.changes import Change

SESSIONS = SessionHooks(SOURCE)


def _prompt(event: Event, hook: Hook) -> list[Change]:
    return SESSIONS.prompted(event, hook, hook.prompt) if hook.prompt else SESSIONS.busy(event, hook)


plain = case(Hook, SESSIONS.seen)

CASES: dict[str, Case] = {
    **SESSIONS.cases(Hook),
    "UserPromptSubmit": case(Hook, _prompt),
    **dict.fromkeys(("PreToolUse", "PostToolUse", "Notification", "PreCompact"), plain),
}
