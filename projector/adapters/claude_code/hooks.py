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
from projector.adapters.wire import as_object, json_text, millis
from projector.model.changes import CallReport, Change, HookReport, Rank, SessionSeen, Todo, TodosSeen, ToolSeen
from projector.model.naming import HOOK_PREFIX, text_key

# How the text begins by which the model learns that a call failed or was denied.
_FAILURE = re.compile(
    r"<tool_use_error>|Exit code \d|Error\b|Permission to use |Claude requested permissions|The user doesn't want"
)


def _session_of(hook: Hook) -> str:
    """The session of a hook. A subagent is a session of its own; a compaction's agent has no type and no record."""
    return hook.agent_id if hook.agent_id and hook.agent_type else hook.session_id


def _hook_session(event: Event, hook: Hook, **more: Any) -> list[Change]:
    at = millis(event.ts)
    facts: dict[str, Any] = {"created_at": at, "updated_at": at, **more}
    if hook.cwd:
        facts["project_path"] = hook.cwd
    if hook.permission_mode:
        facts["permission_mode"] = hook.permission_mode
    if hook.session_title:
        facts["title"] = hook.session_title
    session = _session_of(hook)
    if session == hook.session_id:
        return [SessionSeen(session, SOURCE, at, Rank.HOOK, facts)]
    facts |= {"parent_id": hook.session_id, "agent": hook.agent_type}
    for name in ("title", "permission_mode"):  # these are the parent's
        facts.pop(name, None)
    return [SessionSeen(hook.session_id, SOURCE), SessionSeen(session, SOURCE, at, Rank.HOOK, facts)]


def _plain(event: Event, hook: Hook) -> list[Change]:
    return _hook_session(event, hook)


def _session_start(event: Event, hook: Hook) -> list[Change]:
    return _hook_session(event, hook, status="active", ended_at=None)


def _session_end(event: Event, hook: Hook) -> list[Change]:
    return _hook_session(event, hook, status="ended", ended_at=millis(event.ts))


def _hook_report(event: Event, hook: Hook, kind: str, text: str, error_type: str | None = None) -> HookReport:
    session = _session_of(hook)
    digest = text_key(text)
    id = f"{HOOK_PREFIX}{kind}:{session}:{hook.prompt_id or ''}:{digest}"
    synthetic = kind == "prompt" and text.startswith(SYNTHETIC)
    return HookReport(id, session, SOURCE, kind, error_type or digest, text, millis(event.ts), synthetic)


def _prompt(event: Event, hook: PromptHook) -> list[Change]:
    return [*_hook_session(event, hook, status="busy"), _hook_report(event, hook, "prompt", hook.prompt)]


def _stop(event: Event, hook: StopHook) -> list[Change]:
    if event.type == "SubagentStop":
        if not (hook.agent_id and hook.agent_type):
            return _plain(event, hook)  # a compaction's: it has no session, and its parent continues
        changes = _hook_session(event, hook, status="ended", ended_at=millis(event.ts))
    else:
        changes = _hook_session(event, hook, status="idle")
    if hook.last_assistant_message:
        changes.append(_hook_report(event, hook, "answer", hook.last_assistant_message))
    return changes


def _stop_failure(event: Event, hook: StopHook) -> list[Change]:
    text = hook.last_assistant_message or hook.error or "the turn failed"
    return [
        *_hook_session(event, hook, status="error"),
        _hook_report(event, hook, "error", text, hook.error or "unknown"),
    ]


def _pre_tool(event: Event, hook: ToolHook) -> list[Change]:
    return [*_hook_session(event, hook), _call(event, hook, _opened_by_hook(event, hook, hook))]


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
    changes = [*_hook_session(event, hook), _call(event, hook, call)]
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
    changes = _hook_session(event, hook)
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
    changes = _hook_session(event, hook)
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
    return [*_hook_session(event, hook), TodosSeen(_session_of(hook), SOURCE, at, Rank.HOOK, [todo], one=True)]


def _response_text(raw: Raw, response: dict[str, object]) -> str | None:
    """A hook's structured response as text: the output of a command, else the JSON as sent."""
    out, err = response.get("stdout"), response.get("stderr")
    if isinstance(out, str) and isinstance(err, str):
        return "\n".join(filter(None, (out, err)))
    return json_text(raw)


plain = case(Hook, _plain)

CASES: dict[str, Case] = {
    "SessionStart": case(Hook, _session_start),
    "SessionEnd": case(Hook, _session_end),
    "UserPromptSubmit": case(PromptHook, _prompt),
    "PreToolUse": case(ToolHook, _pre_tool),
    "PostToolUse": case(ToolHook, _post_tool),
    "PostToolUseFailure": case(ToolHook, _post_tool),
    "PostToolBatch": case(BatchHook, _post_batch),
    "PermissionDenied": case(DeniedHook, _denied),
    "Stop": case(StopHook, _stop),
    "SubagentStop": case(StopHook, _stop),
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
