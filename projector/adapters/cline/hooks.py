"""Cline's hooks: they name the session and its state, and report calls as they begin and end. All else is in the files.

`rootSessionId` is the session, and a subagent's hooks name its agent besides; `taskId` is new in every run.
"""

from clankers.log.reader import Event
from projector.adapters.base import Case, Meaning, case
from projector.adapters.cline.calls import close, opened
from projector.adapters.cline.common import ERROR, SOURCE, prompt_report, subagent_session, typed
from projector.adapters.cline.wire import CallHook, ErrorHook, Hook, PromptHook, ResultHook
from projector.adapters.session_hooks import SessionHooks
from projector.adapters.wire import any_millis, millis
from projector.model.changes import Change, Rank


def _at(event: Event, hook: Hook) -> int:
    """When it happened: each event has a recorder of its own, which may overtake another."""
    return any_millis(hook.timestamp) or millis(event.ts)


def _session_of(hook: Hook) -> str:
    if hook.agent_id and hook.parent_agent_id:
        return subagent_session(hook.agent_id, hook.session_id)
    return hook.session_id


SESSIONS = SessionHooks(SOURCE, at=_at, session_of=_session_of)


def _start(event: Event, hook: Hook) -> list[Change]:
    """A turn begins; the session goes on, if it had ended."""
    return SESSIONS.seen(event, hook, status="busy", ended_at=None)


def _end(event: Event, hook: Hook) -> list[Change]:
    """A turn ends; a subagent has only one."""
    own = _session_of(hook) != hook.session_id
    return SESSIONS.ended(event, hook) if own else SESSIONS.idle(event, hook)


def _prompt(event: Event, hook: PromptHook) -> list[Change]:
    text = hook.userPromptSubmit.prompt or ""
    changes = SESSIONS.busy(event, hook)
    if text and not hook.parent_agent_id:
        changes.append(prompt_report(hook.session_id, typed(text)[0] or text, _at(event, hook)))
    return changes


def _call(event: Event, hook: CallHook) -> list[Change]:
    call = hook.tool_call
    row = opened(call.id, call.name, call.input, _session_of(hook), Rank.HOOK, _at(event, hook))
    return [*SESSIONS.seen(event, hook), row]


def _result(event: Event, hook: ResultHook) -> Meaning:
    call = hook.tool_result
    row = opened(call.id, call.name, call.input, _session_of(hook), Rank.HOOK, any_millis(call.startedAt))
    at = any_millis(call.endedAt) or _at(event, hook)
    ignored = close(row, call.output, Rank.REPORT, at, failed=call.error is not None, error=call.error)
    row.duration_ms = call.durationMs
    return [*SESSIONS.seen(event, hook), row, *ignored]


def _failed(event: Event, hook: ErrorHook) -> list[Change]:
    report = SESSIONS.report(event, hook, "error", hook.error.message or "", match_key=ERROR)
    return [*SESSIONS.failed(event, hook), report]


plain = case(Hook, SESSIONS.seen)

CASES: dict[str, Case] = {
    **dict.fromkeys(("agent_start", "agent_resume"), case(Hook, _start)),
    "prompt_submit": case(PromptHook, _prompt),
    "tool_call": case(CallHook, _call),
    "tool_result": case(ResultHook, _result),
    **dict.fromkeys(("agent_end", "agent_abort"), case(Hook, _end)),
    "agent_error": case(ErrorHook, _failed),
    "session_shutdown": case(Hook, SESSIONS.ended),
    "pre_compact": plain,
}
