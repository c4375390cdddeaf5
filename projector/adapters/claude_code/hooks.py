"""Claude Code's hooks: they come as events happen, timed by clankers, and name the session and its state."""

import re
from typing import Any
from zlib import crc32

from msgspec import Raw

from clankers.log.reader import Event
from projector.adapters.base import Case, case
from projector.adapters.claude_code.common import (
    SOURCE,
    SYNTHETIC,
    TOOLS,
    exit_code_in,
    is_unique,
    output_in,
    row_id,
    text_of,
    todos_in,
)
from projector.adapters.claude_code.hook_wire import (
    BatchCall,
    BatchHook,
    DeniedHook,
    Hook,
    PromptHook,
    StopHook,
    TaskHook,
    ToolHook,
)
from projector.adapters.session_hooks import SessionHooks
from projector.adapters.wire import as_object, json_text, millis
from projector.model.changes import CallReport, Change, Rank, Todo, TodosSeen, ToolSeen
from projector.model.naming import HOOK_PREFIX

# How the text begins by which the model learns that a call failed or was denied.
_FAILURE = re.compile(
    r"<tool_use_error>|Exit code \d|Error\b|Permission to use |Claude requested permissions|The user doesn't want"
)


def _session_of(hook: Hook) -> str:
    """The session of a hook. A subagent is a session of its own; a compaction's agent has no type and no record."""
    return hook.agent_id if hook.agent_id and hook.agent_type else hook.session_id


def _facts(hook: Hook) -> dict[str, Any]:
    """In a subagent, these are its parent's."""
    if _session_of(hook) != hook.session_id:
        return {}
    return {"permission_mode": hook.permission_mode or None, "title": hook.session_title or None}


SESSIONS = SessionHooks(SOURCE, session_of=_session_of, facts=_facts)


def _prompt(event: Event, hook: PromptHook) -> list[Change]:
    synthetic = hook.prompt.startswith(SYNTHETIC)
    turn = hook.prompt_id or ""
    return [
        *SESSIONS.busy(event, hook),
        SESSIONS.report(event, hook, "prompt", hook.prompt, turn=turn, synthetic=synthetic),
    ]


def _stop(event: Event, hook: StopHook) -> list[Change]:
    return [*SESSIONS.idle(event, hook), *_answer(event, hook)]


def _subagent_stop(event: Event, hook: StopHook) -> list[Change]:
    own = _session_of(hook) != hook.session_id  # a compaction's agent has no session
    return [*SESSIONS.subagent_ended(event, hook), *(_answer(event, hook) if own else ())]


def _answer(event: Event, hook: StopHook) -> list[Change]:
    answer = hook.last_assistant_message
    return [SESSIONS.report(event, hook, "answer", answer, turn=hook.prompt_id or "")] if answer else []


def _stop_failure(event: Event, hook: StopHook) -> list[Change]:
    text, kind = hook.last_assistant_message or hook.error or "the turn failed", hook.error or "unknown"
    return [
        *SESSIONS.failed(event, hook),
        SESSIONS.report(event, hook, "error", text, turn=hook.prompt_id or "", match_key=kind),
    ]


def _pre_tool(event: Event, hook: ToolHook) -> list[Change]:
    return [*SESSIONS.seen(event, hook), _call(event, hook, _opened_by_hook(event, hook, hook))]


def _call(event: Event, hook: ToolHook, call: ToolSeen) -> ToolSeen | CallReport:
    """`call`; a report of it where its id may be another call's too. Two hooks may report the same."""
    if is_unique(hook.tool_use_id):
        return call
    digest = f"{crc32(bytes(event.payload)):08x}"
    call.id = f"{HOOK_PREFIX}call:{call.session_id}:{hook.tool_use_id}:{event.type}:{hook.prompt_id or ''}:{digest}"
    call.call_id = hook.tool_use_id
    return CallReport(call, millis(event.ts))


def _opened_by_hook(event: Event, hook: Hook, call: ToolHook | BatchCall) -> ToolSeen:
    return ToolSeen(
        row_id(call.tool_use_id, _session_of(hook)),
        _session_of(hook),
        SOURCE,
        open_rank=Rank.HOOK if event.type == "PreToolUse" else Rank.GUESS,
        tool_name=call.tool_name,
        tool_input=json_text(call.tool_input),
        file_path=TOOLS.file_path(call.tool_input),
        edits_file=call.tool_name in TOOLS.editing,
        created_at=millis(event.ts),
        status="running",
    )


