"""The rows of Hermes' database: the client's own record, which wins over hooks (Rank.RECORD).

An assistant row is a response. The database counts tokens only for the session; what no response has of it is a row of
its own (`messages.session_total`).
"""

from typing import Any

import msgspec
from msgspec import Raw
from msgspec.json import encode

from clankers.log.reader import Event
from projector.adapters.base import Case, case
from projector.adapters.hermes.common import SOURCE, call_of, close_call, open_call
from projector.adapters.hermes.wire import CallInRow, MessageRow, SessionRow
from projector.adapters.wire import ABSENT, any_millis
from projector.model.changes import USAGE_AT, Change, MessageSeen, PartSeen, ProjectSeen, Rank, SessionSeen, ToolSeen
from projector.model.evidence import UsageSeen
from projector.model.naming import scoped_id

_MADE_UP = "[System: "  # how what the client says in the user's place begins
_UNPRICED = (None, "", "unknown")  # the costs beside such a status are 0 for unknown


def _session(_: Event, row: SessionRow) -> list[Change]:
    created, last = any_millis(row.started_at), any_millis(row.last_message_at)
    at = last or created or 0
    found: dict[str, Any] = {
        "title": row.title,
        "parent_id": row.parent_session_id,
        "agent": row.source if row.source == "subagent" else None,
        "model": row.model,
        "provider": row.billing_provider,
        "project_path": row.cwd,
        "git_branch": row.git_branch,
        "created_at": created,
        "updated_at": last,
        "ended_at": any_millis(row.ended_at),
        f"{USAGE_AT}{at}": _usage(row),
    }
    facts = {name: value for name, value in found.items() if value is not None}
    changes: list[Change] = [SessionSeen(row.id, SOURCE, at, Rank.RECORD, facts)]
    if row.parent_session_id:
        changes.append(SessionSeen(row.parent_session_id, SOURCE))
    if row.cwd:
        changes.append(ProjectSeen(row.cwd, SOURCE))
    return changes


def _usage(row: SessionRow) -> str | None:
    """What the session used so far, as JSON; None for nothing."""
    cost = None if row.cost_status in _UNPRICED else row.actual_cost_usd or row.estimated_cost_usd
    used = {
        "prompt_tokens": row.input_tokens,
        "completion_tokens": row.output_tokens,
        "reasoning_tokens": row.reasoning_tokens,
        "cache_read_tokens": row.cache_read_tokens,
        "cache_write_tokens": row.cache_write_tokens,
        "cost": cost,
    }
    known = {name: value for name, value in used.items() if value}
    return encode(known).decode() if known else None


def _message(_: Event, row: MessageRow) -> list[Change]:
    at = any_millis(row.timestamp)
    if row.role == "tool":
        return [_result(row, at)] if row.tool_call_id else []
    id = scoped_id(str(row.id), row.session_id)
    said = row.content or ""
    synthetic = row.role == "user" and said.startswith(_MADE_UP)
    message = MessageSeen(
        id,
        row.session_id,
        SOURCE,
        row.role,
        finish_reason=row.finish_reason,
        created_at=at,
        completed_at=at,
        synthetic=synthetic,
        deleted_at=at if not row.active and not row.compacted else None,  # rewound; when is not recorded
        position=row.id,
    )
    changes: list[Change] = [message]
    for kind, text in (("reasoning", row.reasoning or row.reasoning_content), ("text", said)):
        if text:
            changes.append(_part(id, row, len(changes), kind, at, text=text, synthetic=int(synthetic)))
    for call in row.tool_calls:
        opened = _call(id, row, at, call)
        data = encode({"id": opened.id}).decode()
        changes += [_part(id, row, len(changes), "tool", at, data=data), opened]
    if row.role == "assistant":
        first = row.tool_calls[0].id if row.tool_calls else None
        changes.append(UsageSeen(id, row.session_id, SOURCE, "response", at, row.id, row.session_id, first, id))
    return changes


def _part(message: str, row: MessageRow, seq: int, kind: str, at: int | None, **more: Any) -> PartSeen:
    id = scoped_id(str(seq), message)
    return PartSeen(id, message, row.session_id, SOURCE, seq, kind, created_at=at, completed_at=at, **more)


def _call(message: str, row: MessageRow, at: int | None, call: CallInRow) -> ToolSeen:
    opened = call_of(call.id, row.session_id)
    opened.message_id = message
    open_call(opened, Rank.RECORD, call.function.name, _arguments(call.function.arguments), at)
    return opened


def _arguments(text: str | None) -> Raw:
    """The arguments as JSON: text that is none becomes a JSON text."""
    if text is None:
        return ABSENT
    raw = Raw(text.encode("utf-8", "replace"))
    try:
        msgspec.json.decode(raw)
    except msgspec.DecodeError:
        return Raw(encode(text))
    return raw


def _result(row: MessageRow, at: int | None) -> ToolSeen:
    call = call_of(row.tool_call_id or "", row.session_id)
    # A result without the name of a tool is the client's answer to a call of one that does not exist.
    close_call(call, Rank.RECORD, row.content or "", at, failed=not row.tool_name)
    return call


CASES: dict[str, Case] = {"db.session": case(SessionRow, _session), "db.message": case(MessageRow, _message)}
