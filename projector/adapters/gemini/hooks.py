"""Gemini CLI's hooks: they come as events happen, without ids of turns, messages or calls, and without tokens.

A tool that was killed is in no file, nor is a prompt that an error removed: hooks are the only evidence. What a hook
reports is a row until the client's record holds the same (`HookReport`). The text of AfterAgent is damaged where the
answer came in several parts, so answers are read from the record alone.
"""

from typing import Any

from clankers.log.reader import Event
from projector.adapters.base import Case, Meaning, case
from projector.adapters.decode import LenientDecoder
from projector.adapters.gemini.calls import ending
from projector.adapters.gemini.common import SOURCE, TOOLS, text_of
from projector.adapters.gemini.wire import Hook, NotificationHook, PromptHook, ToolHook, ToolResponse
from projector.adapters.wire import any_millis, as_object, json_text, millis
from projector.model.changes import CallReport, Change, HookReport, Rank, SessionSeen, ToolSeen
from projector.model.naming import HOOK_PREFIX, call_key, text_key


def _at(event: Event, hook: Hook) -> int:
    """When it happened: as the hook says; else when it was logged."""
    return any_millis(hook.timestamp) or millis(event.ts)


def _session(event: Event, hook: Hook, **more: Any) -> list[Change]:
    at = _at(event, hook)
    facts: dict[str, Any] = {"created_at": at, "updated_at": at, **more}
    if hook.cwd:
        facts["project_path"] = hook.cwd
    return [SessionSeen(hook.session_id, SOURCE, at, Rank.HOOK, facts)]


def _plain(event: Event, hook: Hook) -> list[Change]:
    return _session(event, hook)


def _session_start(event: Event, hook: Hook) -> list[Change]:
    return _session(event, hook, status="active", ended_at=None)


def _session_end(event: Event, hook: Hook) -> list[Change]:
    return _session(event, hook, status="ended", ended_at=_at(event, hook))


def _turn_end(event: Event, hook: Hook) -> list[Change]:
    return _session(event, hook, status="idle")


def _prompt(event: Event, hook: PromptHook) -> list[Change]:
    at, key = _at(event, hook), text_key(hook.prompt)
    # A hook that is installed twice reports one event twice, with one time.
    id = f"{HOOK_PREFIX}prompt:{hook.session_id}:{at}:{key}"
    report = HookReport(id, hook.session_id, SOURCE, "prompt", key, hook.prompt, at)
    return [*_session(event, hook, status="busy"), report]


def _opened(event: Event, hook: ToolHook) -> ToolSeen:
    at, input = _at(event, hook), json_text(hook.tool_input)
    key = call_key(hook.tool_name, input)
    return ToolSeen(
        f"{HOOK_PREFIX}call:{hook.session_id}:{at}:{key}",
        hook.session_id,
        SOURCE,
        open_rank=Rank.HOOK,
        tool_name=hook.tool_name,
        tool_input=input,
        file_path=TOOLS.file_path(hook.tool_input),
        edits_file=hook.tool_name in TOOLS.editing,
        created_at=at,
        status="running",
    )


def _before_tool(event: Event, hook: ToolHook) -> list[Change]:
    return [*_session(event, hook), CallReport(_opened(event, hook), _at(event, hook))]


def _after_tool(event: Event, hook: ToolHook) -> Meaning:
    response, ignored = _decode_response(hook.tool_response) if as_object(hook.tool_response) else (ToolResponse(), [])
    call = _opened(event, hook)
    error = response.error
    text = text_of(response.llmContent)
    message = (error.message or text or error.type or "the tool failed") if error else None
    ended = ending(hook.tool_name, None, None if error else text, message)
    ended.close(call, Rank.REPORT, _at(event, hook))
    return [*_session(event, hook), CallReport(call, _at(event, hook)), *ignored]


_decode_response = LenientDecoder(ToolResponse).decode


def _notification(event: Event, hook: NotificationHook) -> list[Change]:
    """The client asks a person for permission: how long the call takes from here on is not the tool's time."""
    if hook.notification_type != "ToolPermission":
        return _session(event, hook)
    return _session(event, hook, status="waiting")


plain = case(Hook, _plain)

CASES: dict[str, Case] = {
    "SessionStart": case(Hook, _session_start),
    "SessionEnd": case(Hook, _session_end),
    "BeforeAgent": case(PromptHook, _prompt),
    "AfterAgent": case(Hook, _turn_end),
    "BeforeTool": case(ToolHook, _before_tool),
    "AfterTool": case(ToolHook, _after_tool),
    "Notification": case(NotificationHook, _notification),
    # Never installed, but they name a session where somebody else records them.
    **dict.fromkeys(("PreCompress", "BeforeModel", "AfterModel", "BeforeToolSelection"), plain),
}
