"""Bodies of `POST /admin/sync` (see `wire`), as a server logged them: rows of another machine's database.

They are whole, and the last telling of each counts. What follows from the rows is worked out here as it was there. A
client that is not ours has no `metadata.clankers`: what it sends is taken as far as the format goes, which is
OpenCode's. Left without a row, as it is told elsewhere too: `file_edits` (the tools'), a message's error (`errors`).
"""

from collections.abc import Callable
from typing import Any, TypeVar
from zlib import crc32

from msgspec import UNSET, MsgspecError, Raw, UnsetType
from msgspec.json import Decoder

from clankers.log.reader import Event
from projector.adapters import wire as foreign
from projector.adapters.session_sync import wire
from projector.adapters.session_sync.wire import SOURCE, TYPE
from projector.adapters.wire import millis
from projector.derived.session_totals import project_name
from projector.model.changes import (
    Change,
    CompactionSeen,
    ErrorSeen,
    MessageSeen,
    PartSeen,
    ProjectSeen,
    Rank,
    RowDeleted,
    RowReplaced,
    SessionSeen,
    Todo,
    TodosSeen,
    ToolSeen,
)

_HARNESS = "opencode"  # of a client that does not say: the format is that of a plugin for it
_TOLD_COSTS = ("client", "parent")  # a session's `cost_source`, where it is not worked out from prices
_DELETED = {  # of `wire.DeletedRows` each field's table
    "messages": "messages",
    "parts": "parts",
    "tools": "tools",
    "errors": "session_errors",
    "compactions": "compaction_events",
}

_T = TypeVar("_T")
_body = Decoder(wire.SyncBody).decode


def _or(value: _T | UnsetType, format_has: _T) -> _T:
    """`value`, unless it is left to the format's own field."""
    return format_has if value is UNSET else value


def body(event: Event) -> list[Change]:
    """What a body tells.

    Raises:
        msgspec.ValidationError: it is none; the server lets none such in.
    """
    told = _body(event.payload)
    session = told.session
    more = session.metadata.clankers if session.metadata else None
    source = more.source if more else _HARNESS
    at = millis(event.ts)
    facts = _facts(told, more)
    changes: list[Change] = [SessionSeen(session.id, source, at, Rank.RECORD, facts, latest=True)]
    if parent := facts.get("parent_id"):
        changes.append(SessionSeen(parent, source))
    changes += _projects(told, facts["project_path"], source)
    if more and more.gone:
        for field, table in _DELETED.items():
            changes += [RowDeleted(table, id, session.id, source) for id in getattr(more.gone, field)]
    changes += [RowReplaced(_message(one, more, session.id, source)) for one in told.messages or ()]
    changes += [RowReplaced(_part(one, session.id, source)) for one in told.parts or ()]
    changes += [RowReplaced(_tool(one, session.id, source)) for one in told.tool_executions or ()]
    changes += [RowReplaced(_error(one, session.id, source)) for one in told.errors or ()]
    if more:
        changes += [
            RowReplaced(
                CompactionSeen(
                    one.id,
                    session.id,
                    source,
                    one.created_at,
                    one.trigger,
                    one.pre_tokens,
                    one.post_tokens,
                    one.duration_ms,
                )
            )
            for one in more.compactions
        ]
    if told.todos is not None:
        todos = [_todo(place, one) for place, one in enumerate(told.todos)]
        changes.append(TodosSeen(session.id, source, at, Rank.RECORD, todos))
    return changes


def _facts(told: wire.SyncBody, more: wire.SessionMore | None) -> dict[str, Any]:
    """The columns of a session; what is None has no value, whatever was told before."""
    session = told.session
    facts: dict[str, Any] = {
        "synced": True,
        "title": session.title,
        "created_at": session.created_at,
        "updated_at": session.updated_at,
        "project_path": session.directory or None,
        "client_version": session.version or None,
    }
    if not more:
        return facts | ({"git_branch": told.vcs_info.branch} if told.vcs_info else {})
    billed = more.cost_source in _TOLD_COSTS
    return facts | {
        "created_at": _or(more.created_at, session.created_at),
        "project_path": _or(more.project_path, session.directory),
        "client_version": _or(more.client_version, session.version),
        "model": more.model,
        "provider": more.provider,
        "status": more.status,
        "parent_id": more.parent_id,
        "forked_from": more.forked_from,
        "agent": more.agent,
        "git_branch": more.git_branch,
        "permission_mode": more.permission_mode,
        "ended_at": more.ended_at,
        "deleted_at": more.deleted_at,
        "cost": more.cost if billed else None,
        "cost_source": more.cost_source if billed else None,
    }


