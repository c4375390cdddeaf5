"""The payloads of Claude Code's hooks as it sends them, as far as they are read."""

from msgspec import Raw, field

from projector.adapters.session_hooks import SessionHook
from projector.adapters.wire import ABSENT, Count, Id, Wire


class Hook(SessionHook):
    """What every hook's payload holds."""

    permission_mode: str | None = None
    session_title: str | None = None
    prompt_id: Id | None = None


class PromptHook(Hook, kw_only=True):
    prompt: str


class ToolHook(Hook, kw_only=True):
    tool_use_id: Id
    tool_name: str | None = None
    tool_input: Raw = ABSENT
    tool_response: Raw = ABSENT
    error: str | None = None
    is_interrupt: bool | None = None
    duration_ms: Count | None = None


class BatchCall(Wire):
    tool_use_id: Id
    tool_name: str | None = None
    tool_input: Raw = ABSENT
    tool_response: Raw = ABSENT


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
