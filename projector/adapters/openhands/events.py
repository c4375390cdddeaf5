"""The events of OpenHands's conversations: the client's own record, which wins over hooks (Rank.RECORD)."""

from collections.abc import Callable
from typing import Any

from msgspec import Raw
from msgspec.json import encode

from clankers.log.reader import Event
from projector.adapters.base import Case, Meaning, case
from projector.adapters.openhands.common import EVENT, SOURCE, TOOLS, response_row
from projector.adapters.openhands.wire import (
    Action,
    ActionRecord,
    Failure,
    FailureRecord,
    Message,
    MessageRecord,
    Record,
    Result,
    ResultRecord,
    Text,
)
from projector.adapters.wire import json_text
from projector.model.changes import Change, ErrorSeen, MessageSeen, PartSeen, Rank, SessionSeen, ToolSeen
from projector.model.naming import call_row_id, scoped_id

_FIRST_SEQ = 8  # of an event's parts: the number of those before it in the file's order times this
_UNKNOWN_EXIT = -1  # the command still runs, or its exit code was lost


def _event_case(wire: Any, adapt: Callable[[str, int, int | None, Any], list[Change]]) -> Case:
    """A case for an event, which gets its session, its number and its time."""

    def located(event: Event, record: Any) -> Meaning:
        session, at = record.sessionId, record.at
        facts = {} if at is None else {"updated_at": at}
        seen = SessionSeen(session, SOURCE, at or 0, Rank.RECORD, facts)
        number = event.id.rpartition("@")[2].partition("#")[0]
        return [seen, *adapt(session, int(number) if number.isdecimal() else 0, at, record.event)]

    return case(wire, located)


def _message(session: str, number: int, at: int | None, event: Message) -> list[Change]:
    message = event.llm_message
    if message is None or event.source not in ("user", "agent"):
        return []
    is_agents = event.source == "agent"
    id = response_row(event.llm_response_id, session) if is_agents and event.llm_response_id else event.id
    synthetic = not is_agents and event.sender is not None  # a subagent's prompt is its parent's
    role = "assistant" if is_agents else "user"
    row = MessageSeen(id, session, SOURCE, role, synthetic=synthetic, created_at=at, completed_at=at)
    thought = _thought(message.thinking_blocks, message.reasoning_content)
    return [row, *_parts(session, id, event.id, number, at, thought, _texts(message.content))]


def _action(session: str, number: int, at: int | None, event: Action) -> list[Change]:
    """A call; those with the same response are of one message, whose text the first one has."""
    id = response_row(event.llm_response_id, session) if event.llm_response_id else event.id
    row = MessageSeen(id, session, SOURCE, "assistant", created_at=at, completed_at=at)
    thought = _thought(event.thinking_blocks, event.reasoning_content)
    changes: list[Change] = [row, *_parts(session, id, event.id, number, at, thought, _texts(event.thought))]
    if not event.tool_call_id:
        return changes
    call = call_row_id(event.tool_call_id, session)
    given = event.tool_call.arguments if event.tool_call else None
    action = json_text(event.action)
    tool = ToolSeen(
        call,
        session,
        SOURCE,
        open_rank=Rank.RECORD,
        message_id=id,
        tool_name=event.tool_name,
        tool_input=given if given is not None else action,
        file_path=TOOLS.file_path(event.action) if action else None,
        edits_file=event.tool_name in TOOLS.editing and not _is_view(event.action),
        created_at=at,
        status="running",
    )
    seq = number * _FIRST_SEQ + _FIRST_SEQ - 1
    data = encode({"id": call}).decode()
    part = PartSeen(scoped_id("tool", event.id), id, session, SOURCE, seq, "tool", None, data, at, at)
    return [*changes, part, tool]


def _is_view(action: Raw) -> bool:
    """Whether the call of an editor only looks at a file."""
    return b'"view"' in bytes(action)


def _texts(content: list[Text]) -> list[str]:
    return [one.text for one in content if one.text]


def _thought(blocks: list[Text], reasoning: str | None) -> list[str]:
    """The reasoning, which may be there in two forms."""
    return [one.thinking for one in blocks if one.thinking] or ([reasoning] if reasoning else [])


def _parts(
    session: str, message: str, event: str, number: int, at: int | None, thought: list[str], texts: list[str]
) -> list[Change]:
    said = [("reasoning", "\n".join(thought)), ("text", "\n".join(texts))]
    return [
        PartSeen(scoped_id(kind, event), message, session, SOURCE, number * _FIRST_SEQ + n, kind, text, None, at, at)
        for n, (kind, text) in enumerate(said)
        if text
    ]


def _result(session: str, _: int, at: int | None, event: Result) -> list[Change]:
    """How a call ended: with an observation, an error of the agent, or a person's rejection."""
    if not event.tool_call_id:
        return []
    seen = event.observation
    reason = event.error or event.rejection_reason
    content = seen.content if seen else None
    text = reason or (content if isinstance(content, str) else "\n".join(_texts(content or [])))
    code = seen.exit_code if seen and seen.exit_code != _UNKNOWN_EXIT else None
    failed = seen is None or bool(seen.is_error)
    timed_out = bool(seen and seen.timeout)
    status = "denied" if event.rejection_reason else "error" if failed or timed_out else "completed"
    return [
        ToolSeen(
            call_row_id(event.tool_call_id, session),
            session,
            SOURCE,
            close_rank=Rank.RECORD,
            status=status,
            success=not (failed or timed_out or code),
            tool_output=text,
            exit_code=code,
            error_message=text if failed else None,
            completed_at=at,
        )
    ]


def _failure(session: str, _: int, at: int | None, event: Failure) -> list[Change]:
    return [ErrorSeen(event.id, session, SOURCE, event.code, event.detail, at)]


def _plain(_session: str, _number: int, _at: int | None, _event: Any) -> list[Change]:
    return []


class _AnyRecord(Record, kw_only=True):
    event: Raw


plain = _event_case(_AnyRecord, _plain)

CASES: dict[str, Case] = {
    EVENT + "MessageEvent": _event_case(MessageRecord, _message),
    EVENT + "ActionEvent": _event_case(ActionRecord, _action),
    **dict.fromkeys(
        (EVENT + "ObservationEvent", EVENT + "AgentErrorEvent", EVENT + "UserRejectObservation"),
        _event_case(ResultRecord, _result),
    ),
    EVENT + "ConversationErrorEvent": _event_case(FailureRecord, _failure),
    # A hook ran, as ours does; and the system prompt is no message.
    EVENT + "HookExecutionEvent": plain,
    EVENT + "SystemPromptEvent": plain,
}
