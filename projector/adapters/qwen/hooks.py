"""Qwen Code's hooks: they name the session and its state, and what was typed. All else is in the chat file."""

from clankers.log.reader import Event
from projector.adapters.base import Case, case
from projector.adapters.qwen.common import SOURCE, agent_session
from projector.adapters.qwen.wire import Hook
from projector.adapters.wire import millis
from projector.model.changes import Change, HookReport, Rank, SessionSeen
from projector.model.naming import HOOK_PREFIX, text_key


def _session(event: Event, hook: Hook, **more: object) -> list[Change]:
    at = millis(event.ts)
    facts: dict[str, object] = {"created_at": at, "updated_at": at, **more}
    if hook.cwd:
        facts["project_path"] = hook.cwd
    parent = SessionSeen(hook.session_id, SOURCE, at, Rank.HOOK, facts)
    if not hook.agent_id:
        return [parent]
    child = agent_session(hook.agent_id, hook.session_id)
    facts |= {"parent_id": hook.session_id, "agent": hook.agent_type}
    facts = {name: value for name, value in facts.items() if value is not None}
    return [SessionSeen(hook.session_id, SOURCE), SessionSeen(child, SOURCE, at, Rank.HOOK, facts)]


def _plain(event: Event, hook: Hook) -> list[Change]:
    return _session(event, hook)


def _start(event: Event, hook: Hook) -> list[Change]:
    return _session(event, hook, status="active", ended_at=None)


def _idle(event: Event, hook: Hook) -> list[Change]:
    return _session(event, hook, status="idle")


def _failed(event: Event, hook: Hook) -> list[Change]:
    return _session(event, hook, status="error")


def _end(event: Event, hook: Hook) -> list[Change]:
    return _session(event, hook, status="ended", ended_at=millis(event.ts))


def _prompt(event: Event, hook: Hook) -> list[Change]:
    """The hook comes again, without a submitted prompt, after each round of calls."""
    if not hook.submitted_prompt or hook.agent_id:
        return _session(event, hook)
    digest = text_key(hook.submitted_prompt)
    id = f"{HOOK_PREFIX}prompt:{hook.session_id}:{event.ts}:{digest}"
    report = HookReport(id, hook.session_id, SOURCE, "prompt", digest, hook.submitted_prompt, millis(event.ts))
    return [*_session(event, hook, status="busy"), report]


plain = case(Hook, _plain)

CASES: dict[str, Case] = {
    "SessionStart": case(Hook, _start),
    "SessionEnd": case(Hook, _end),
    "UserPromptSubmit": case(Hook, _prompt),
    "Stop": case(Hook, _idle),
    "SubagentStop": case(Hook, _end),
    "StopFailure": case(Hook, _failed),
    # The chat file says it better. They still name a session.
    **dict.fromkeys(
        (
            *("PreToolUse", "PostToolUse", "PostToolUseFailure", "PostToolBatch"),
            *("Notification", "SubagentStart", "PreCompact", "PostCompact"),
        ),
        plain,
    ),
}