def _projects(told: wire.SyncBody, path: str | None, source: str) -> list[ProjectSeen]:
    found = []
    if path:
        id = told.session.project_id
        own = None if id in ("", path, told.session.directory) else id
        found.append(ProjectSeen(path, source, own, fallback=project_name(path)))
    if (info := told.project_info) and info.worktree:
        own = None if info.id in ("", info.worktree) else info.id
        found.append(ProjectSeen(info.worktree, source, own, info.name or None, info.vcs or None))
    return found


def _message(one: wire.SyncMessage, more: wire.SessionMore | None, session: str, source: str) -> MessageSeen:
    extra = (more and more.messages.get(one.id)) or wire.MessageMore()
    return MessageSeen(
        one.id,
        session,
        source,
        _or(extra.role, one.role),
        _or(extra.parent_id, one.parent_id),
        one.model_id,
        one.provider_id,
        one.agent if more else one.agent or one.mode,
        one.tokens_input,
        one.tokens_output,
        one.tokens_reasoning,
        one.tokens_cache_read,
        one.tokens_cache_write,
        extra.cache_write_1h_tokens,
        extra.web_searches,
        extra.price_context,
        # What was worked out there is worked out here, by the prices of here.
        cost=one.cost if not more or extra.cost_source == "client" else None,
        finish_reason=one.finish_reason,
        created_at=_or(extra.created_at, one.created_at),
        completed_at=one.completed_at,
        synthetic=extra.synthetic,
        deleted_at=extra.deleted_at,
    )


def _part(one: wire.SyncPart, session: str, source: str) -> PartSeen:
    extra = (one.metadata and one.metadata.clankers) or wire.PartMore()
    return PartSeen(
        one.id,
        one.message_id,
        session,
        source,
        one.sequence_order or 0,
        _or(extra.type, one.type),
        one.text,
        extra.data,
        one.time_start,
        one.time_end,
        extra.deleted_at,
        extra.synthetic,
    )


def _tool(one: wire.ToolExecution, session: str, source: str) -> ToolSeen:
    extra = (one.metadata and one.metadata.clankers) or _by_the_format(one)
    return ToolSeen(
        one.id,
        session,
        source,
        extra.open_rank,
        extra.message_id,
        _or(extra.tool_name, one.tool_name),
        extra.call_id,
        extra.title,
        _or(extra.tool_input, one.input),
        extra.file_path,
        one.time_start,
        extra.close_rank,
        extra.status,
        extra.success,
        one.output,
        extra.exit_code,
        one.error,
        extra.duration_ms,
        one.time_end,
    )


def _by_the_format(one: wire.ToolExecution) -> wire.ToolMore:
    """What our own client would have said of a call."""
    try:
        path = foreign.file_path(Raw(one.input.encode()))
    except (MsgspecError, RecursionError):
        path = None  # the input is no JSON
    ended = one.status in ("completed", "error")
    return wire.ToolMore(
        call_id=one.call_id if one.call_id != one.id else None,
        title=one.title,
        file_path=path,
        status=one.status,
        success=one.status == "completed" if ended else None,
        open_rank=Rank.RECORD,
        close_rank=Rank.RECORD if ended else Rank.UNREPORTED,
    )


def _error(one: wire.SyncError, session: str, source: str) -> ErrorSeen:
    extra = one.error_data and one.error_data.clankers
    if not extra:
        said = crc32(f"{one.error_name} {one.error_message}".encode())
        extra = wire.ErrorMore(f"error:{session}:{one.occurred_at}:{said:08x}")
    return ErrorSeen(
        extra.id,
        session,
        source,
        _or(extra.error_type, one.error_name),
        one.error_message,
        _or(extra.created_at, one.occurred_at),
        extra.message_id,
        extra.status_code,
        extra.will_retry,
    )


def _todo(place: int, one: wire.SyncTodo) -> Todo:
    id = None if one.task_id == f"#{place}" else one.task_id
    at = UNSET if one.updated_at is None else one.updated_at
    return Todo(one.content, one.status or None, one.priority, id, at)


def fallback(_: Event) -> list[Change]:
    """Nothing: servers log one type alone."""
    return []


CASES: dict[str, Callable[[Event], list[Change]]] = {TYPE: body}

__all__ = ["CASES", "SOURCE", "fallback"]
