"""Codex' hooks: they come as events happen, timed by clankers. Only they report attempts at a request."""

import re
from typing import Any

from msgspec import Raw
from msgspec.json import decode, encode

from clankers.log.reader import Event
from projector.adapters.base import Case, case
from projector.adapters.codex.common import PATCH, PLAN, SOURCE, patched_files, plan_in, row_id, spent
from projector.adapters.codex.wire import Hook, McpResult, PromptHook, RequestHook, StopHook, ToolHook
from projector.adapters.decode import LenientDecoder
from projector.adapters.session_hooks import SessionHooks
from projector.adapters.wire import as_object, json_text, millis
from projector.model.changes import Change, Rank, ToolSeen
from projector.model.evidence import HOOKS, Attempt, Step

_STATUS = re.compile(r"unexpected status (\d{3})\b")
_ABSOLUTE = re.compile(r"/|\\|[A-Za-z]:")
_decode_result = LenientDecoder(McpResult).decode


def _session_of(hook: Hook) -> str:
    """The thread of a hook: in a subagent `session_id` is its parent's."""
    return hook.agent_id or hook.thread_id or hook.session_id


def _facts(hook: Hook) -> dict[str, Any]:
    return {"model": hook.model or None, "permission_mode": hook.permission_mode or None}


SESSIONS = SessionHooks(SOURCE, session_of=_session_of, facts=_facts)


def _prompt(event: Event, hook: PromptHook) -> list[Change]:
    by_agent = _session_of(hook) != hook.session_id
    turn = hook.turn_id or ""
    return [
        *SESSIONS.busy(event, hook),
        SESSIONS.report(event, hook, "prompt", hook.prompt, turn=turn, synthetic=by_agent),
    ]


def _step(event: Event, hook: Hook, kind: str, **fields: Any) -> Step:
    session = _session_of(hook)
    turn = row_id(hook.turn_id, session) if hook.turn_id else None
    return Step(event.id, session, SOURCE, HOOKS, 0, 0, kind, millis(event.ts), turn=turn, **fields)


def _stop(event: Event, hook: StopHook) -> list[Change]:
    changes = SESSIONS.subagent_ended(event, hook) if event.type == "SubagentStop" else SESSIONS.idle(event, hook)
    if hook.last_assistant_message:
        changes.append(_step(event, hook, "answer", text=hook.last_assistant_message))
    return changes


def _request(event: Event, hook: RequestHook) -> list[Change]:
    if hook.status not in ("completed", "failed"):
        return SESSIONS.seen(event, hook)
    status = _STATUS.match(hook.error or "")
    attempt = Attempt(
        hook.request_id,
        hook.attempt_number,
        row_id(hook.response_id, _session_of(hook)) if hook.response_id else None,
        hook.status == "failed",
        hook.error,
        int(status[1]) if status else None,
        spent(hook.token_usage),
        hook.model,
        hook.kind not in (None, "sampling"),
    )
    return [*SESSIONS.seen(event, hook), _step(event, hook, "attempt", data=encode(attempt).decode())]


def _opened_by_hook(event: Event, hook: ToolHook) -> ToolSeen:
    session = _session_of(hook)
    id = row_id(hook.tool_use_id, session)
    files = _patched(hook)
    return ToolSeen(
        id,
        session,
        SOURCE,
        open_rank=Rank.HOOK if event.type == "PreToolUse" else Rank.GUESS,
        tool_name=hook.tool_name,
        call_id=None if id == hook.tool_use_id else hook.tool_use_id,
        tool_input=json_text(hook.tool_input),
        file_path=files[0] if files else None,
        edits_file=hook.tool_name == PATCH,
        created_at=millis(event.ts),
        status="running",
    )


def _patched(hook: ToolHook) -> list[str]:
    """The files that a patch edits, below the directory that the session works in."""
    patch = as_object(hook.tool_input).get("command") if hook.tool_name == PATCH else None
    if not isinstance(patch, str):
        return []
    return [path if _ABSOLUTE.match(path) or not hook.cwd else f"{hook.cwd}/{path}" for path in patched_files(patch)]


def _pre_tool(event: Event, hook: ToolHook) -> list[Change]:
    return [*SESSIONS.seen(event, hook), _opened_by_hook(event, hook)]


def _post_tool(event: Event, hook: ToolHook) -> list[Change]:
    """A call ended. A hook has no exit code: a command that failed looks like one that did not."""
    at = millis(event.ts)
    text, failed = _response_text(hook.tool_response)
    call = _opened_by_hook(event, hook)
    call.close_rank = Rank.HOOK
    call.status = "error" if failed else "completed"
    call.success = not failed
    call.tool_output = text
    call.error_message = text if failed else None
    call.completed_at = at
    if files := _patched(hook):
        call.edited_files = encode(files).decode()
    changes = [*SESSIONS.seen(event, hook), call]
    if hook.tool_name == PLAN:
        changes += plan_in(_session_of(hook), at, Rank.HOOK, as_object(hook.tool_input))
    return changes


def _response_text(raw: Raw) -> tuple[str | None, bool]:
    """What a call returned, and whether it says that it failed: a text, or the result of an MCP server."""
    value = decode(raw)
    if isinstance(value, str):
        return value, False
    if not isinstance(value, dict):
        return json_text(raw), False
    result, _ = _decode_result(raw)
    text = "\n".join(one.text for one in result.content if one.text is not None)
    return text or json_text(raw), result.isError is True


plain = case(Hook, SESSIONS.seen)

CASES: dict[str, Case] = {
    "SessionStart": case(Hook, SESSIONS.started),
    "SessionEnd": case(Hook, SESSIONS.ended),
    "Interrupt": case(Hook, SESSIONS.idle),
    "UserPromptSubmit": case(PromptHook, _prompt),
    "PreToolUse": case(ToolHook, _pre_tool),
    "PostToolUse": case(ToolHook, _post_tool),
    "PostModelRequest": case(RequestHook, _request),
    "Stop": case(StopHook, _stop),
    "SubagentStop": case(StopHook, _stop),
    # The rollout reports the same better, or no table holds it. They still name a session.
    **dict.fromkeys(("PermissionRequest", "PreCompact", "PostCompact", "SubagentStart"), plain),
}
