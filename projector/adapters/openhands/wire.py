"""The events and states of OpenHands's conversations and the payloads of its hooks, as far as they are read."""

from msgspec import Raw, field

from projector.adapters.session_hooks import SessionHook
from projector.adapters.wire import ABSENT, Count, Dollars, Id, Int, Millis, Wire


class Text(Wire):
    text: str | None = None
    thinking: str | None = None


class LLMMessage(Wire):
    role: str | None = None
    content: list[Text] = field(default_factory=list)
    thinking_blocks: list[Text] = field(default_factory=list)
    reasoning_content: str | None = None


class Called(Wire):
    arguments: str | None = None


class Observation(Wire):
    content: str | list[Text] | None = None
    is_error: bool | None = None
    exit_code: Int | None = None
    timeout: bool | None = None


class Message(Wire):
    id: Id
    source: str | None = None
    sender: str | None = None
    llm_message: LLMMessage | None = None
    llm_response_id: Id | None = None


class Action(Wire):
    id: Id
    thought: list[Text] = field(default_factory=list)
    thinking_blocks: list[Text] = field(default_factory=list)
    reasoning_content: str | None = None
    action: Raw = ABSENT
    tool_name: str | None = None
    tool_call_id: Id | None = None
    tool_call: Called | None = None
    llm_response_id: Id | None = None


class Result(Wire):
    tool_call_id: Id | None = None
    tool_name: str | None = None
    observation: Observation | None = None
    error: str | None = None
    rejection_reason: str | None = None


class Failure(Wire):
    id: Id
    code: str | None = None
    detail: str | None = None


class Record(Wire):
    sessionId: Id
    at: Millis | None = None


class MessageRecord(Record, kw_only=True):
    event: Message


class ActionRecord(Record, kw_only=True):
    event: Action


class ResultRecord(Record, kw_only=True):
    event: Result


class FailureRecord(Record, kw_only=True):
    event: Failure


class Tokens(Wire):
    model: str | None = None
    prompt_tokens: Count | None = None
    completion_tokens: Count | None = None
    cache_read_tokens: Count | None = None
    cache_write_tokens: Count | None = None
    reasoning_tokens: Count | None = None
    response_id: str | None = None


class UsageRecord(Wire):
    sessionId: Id
    usage: str
    tokens: Tokens


class Workspace(Wire):
    working_dir: str | None = None


class State(Wire):
    workspace: Workspace | None = None


class StateRecord(Wire):
    sessionId: Id
    state: State
    costs: dict[str, Dollars | None] = field(default_factory=dict)
    parentSessionId: Id | None = None


class Hook(SessionHook, rename={"cwd": "working_dir"}):
    message: str | None = None
