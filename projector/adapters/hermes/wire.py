"""Hermes' JSON, as far as it is read: rows of its database, what its hooks get."""

import msgspec
from msgspec import Raw

from projector.adapters.wire import ABSENT, Count, Dollars, Id, Int, Wire


class SessionRow(Wire):
    id: Id
    title: str | None = None
    parent_session_id: Id | None = None
    source: str | None = None
    model: str | None = None
    billing_provider: str | None = None
    cwd: str | None = None
    git_branch: str | None = None
    started_at: float | None = None
    ended_at: float | None = None
    last_message_at: float | None = None
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    cache_read_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    reasoning_tokens: Count | None = None
    estimated_cost_usd: Dollars | None = None
    actual_cost_usd: Dollars | None = None
    cost_status: str | None = None


class FunctionCall(Wire):
    name: str | None = None
    arguments: str | None = None


class CallInRow(Wire):
    id: Id
    function: FunctionCall = msgspec.field(default_factory=FunctionCall)


class MessageRow(Wire):
    id: int
    session_id: Id
    role: str | None = None
    content: str | None = None
    tool_call_id: Id | None = None
    tool_calls: list[CallInRow] = msgspec.field(default_factory=list)
    tool_name: str | None = None
    timestamp: float | None = None
    finish_reason: str | None = None
    reasoning: str | None = None
    reasoning_content: str | None = None
    active: int = 1
    compacted: int = 0


class Usage(Wire):
    input_tokens: Count | None = None
    output_tokens: Count | None = None
    reasoning_tokens: Count | None = None
    cache_read_tokens: Count | None = None
    cache_write_tokens: Count | None = None


class Failure(Wire):
    type: str | None = None
    message: str | None = None


class Extra(Wire):
    turn_id: str | None = None
    api_request_id: Id | None = None
    tool_call_id: Id | None = None
    user_message: str | None = None
    assistant_response: str | None = None
    assistant_message: str | None = None
    assistant_tool_call_count: Count | None = None
    result: str | None = None
    status: str | None = None
    duration_ms: Count | None = None
    model: str | None = None
    response_model: str | None = None
    provider: str | None = None
    finish_reason: str | None = None
    started_at: float | None = None
    ended_at: float | None = None
    usage: Usage | None = None
    status_code: Int | None = None
    retry_count: Count | None = None
    retryable: bool | None = None
    error: Failure | None = None
    child_session_id: Id | None = None


class Hook(Wire):
    session_id: Id
    cwd: str | None = None
    tool_name: str | None = None
    tool_input: Raw = ABSENT
    extra: Extra = msgspec.field(default_factory=Extra)
