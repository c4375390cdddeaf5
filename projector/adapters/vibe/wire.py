"""The records of Vibe's sessions and the payloads of its hooks, as far as they are read."""

from msgspec import Raw, field

from projector.adapters.session_hooks import SessionHook
from projector.adapters.wire import ABSENT, Count, Dollars, Id, Int, Millis, Wire

Time = str | float | None


class Text(Wire):
    text: str | None = None


class Arguments(Wire):
    raw: str | None = None
    value: Raw = ABSENT


class Content(Wire):
    """A part of a message; the journal and the store write the arguments of a call differently."""

    type: str | None = None
    text: str | None = None
    content: list[Text] = field(default_factory=list)
    id: Id | None = None
    name: str | None = None
    arguments: Arguments | None = None
    arguments_json: str | None = None

    @property
    def called_with(self) -> Raw:
        """The arguments of a call, as JSON."""
        if self.arguments is not None:
            return self.arguments.value if self.arguments.raw is None else Raw(self.arguments.raw.encode())
        return ABSENT if self.arguments_json is None else Raw(self.arguments_json.encode())


class Usage(Wire):
    input_tokens: Count | None = None
    cached_input_tokens: Count | None = None
    output_tokens: Count | None = None


class Failure(Wire):
    code: str | None = None
    message: str | None = None
    details: "Details | None" = None


class Details(Wire):
    httpStatus: Int | None = None


class ActionOutcome(Wire):
    """What an action ended with: a response has parts, a tool a content."""

    parts: list[Content] = field(default_factory=list)
    usage: Usage | None = None
    finish_reason: str | None = None
    content: list[Text] = field(default_factory=list)
    structured_content: Raw = ABSENT
    error: Failure | None = None


class ActionResult(Wire):
    type: str | None = None
    action_id: Id | None = None
    call_id: Id | None = None
    result: ActionOutcome | None = None
    error: Failure | None = None


class ResultPayload(Wire):
    result: ActionResult


class ResultLine(Wire):
    payload: ResultPayload


class Command(ActionResult):
    """What was sent to the session's core: an action's result, or what was typed."""

    turn_id: Id | None = None


class Determinism(Wire):
    time_unix_ms: Millis | None = None


class CoreInput(Wire):
    command: Command
    determinism: Determinism | None = None


class InputPayload(Wire):
    input: CoreInput


class InputLine(Wire):
    payload: InputPayload


class Params(Wire):
    message: list[Text] = field(default_factory=list)
    injected: bool | None = None


class ReservedPayload(Wire):
    client_command_id: Id | None = None
    method: str | None = None
    params: Params | None = None


class ReservedLine(Wire):
    payload: ReservedPayload


class Request(Wire):
    purpose: str | None = None


class IntentPayload(Wire):
    action_id: Id | None = None
    kind: str | None = None
    request: Request | None = None


class IntentLine(Wire):
    payload: IntentPayload


class EffectDetail(Wire):
    toolName: str | None = None
    input: Raw = ABSENT


class Entry(Wire):
    """An entry of the history."""

    id: Id | None = None
    type: str | None = None
    role: str | None = None
    source: str | None = None
    turnId: Id | None = None
    createdAt: Millis | None = None
    updatedAt: Millis | None = None
    text: str | None = None
    content: list[Content] = field(default_factory=list)
    detail: EffectDetail | None = None


class ModelMessage(Wire):
    role: str | None = None
    content: list[Content] = field(default_factory=list)
    tool_call_id: Id | None = None
    outcome: str | None = None


class ContextMessage(Wire):
    message: ModelMessage | None = None


class Turn(Wire):
    sessionId: Id
    entries: list[Entry] = field(default_factory=list)
    messages: list[ContextMessage] = field(default_factory=list)


class TokenUsage(Wire):
    inputTokens: Count | None = None
    cachedInputTokens: Count | None = None
    outputTokens: Count | None = None


class StateSession(Wire):
    title: str | None = None
    parentSessionId: Id | None = None
    createdAt: Millis | None = None
    updatedAt: Millis | None = None
    tokenUsage: TokenUsage | None = None


class LatestTurn(Wire):
    id: Id | None = None
    completedAt: Millis | None = None
    error: Failure | None = None


class Snapshot(Wire):
    session: StateSession | None = None
    latestTurn: LatestTurn | None = None


class State(Wire):
    snapshot: Snapshot


class StateRecord(Wire):
    sessionId: Id
    state: State


class Environment(Wire):
    working_directory: str | None = None


class Model(Wire):
    name: str | None = None
    provider: str | None = None
    alias: str | None = None


class Config(Wire):
    """The settings: `model_name` is in those of 3.x, `models` in those of 2.x."""

    active_model: str | None = None
    model_name: str | None = None
    models: list[Model] = field(default_factory=list)


class Stats(Wire):
    session_prompt_tokens: Count | None = None
    session_completion_tokens: Count | None = None
    session_cost: Dollars | None = None


class Profile(Wire):
    name: str | None = None


class Meta(Wire):
    parent_session_id: Id | None = None
    start_time: Time = None
    end_time: Time = None
    git_branch: str | None = None
    title: str | None = None
    environment: Environment | None = None
    config: Config | str | None = None
    stats: Stats | None = None
    agent_profile: Profile | None = None


class MetaRecord(Wire):
    sessionId: Id
    meta: Meta
    parentSessionId: Id | None = None


class Function(Wire):
    name: str | None = None
    arguments: str | None = None


class OldCall(Wire):
    id: Id | None = None
    function: Function | None = None


class OldMessage(Wire):
    """A line of messages.jsonl of 2.x."""

    role: str | None = None
    content: str | list[Text] | None = None
    reasoning_content: str | list[Text] | None = None
    injected: bool | None = None
    tool_calls: list[OldCall] | None = None
    tool_call_id: Id | None = None
    message_id: Id | None = None


class Hook(SessionHook):
    parent_session_id: Id | None = None
