"""Claude Code's hooks: they come as events happen, timed by us, and name the session and its state."""

import re
from binascii import crc32
from collections.abc import Callable
from typing import Any

from msgspec import Raw, field

from clankers.log.reader import Event
from projector.adapters.claude_code.common import SOURCE, SYNTHETIC, case, exit_code_in, text_of, todos_in, unique
from projector.adapters.wire import NOTHING, Count, Id, Wire, as_object, file_path, json_text, millis
from projector.model.changes import Change, HookReport, Rank, SessionSeen, Todo, TodosSeen, ToolSeen

# How the text begins by which the model is told that a call failed or was denied.
_FAILURE = re.compile(
    r"<tool_use_error>|Exit code \d|Error\b|Permission to use |Claude requested permissions|The user doesn't want"
)


class Hook(Wire):
    """What every hook's payload holds."""

    session_id: Id
    cwd: str | None = None
    permission_mode: str | None = None
    session_title: str | None = None
    prompt_id: Id | None = None
    agent_id: Id | None = None
    agent_type: str | None = None


class PromptHook(Hook, kw_only=True):
    prompt: str


class ToolHook(Hook, kw_only=True):
    tool_use_id: Id
    tool_name: str | None = None
    tool_input: Raw = NOTHING
    tool_response: Raw = NOTHING
    error: str | None = None
    is_interrupt: bool | None = None
    duration_ms: Count | None = None


class BatchCall(Wire):
    tool_use_id: Id
    tool_name: str | None = None
    tool_input: Raw = NOTHING
    tool_response: Raw = NOTHING


class BatchHook(Hook, kw_only=True):
    tool_calls: list[BatchCall] = field(default_factory=list)


class DeniedHook(Hook, kw_only=True):
    tool_use_id: Id | None = None
    reason: str | None = None


class StopHook(Hook, kw_only=True):
    last_assistant_message: str | None = None
    error: str | None = None


class TaskHook(Hook, kw_only=True):
    task_id: Id
    task_subject: str = ""


def _session_of(hook: Hook) -> str:
    """The session that a hook speaks of: a subagent is one of its own. A compaction's has no type and no record."""
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
    for name in ("title", "permission_mode"):  # those are its parent's
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
    digest = f"{crc32(text.strip().encode('utf-8', 'replace')):08x}"
    id = f"hook:{kind}:{session}:{hook.prompt_id or ''}:{digest}"
    synthetic = kind == "prompt" and text.startswith(SYNTHETIC)
    return HookReport(id, session, SOURCE, kind, error_type or digest, text, millis(event.ts), synthetic)


def _prompt(event: Event, hook: PromptHook) -> list[Change]:
    return [*_hook_session(event, hook, status="busy"), _hook_report(event, hook, "prompt", hook.prompt)]


def _stop(event: Event, hook: StopHook) -> list[Change]:
    if event.type == "SubagentStop":
        if not (hook.agent_id and hook.agent_type):
            return _plain(event, hook)  # a compaction's: no session of its own, and its parent goes on
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
    return [*_hook_session(event, hook), _opened_by_hook(event, hook, hook)]


def _opened_by_hook(event: Event, hook: Hook, call: ToolHook | BatchCall) -> ToolSeen:
    return ToolSeen(
        unique(call.tool_use_id, _session_of(hook)),
        _session_of(hook),
        SOURCE,
        open_rank=Rank.HOOK if event.type == "PreToolUse" else Rank.GUESS,
        tool_name=call.tool_name,
        tool_input=json_text(call.tool_input),
        file_path=file_path(call.tool_input),
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
    changes = [*_hook_session(event, hook), call]
    if not failed:
        changes += todos_in(_session_of(hook), millis(event.ts), Rank.HOOK, response)
    return changes


def _post_batch(event: Event, hook: BatchHook) -> list[Change]:
    """The batch closes what no hook of its own closed: a call that was denied, unknown or ill-formed.

    It does not say so in a field; the text that the model gets does. A success whose own hook was lost closes too.
    """
    changes = _hook_session(event, hook)
    for told in hook.tool_calls:
        text = text_of(told.tool_response)
        failed = _FAILURE.match(text or "") is not None
        call = _opened_by_hook(event, hook, told)
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
    if hook.tool_use_id:
        changes.append(
            ToolSeen(
                unique(hook.tool_use_id, _session_of(hook)),
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
    """A hook's structured response as text: what a command printed, else the JSON as it came."""
    out, err = response.get("stdout"), response.get("stderr")
    if isinstance(out, str) and isinstance(err, str):
        return "\n".join(filter(None, (out, err)))
    return json_text(raw)


plain = case(Hook, _plain)

CASES: dict[str, Callable[[Event], list[Change]]] = {
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
    # Known, and told better elsewhere, or not told in any table: they still name a session.
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
