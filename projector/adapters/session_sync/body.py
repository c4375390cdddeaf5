"""What bodies of `POST /admin/sync` (see `wire`) mean: rows of another machine's database, as a server logged them.

Rows are complete, and the last one sent counts, unless it is an older copy, as from a backup: a session's facts are as
old as its `updated_at`, and a row that is less complete than the one that is there (`merge.is_older`) changes nothing.
Derived rows are derived here again. A client that is not ours sends no `metadata.clankers`; its rows are used as far as
the format goes, which is OpenCode's. Two values make no row because others repeat them: `file_edits` (from tool
executions) and a message's error (from `errors`).
"""

from typing import Any, TypeVar
from zlib import crc32

from msgspec import UNSET, MsgspecError, Raw, UnsetType
from msgspec.json import Decoder

from clankers.log.reader import Event
from projector.adapters import tools_of
from projector.adapters.base import Case
from projector.adapters.opencode.ids import made_since
from projector.adapters.session_sync import wire
from projector.adapters.session_sync.wire import TYPE
from projector.adapters.wire import millis
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
from projector.model.naming import project_name

_HARNESS = "opencode"  # of a client that sends none: the format is that of a plugin for OpenCode
_BILLED = ("client", "parent")  # a session's `cost_source` that this database cannot derive
_DELETED = {  # the table of each field of `wire.DeletedRows`
    "messages": "messages",
    "parts": "parts",
    "tools": "tools",
    "errors": "session_errors",
    "compactions": "compaction_events",
}

_T = TypeVar("_T")
_body = Decoder(wire.SyncBody).decode


def _or(value: _T | UnsetType, format_has: _T) -> _T:
    """`value`; if it is not sent, the value of the format's own field."""
    return format_has if value is UNSET else value


def body(event: Event) -> list[Change]:
    """The changes of a body.

    Raises:
        msgspec.ValidationError: it breaks the format; our server accepts no such body.
    """
    sent = _body(event.payload)
    session = sent.session
    more = session.metadata.clankers if session.metadata else None
    source = more.source if more else _HARNESS
    at = millis(event.ts) if session.updated_at is None else session.updated_at  # of the copy, whenever it was sent
    facts = _facts(sent, more)
    changes: list[Change] = [SessionSeen(session.id, source, at, Rank.RECORD, facts, latest=True)]
    if parent := facts.get("parent_id"):
        changes.append(SessionSeen(parent, source))
    changes += _projects(sent, facts["project_path"], source)
    if more and more.gone:
        for field, table in _DELETED.items():
            changes += [RowDeleted(table, id, session.id, source) for id in getattr(more.gone, field)]
    changes += [RowReplaced(_message(one, more, session.id, source)) for one in sent.messages or ()]
    changes += [RowReplaced(_part(one, session.id, source)) for one in sent.parts or ()]
    changes += [RowReplaced(_tool(one, session.id, source)) for one in sent.tool_executions or ()]
    changes += [RowReplaced(_error(one, session.id, source)) for one in sent.errors or ()]
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
    if sent.todos is not None:
        todos = [_todo(place, one) for place, one in enumerate(sent.todos)]
        changes.append(TodosSeen(session.id, source, at, Rank.RECORD, todos))
    return changes


def _facts(sent: wire.SyncBody, more: wire.SessionMore | None) -> dict[str, Any]:
    """The facts of a session; None clears."""
    session = sent.session
    facts: dict[str, Any] = {
        "synced": True,
        "title": session.title,
        "created_at": session.created_at,
        "copies_before": session.created_at,
        "updated_at": session.updated_at,
        "project_path": session.directory or None,
        "client_version": session.version or None,
    }
    if not more:
        return facts | ({"git_branch": sent.vcs_info.branch} if sent.vcs_info else {})
    created_at = _or(more.created_at, session.created_at)
    billed = more.cost_source in _BILLED
    return facts | {
        "created_at": created_at,
        "copies_before": created_at,
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


def _projects(sent: wire.SyncBody, path: str | None, source: str) -> list[ProjectSeen]:
    found = []
    if path:
        id = sent.session.project_id
        own = None if id in ("", path, sent.session.directory) else id
        found.append(ProjectSeen(path, source, own, fallback=project_name(path)))
    if (info := sent.project_info) and info.worktree:
        own = None if info.id in ("", info.worktree) else info.id
        found.append(ProjectSeen(info.worktree, source, own, info.name or None, info.vcs or None))
    return found


def _message(one: wire.SyncMessage, more: wire.SessionMore | None, session: str, source: str) -> MessageSeen:
    extra = (more and more.messages.get(one.id)) or wire.MessageMore()
    created = _or(extra.created_at, one.created_at)
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
        # A computed cost is computed here again, with the prices of this machine.
        cost=one.cost if not more or extra.cost_source == "client" else None,
        finish_reason=one.finish_reason,
        created_at=created,
        completed_at=one.completed_at,
        synthetic=extra.synthetic,
        role_inferred=extra.role_inferred,
        session_total=extra.session_total,
        counted_at=extra.counted_at,
        time_inferred=extra.time_inferred,
        model_inferred=extra.model_inferred,
        made_at=made_since(one.id, created) if source == _HARNESS else None,
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
    extra = (one.metadata and one.metadata.clankers) or _by_the_format(one, source)
    name = _or(extra.tool_name, one.tool_name)
    return ToolSeen(
        one.id,
        session,
        source,
        extra.open_rank,
        extra.message_id,
        name,
        extra.call_id,
        extra.title,
        _or(extra.tool_input, one.input),
        extra.file_path,
        name in tools_of(source).editing,
        one.time_start,
        extra.close_rank,
        extra.status,
        extra.success,
        one.output,
        extra.exit_code,
        one.error,
        extra.duration_ms,
        one.time_end,
        edited_files=extra.edited_files,
    )


def _by_the_format(one: wire.ToolExecution, source: str) -> wire.ToolMore:
    """What our own client would have sent of a call."""
    try:
        path = tools_of(source).file_path(Raw(one.input.encode()))
    except (MsgspecError, RecursionError):
        path = None  # the input is not JSON
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
        digest = crc32(f"{one.error_name} {one.error_message}".encode())
        extra = wire.ErrorMore(f"error:{session}:{one.occurred_at}:{digest:08x}")
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
    """Nothing: servers log one type only."""
    return []


CASES: dict[str, Case] = {TYPE: body}
