"""Qwen Code's hooks: they name the session and its state, and what was typed. All else is in the chat file."""

from clankers.log.reader import Event
from projector.adapters.base import Case, case
from projector.adapters.qwen.common import SOURCE, agent_session
from projector.adapters.qwen.wire import Hook
from projector.adapters.session_hooks import SessionHooks
from projector.model.changes import Change


def _session_of(hook: Hook) -> str:
    return agent_session(hook.agent_id, hook.session_id) if hook.agent_id else hook.session_id


SESSIONS = SessionHooks(SOURCE, session_of=_session_of)


def _prompt(event: Event, hook: Hook) -> list[Change]:
    """The hook comes again, without a submitted prompt, after each round of calls."""
    if not hook.submitted_prompt or hook.agent_id:
        return SESSIONS.seen(event, hook)
    return SESSIONS.prompted(event, hook, hook.submitted_prompt)


plain = case(Hook, SESSIONS.seen)

CASES: dict[str, Case] = {
    **SESSIONS.cases(Hook),
    "UserPromptSubmit": case(Hook, _prompt),
    # The chat file says it better. They still name a session.
    **dict.fromkeys(
        (
            *("PreToolUse", "PostToolUse", "PostToolUseFailure", "PostToolBatch"),
            *("Notification", "SubagentStart", "PreCompact", "PostCompact"),
        ),
        plain,
    ),
}
