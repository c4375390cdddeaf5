"""Kimi Code's hooks: they name the session and its state, and what was typed. All else is in the wire log.

A subagent's hooks name its parent, and nothing of the subagent.
"""

from clankers.log.reader import Event
from projector.adapters.base import Case, case
from projector.adapters.kimi.common import SOURCE
from projector.adapters.kimi.wire import Hook
from projector.adapters.session_hooks import SessionHooks
from projector.model.changes import Change

SESSIONS = SessionHooks(SOURCE)


def _prompt(event: Event, hook: Hook) -> list[Change]:
    parts = [hook.prompt] if isinstance(hook.prompt, str) else [part.text for part in hook.prompt or []]
    text = "\n".join(part for part in parts if part is not None)
    return SESSIONS.prompted(event, hook, text) if text else SESSIONS.busy(event, hook)


plain = case(Hook, SESSIONS.seen)

CASES: dict[str, Case] = {
    **SESSIONS.cases(Hook),
    "UserPromptSubmit": case(Hook, _prompt),
    "Interrupt": case(Hook, SESSIONS.idle),
    # The wire log says it better. They still name a session.
    **dict.fromkeys(
        (
            *("PreToolUse", "PostToolUse", "PostToolUseFailure", "PermissionRequest", "PermissionResult"),
            *("Notification", "SubagentStart", "PreCompact", "PostCompact"),
        ),
        plain,
    ),
}
