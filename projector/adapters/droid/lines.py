"""The lines of Droid's session files: the client's own record, which wins over hooks (Rank.RECORD)."""

import re
from collections.abc import Callable
from typing import Any

from msgspec import ValidationError
from msgspec.json import encode

from clankers.log.reader import Event
from projector.adapters.base import Case, Meaning, case
from projector.adapters.droid.common import LINE, SOURCE, TOOLS, session_of
from projector.adapters.droid.wire import MessageLine, OutcomeLine, Part, StartLine
from projector.adapters.wire import Wire, any_millis, millis
from projector.model.changes import Change, ErrorSeen, MessageSeen, PartSeen, Rank, SessionSeen, ToolSeen
from projector.model.evidence import HookReport
from projector.model.naming import HOOK_PREFIX, call_row_id, scoped_id

_EXIT_CODE = re.compile(r"\[Process exited with code (-?\d{1,10})\]\s*\Z")
_FAILURE = re.compile(r"\s*(?:[A-Z]\w* )*Error\b:?\s*(\d{3})?\b")  # how a message to the user about one begins
_ERROR = "model_error"  # the type of such an error
_USER_ONLY, _MODEL_ONLY = "user_only", "llm_only"


def _line_case(wire: Any, adapt: Callable[[Event, str, Any], list[Change]]) -> Case:
    """A case for a line, which gets its session."""

    def located(event: Event, line: Any) -> Meaning:
        if (session := session_of(event)) is None:
            raise ValidationError("the id of the record names no session")
        return [SessionSeen(session, SOURCE), *adapt(event, session, line)]

    return case(wire, located)


def _start(_: Event, session: str, line: StartLine) -> list[Change]:
    link = "forked_from" if line.forkedAtMessageId else "parent_id"
    found = {"title": line.title, "project_path": line.cwd, link: line.parent}
    facts = {name: value for name, value in found.items() if value is not None}
    seen = SessionSeen(session, SOURCE, 0, Rank.RECORD, facts)
    return [SessionSeen(line.parent, SOURCE), seen] if line.parent else [seen]


def _message(event: Event, session: str, line: MessageLine) -> list[Change]:
    message, at = line.message, any_millis(line.timestamp)
    if message.hookEventName:  # a hook ran, as ours does
        return []
    id = line.id or event.id
    parts = [Part("text", message.content)] if isinstance(message.content, str) else message.content
    changes: list[Change] = []
    if at:
        changes.append(SessionSeen(session, SOURCE, at, Rank.RECORD, {"updated_at": at}))
    results = [part for part in parts if part.type == "tool_result"]
    changes += [_result(session, at, part) for part in results if part.tool_use_id]
    said = [part for part in parts if part.type != "tool_result"]
    if message.role == "assistant":
        seen = MessageSeen(id, session, SOURCE, "assistant", model=message.modelId, created_at=at, completed_at=at)
        return [*changes, seen, *_parts(session, id, at, said)]
    if message.role != "user" or not said:
        return changes
    if message.visibility == _USER_ONLY and (failure := _failure(id, session, at, said)):
        return [*changes, failure]
    synthetic = message.visibility in (_USER_ONLY, _MODEL_ONLY)
    seen = MessageSeen(id, session, SOURCE, "user", synthetic=synthetic, created_at=at, completed_at=at)
    return [*changes, seen, *_parts(session, id, at, said)]


def _failure(id: str, session: str, at: int | None, said: list[Part]) -> ErrorSeen | None:
    """The failure that a message says to the user; None if it says something else."""
    text = "\n".join(part.text for part in said if part.text)
    if not (found := _FAILURE.match(text)):
        return None
    status = int(found[1]) if found[1] else None
    return ErrorSeen(id, session, SOURCE, _ERROR, text, at, status_code=status)


def _parts(session: str, message: str, at: int | None, parts: list[Part]) -> list[Change]:
    changes: list[Change] = []
    for seq, part in enumerate(parts):
        kind, text, data = part.type or "text", part.text, None
        if part.type == "thinking":
            kind, text = "reasoning", part.thinking
        elif part.type == "tool_use" and part.id:
            row = call_row_id(part.id, session)
            kind, data = "tool", encode({"id": row}).decode()
            changes.append(_call(session, message, at, row, part))
        changes.append(PartSeen(scoped_id(str(seq), message), message, session, SOURCE, seq, kind, text, data, at, at))
    return changes


def _call(session: str, message: str, at: int | None, row: str, part: Part) -> ToolSeen:
    call = TOOLS.opened(row, session, SOURCE, part.name, part.input, at)
    call.message_id = message
    return call


def _result(session: str, at: int | None, part: Part) -> ToolSeen:
    content = part.content
    text = content if isinstance(content, str) else "\n".join(one.text for one in content or () if one.text)
    found = _EXIT_CODE.search(text)
    code = int(found[1]) if found else None
    return ToolSeen(
        call_row_id(part.tool_use_id or "", session),
        session,
        SOURCE,
        close_rank=Rank.RECORD,
        status="error" if part.is_error else "completed",
        success=not part.is_error and not code,
        tool_output=text,
        exit_code=code,
        error_message=text if part.is_error else None,
        completed_at=at,
    )


def _outcome(event: Event, session: str, line: OutcomeLine) -> list[Change]:
    """How a turn ended; a failure has a message to the user, too, as a rule."""
    if not line.turnId or not (line.reason or "").endswith("_failed"):
        return []
    id = f"{HOOK_PREFIX}error:{session}:{line.turnId}"
    return [HookReport(id, session, SOURCE, "error", _ERROR, line.reason or "", millis(event.ts))]


def _plain(_event: Event, _session: str, _line: Wire) -> list[Change]:
    return []


plain = _line_case(Wire, _plain)

CASES: dict[str, Case] = {
    LINE + "session_start": _line_case(StartLine, _start),
    LINE + "message": _line_case(MessageLine, _message),
    LINE + "agent_turn_outcome": _line_case(OutcomeLine, _outcome),
}
