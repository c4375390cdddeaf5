"""Gemini CLI's hooks: they come as events happen, without ids of turns, messages or calls, and without tokens.

A tool that was killed is in no file, nor is a prompt that an error removed: hooks are the only evidence. What a hook
reports is a row until the client's record holds the same (`HookReport`). The text of AfterAgent is damaged where the
answer came in several parts, so answers are read from the record alone.
"""

from clankers.log.reader import Event
from projector.adapters.base import Case, Meaning, case
from projector.adapters.decode import LenientDecoder
from projector.adapters.gemini.calls import ending
from projector.adapters.gemini.common import SOURCE, TOOLS, text_of
from projector.adapters.gemini.wire import Hook, NotificationHook, PromptHook, ToolHook, ToolResponse
from projector.adapters.session_hooks import SessionHooks
from projector.adapters.wire import any_millis, as_object, json_text, millis
from projector.model.changes import CallReport, Change, Rank, ToolSeen
from projector.model.naming import HOOK_PREFIX, call_key


def _at(event: Event, hook: Hook) -> int:
    """When it happened: as the hook says; else when it was logged."""
    return any_millis(hook.timestamp) or millis(event.ts)


SESSIONS = SessionHooks(SOURCE, at=_at)


def _prompt(event: Event, hook: PromptHook) -> list[Change]:
    """A hook that is installed twice reports one event twice, with one time."""
    return SESSIONS.prompted(event, hook, hook.prompt)


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
    return [*SESSIONS.seen(event, hook), CallReport(_opened(event, hook), _at(event, hook))]


def _after_tool(event: Event, hook: ToolHook) -> Meaning:
    response, ignored = _decode_response(hook.tool_response) if as_object(hook.tool_response) else (ToolResponse(), [])
    call = _opened(event, hook)
    error = response.error
    text = text_of(response.llmContent)
    message = (error.message or text or error.type or "the tool failed") if error else None
    ended = ending(hook.tool_name, None, None if error else text, message)
    ended.close(call, Rank.REPORT, _at(event, hook))
    return [*SESSIONS.seen(event, hook), CallReport(call, _at(event, hook)), *ignored]


_decode_response = LenientDecoder(ToolResponse).decode


def _notification(event: Event, hook: NotificationHook) -> list[Change]:
    """The client asks a person for permission: how long the call takes from here on is not the tool's time."""
    state = {"status": "waiting"} if hook.notification_type == "ToolPermission" else {}
    return SESSIONS.seen(event, hook, **state)


plain = case(Hook, SESSIONS.seen)

CASES: dict[str, Case] = {
    "SessionStart": case(Hook, SESSIONS.started),
    "SessionEnd": case(Hook, SESSIONS.ended),
    "BeforeAgent": case(PromptHook, _prompt),
    "AfterAgent": case(Hook, SESSIONS.idle),
    "BeforeTool": case(ToolHook, _before_tool),
    "AfterTool": case(ToolHook, _after_tool),
    "Notification": case(NotificationHook, _notification),
    # Never installed, but they name a session where somebody else records them.
    **dict.fromkeys(("PreCompress", "BeforeModel", "AfterModel", "BeforeToolSelection"), plain),
}