def _post_tool(event: Event, hook: ToolHook) -> list[Change]:
    failed = event.type == "PostToolUseFailure"
    response = as_object(hook.tool_response)
    interrupted = hook.is_interrupt is True or response.get("interrupted") is True
    call = _opened_by_hook(event, hook, hook)
    call.close_rank = Rank.REPORT
    call.status = "interrupted" if interrupted else "error" if failed else "completed"
    call.success = not failed and not interrupted
    call.tool_output = hook.error if failed else _response_text(hook.tool_response, response)
    call.exit_code = exit_code_in(hook.error) if failed else None
    call.error_message = hook.error if failed else None
    call.duration_ms = hook.duration_ms
    call.completed_at = millis(event.ts)
    changes = [*SESSIONS.seen(event, hook), _call(event, hook, call)]
    if is_unique(hook.tool_use_id):
        changes += output_in(call.id, call.tool_output, response)
    if not failed:
        changes += todos_in(_session_of(hook), millis(event.ts), Rank.HOOK, response)
    return changes


def _post_batch(event: Event, hook: BatchHook) -> list[Change]:
    """The batch closes calls without a hook of their own: those that were denied, unknown or malformed.

    No field says how a call ended, but the text for the model does. It also closes successful calls whose own hook was
    lost.
    """
    changes = SESSIONS.seen(event, hook)
    for ended in hook.tool_calls:
        if not is_unique(ended.tool_use_id):
            continue  # it may be several calls', and the record has them all
        text = text_of(ended.tool_response)
        failed = _FAILURE.match(text or "") is not None
        call = _opened_by_hook(event, hook, ended)
        call.close_rank = Rank.HOOK
        call.status = "error" if failed else "completed"
        call.success = not failed
        call.tool_output = text
        call.exit_code = exit_code_in(text) if failed else None
        call.error_message = text if failed else None
        call.completed_at = millis(event.ts)
        changes.append(call)
    return changes


def _denied(event: Event, hook: DeniedHook) -> list[Change]:
    changes = SESSIONS.seen(event, hook)
    if hook.tool_use_id and is_unique(hook.tool_use_id):
        changes.append(
            ToolSeen(
                row_id(hook.tool_use_id, _session_of(hook)),
                _session_of(hook),
                SOURCE,
                close_rank=Rank.REPORT,
                status="denied",
                success=False,
                error_message=hook.reason,
                completed_at=millis(event.ts),
            )
        )
    return changes


def _task(event: Event, hook: TaskHook) -> list[Change]:
    status = "completed" if event.type == "TaskCompleted" else "pending"
    todo = Todo(hook.task_subject, status, id=hook.task_id)
    at = millis(event.ts)
    return [*SESSIONS.seen(event, hook), TodosSeen(_session_of(hook), SOURCE, at, Rank.HOOK, [todo], one=True)]


def _response_text(raw: Raw, response: dict[str, object]) -> str | None:
    """A hook's structured response as text: the output of a command, else the JSON as sent."""
    out, err = response.get("stdout"), response.get("stderr")
    if isinstance(out, str) and isinstance(err, str):
        return "\n".join(filter(None, (out, err)))
    return json_text(raw)


plain = case(Hook, SESSIONS.seen)

CASES: dict[str, Case] = {
    "SessionStart": case(Hook, SESSIONS.started),
    "SessionEnd": case(Hook, SESSIONS.ended),
    "UserPromptSubmit": case(PromptHook, _prompt),
    "PreToolUse": case(ToolHook, _pre_tool),
    "PostToolUse": case(ToolHook, _post_tool),
    "PostToolUseFailure": case(ToolHook, _post_tool),
    "PostToolBatch": case(BatchHook, _post_batch),
    "PermissionDenied": case(DeniedHook, _denied),
    "Stop": case(StopHook, _stop),
    "SubagentStop": case(StopHook, _subagent_stop),
    "StopFailure": case(StopHook, _stop_failure),
    "TaskCreated": case(TaskHook, _task),
    "TaskCompleted": case(TaskHook, _task),
    # Other events report the same better, or no table holds it. They still name a session.
    **dict.fromkeys(
        (
            "InstructionsLoaded",
            "UserPromptExpansion",
            "MessageDisplay",
            "PermissionRequest",
            "Notification",
            "Elicitation",
            "ElicitationResult",
            "SubagentStart",
            "PreCompact",
            "PostCompact",
            "PreModelSwitch",
            "PostModelSwitch",
            "ConfigChange",
            "CwdChanged",
            "WorktreeRemove",
        ),
        plain,
    ),
}
