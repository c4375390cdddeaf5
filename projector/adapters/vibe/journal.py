"""Vibe's journals: each response with its tokens, each call's result, and when they came.

An action's result is said twice, as `action_result` and as `core_input`: the first one counts, the other has the time.
"""

from collections.abc import Callable
from typing import Any

from msgspec import ValidationError

from clankers.log.reader import Event
from projector.adapters.base import Case, Meaning, case
from projector.adapters.vibe.common import (
    JOURNAL,
    SOURCE,
    failed,
    is_cancelled,
    opened,
    parts,
    response,
    session_of,
    succeeded,
    value_of,
)
from projector.adapters.vibe.wire import (
    ActionOutcome,
    ActionResult,
    InputLine,
    IntentLine,
    ReservedLine,
    ResultLine,
    Usage,
)
from projector.adapters.wire import ABSENT, Wire
from projector.model.changes import Change, ErrorSeen, MessageSeen, PartSeen, Rank, SessionSeen
from projector.model.naming import scoped_id

_PROMPT = "turn/start"
_OF_CONVERSATION = "agent"  # the purpose of a request; the others are beside it


def _line_case(wire: Any, adapt: Callable[[str, Any], list[Change]]) -> Case:
    """A case for a line, which gets its session."""

    def located(event: Event, line: Any) -> Meaning:
        if (session := session_of(event)) is None:
            raise ValidationError("the id of the record names no session")
        return [SessionSeen(session, SOURCE), *adapt(session, line)]

    return case(wire, located)


def _reserved(session: str, line: ReservedLine) -> list[Change]:
    """What was typed."""
    payload = line.payload
    if payload.method != _PROMPT or not payload.client_command_id or not payload.params:
        return []
    id, synthetic = payload.client_command_id, bool(payload.params.injected)
    changes: list[Change] = [MessageSeen(id, session, SOURCE, "user", synthetic=synthetic)]
    texts = [one.text for one in payload.params.message if one.text]
    return changes + [
        PartSeen(scoped_id(f"text{n}", id), id, session, SOURCE, n, "text", text) for n, text in enumerate(texts)
    ]


def _result(session: str, line: ResultLine) -> list[Change]:
    """How an action ended."""
    return _ended(session, line.payload.result, None)


def _input(session: str, line: InputLine) -> list[Change]:
    """When an action ended, or something was typed."""
    command, clock = line.payload.input.command, line.payload.input.determinism
    if clock is None or (at := clock.time_unix_ms) is None:
        return []
    seen = SessionSeen(session, SOURCE, at, Rank.RECORD, {"updated_at": at})
    if command.type == "user_message" and command.turn_id:
        return [seen, MessageSeen(command.turn_id, session, SOURCE, "user", created_at=at, completed_at=at)]
    return [seen, *_ended(session, command, at)]


def _ended(session: str, action: ActionResult, at: int | None) -> list[Change]:
    if action.type == "completion_succeeded" and action.result:
        return _response(session, action.action_id, at, action.result)
    if action.type == "completion_failed" and action.error and action.action_id:
        error = action.error
        if is_cancelled(error.code):  # a person or the end of the client's process did that
            return []
        status = error.details.httpStatus if error.details else None
        return [ErrorSeen(action.action_id, session, SOURCE, error.code, error.message, at, status_code=status)]
    if action.call_id and action.result and action.type in ("tool_succeeded", "tool_failed"):
        return [_tool_ended(session, action.call_id, at, action.result)]
    return []


def _response(session: str, action: str | None, at: int | None, outcome: ActionOutcome) -> list[Change]:
    said = response(outcome.parts)
    id = said.row_id(action, session)
    if id is None:
        return []
    message = MessageSeen(
        id,
        session,
        SOURCE,
        "assistant",
        created_at=at,
        completed_at=at,
        finish_reason=outcome.finish_reason,
        **_counts(outcome.usage),
    )
    return [message, *parts(session, id, at, said), *(opened(session, id, at, call) for call in said.calls)]


def _counts(usage: Usage | None) -> dict[str, Any]:
    """The columns of `usage`: its input tokens include the cached ones."""
    if usage is None:
        return {}
    prompt = usage.input_tokens
    return {
        "prompt_tokens": None if prompt is None else max(prompt - (usage.cached_input_tokens or 0), 0),
        "completion_tokens": usage.output_tokens,
        "cache_read_tokens": usage.cached_input_tokens,
    }


def _tool_ended(session: str, call: str, at: int | None, outcome: ActionOutcome) -> Change:
    """A call's end; of a `core_input` only the time is there."""
    if outcome.error:
        return failed(session, call, at, outcome.error.code, outcome.error.message)
    texts = [one.text for one in outcome.content if one.text]
    result = value_of(outcome.structured_content) if outcome.structured_content is not ABSENT else None
    return succeeded(session, call, at, "\n".join(texts) if result is None else result)


def _intent(session: str, line: IntentLine) -> list[Change]:
    """A request beside the conversation, as for a summary: its response follows, under the same id."""
    payload = line.payload
    purpose = payload.request.purpose if payload.request else None
    if payload.kind != "completion" or purpose in (None, _OF_CONVERSATION) or not payload.action_id:
        return []
    return [MessageSeen(payload.action_id, session, SOURCE, "assistant", agent=purpose, synthetic=True)]


def _plain(_session: str, _line: Wire) -> list[Change]:
    return []


plain = _line_case(Wire, _plain)

CASES: dict[str, Case] = {
    JOURNAL + "command_reserved": _line_case(ReservedLine, _reserved),
    JOURNAL + "action_intent": _line_case(IntentLine, _intent),
    JOURNAL + "action_result": _line_case(ResultLine, _result),
    JOURNAL + "core_input": _line_case(InputLine, _input),
    # The store has the history, and a command's receipt says nothing.
    JOURNAL + "projection_delta": plain,
    JOURNAL + "receipt_succeeded": plain,
    JOURNAL + "receipt_failed": plain,
}
