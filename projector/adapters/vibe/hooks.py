"""Vibe's hooks: they name the session and its state. All else is in the journal."""

from projector.adapters.base import Case, case
from projector.adapters.session_hooks import SessionHooks
from projector.adapters.vibe.common import SOURCE
from projector.adapters.vibe.wire import Hook

SESSIONS = SessionHooks(SOURCE, facts=lambda hook: {"parent_id": hook.parent_session_id})

plain = case(Hook, SESSIONS.seen)

CASES: dict[str, Case] = {
    "pre_tool": case(Hook, SESSIONS.busy),
    "post_tool": case(Hook, SESSIONS.busy),
    "post_agent": case(Hook, SESSIONS.idle),
}
