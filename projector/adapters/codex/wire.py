"""Codex' rollout lines and hook payloads as it writes them, as far as they are read."""

from msgspec import Raw, field

from projector.adapters.session_hooks import SessionHook
from projector.adapters.wire import ABSENT, Count, Id, Int, Millis, Wire


class TokenUsage(Wire):
    input_tokens: Count | None = None
    cached_input_tokens: Count | None = None
    cache_write_input_tokens: Count | None = None
    output_tokens: Count | None = None
    reasoning_output_tokens: Count | None = None
    total_tokens: Count | None = None


class Payload(Wire):
    """The field that distinguishes the payloads of a line's type."""

    type: str = ""


class Line(Wire):
    timestamp: str | float | None = None
    ordinal: Int | None = None
    payload: Raw = ABSENT


class Git(Wire):
    branch: str | None = None


class SessionMeta(Wire):
    id: Id | None = None
    timestamp: str | float | None = None
    cwd: str | None = None
    cli_version: str | None = None
    source: Raw = ABSENT
    model_provider: str | None = None
    git: Git | None = None
    forked_from_id: Id | None = None
    parent_thread_id: Id | None = None


class TurnContext(Wire):
    turn_id: Id | None = None
    model: str | None = None
    cwd: str | None = None
    approval_policy: str | None = None


class UsageRecord(Wire):
    response_id: Id
    turn_id: Id | None = None
    usage: TokenUsage | None = None


class TurnEvent(Wire):
    turn_id: Id | None = None
    error: Raw = ABSENT


class ErrorInfo(Wire):
    message: str | None = None
    codex_error_info: Raw = ABSENT


class TokenInfo(Wire):
    total_token_usage: TokenUsage | None = None
    last_token_usage: TokenUsage | None = None


class TokenCount(Wire):
    info: TokenInfo | None = None


class UserMessage(Wire):
    message: str = ""
    images: list[str] | None = None
    local_images: list[str] | None = None


class RolledBack(Wire):
    num_turns: Count = 0


class Settings(Wire):
    model: str | None = None
    model_provider_id: str | None = None


class SettingsApplied(Wire):
    thread_settings: Settings | None = None


class Content(Wire):
    """A block of a message, a prompt or an output."""

    type: str = ""
    text: str | None = None
    image_url: str | None = None
    path: str | None = None


class Duration(Wire):
    secs: Count = 0
    nanos: Count = 0

    @property
    def millis(self) -> int:
        """The whole milliseconds."""
        return self.secs * 1000 + self.nanos // 1_000_000


class McpResult(Wire):
    content: list[Content] = field(default_factory=list)
    isError: bool | None = None


class Item(Wire):
    """An item that a turn completed; its `id` is the call's, if it ends a call."""

    type: str = ""
    id: Id | None = None
    content: list[Content] = field(default_factory=list)
    status: str | None = None
    aggregated_output: str | None = None
    exit_code: Int | None = None
    duration: Duration | None = None
    changes: Raw = ABSENT
    stdout: str | None = None
    stderr: str | None = None
    result: Raw = ABSENT
    error: Raw = ABSENT
    tool: str | None = None
    receiver_thread_ids: list[Id] = field(default_factory=list)
    agents_states: Raw = ABSENT


class ItemCompleted(Wire):
    item: Item
    turn_id: Id | None = None
    completed_at_ms: Millis | None = None


class CallEnd(Wire):
    """The end of a call in a legacy rollout."""

    call_id: Id
    success: bool | None = None
    status: str | None = None
    stdout: str | None = None
    stderr: str | None = None
    aggregated_output: str | None = None
    exit_code: Int | None = None
    duration: Duration | None = None
    changes: Raw = ABSENT
    result: Raw = ABSENT


class Text(Wire):
    text: str | None = None


class Action(Wire):
    command: list[str] | None = None


class ResponseItem(Wire):
    type: str = ""
    id: Id | None = None
    role: str | None = None
    content: list[Content] | str | None = None
    summary: list[Text] = field(default_factory=list)
    name: str | None = None
    namespace: str | None = None
    arguments: Raw = ABSENT
    input: Raw = ABSENT
    action: Raw = ABSENT
    call_id: Id | None = None
    output: Raw = ABSENT
    status: str | None = None


class IndexEntry(Wire):
    id: Id
    thread_name: str | None = None
    updated_at: str | float | None = None


class Hook(SessionHook):
    """What every hook's payload holds."""

    model: str | None = None
    permission_mode: str | None = None
    turn_id: Id | None = None
    thread_id: Id | None = None


class PromptHook(Hook, kw_only=True):
    prompt: str


class ToolHook(Hook, kw_only=True):
    tool_use_id: Id
    tool_name: str | None = None
    tool_input: Raw = ABSENT
    tool_response: Raw = ABSENT


class StopHook(Hook, kw_only=True):
    last_assistant_message: str | None = None


class RequestHook(Hook, kw_only=True):
    request_id: Id
    attempt_number: Int = 1
    kind: str | None = None
    status: str | None = None
    response_id: Id | None = None
    error: str | None = None
    token_usage: TokenUsage | None = None
