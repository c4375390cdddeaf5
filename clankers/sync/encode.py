"""A session's rows as they are sent to a server, one at a time: the longest session takes no more memory.

A row is encoded once: the same bytes are compared with what the server has acknowledged, and sent.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

import msgspec
from msgspec import UNSET, Struct

from clankers.queries import session_rows
from clankers.queries.dialect import Database
from clankers.queries.session_rows import (
    TOTALS,
    ErrorRow,
    MessageRow,
    PartRow,
    SessionRow,
    TodoRow,
    ToolCallRow,
)
from clankers.render.redact import Masks
from clankers.secrets.detect import hints
from projector.adapters import tools_of
from projector.adapters.session_sync.wire import (
    CompactionMore,
    ErrorData,
    ErrorMore,
    FileEdit,
    MessageMore,
    OptionalText,
    OptionalTime,
    PartMetadata,
    PartMore,
    SessionMetadata,
    SessionMore,
    SyncError,
    SyncMessage,
    SyncPart,
    SyncProject,
    SyncSession,
    SyncTodo,
    ToolExecution,
    ToolMetadata,
    ToolMore,
    VcsInfo,
)

_STATUS = {"pending": "pending", "running": "running", "completed": "completed"}  # what else there is, is an error
_DIGEST = 8  # bytes
# The kinds of rows that have ids, with their tables.
KINDS = {
    "messages": "messages",
    "parts": "parts",
    "tools": "tools",
    "errors": "session_errors",
    "compactions": "compaction_events",
}


class EncodedRow(NamedTuple):
    """A row, ready to be sent.

    Attributes:
        kind: one of `KINDS`, or `todos`: all of them as one.
        id: of the row; of to-dos their session's.
        json: for the body's array; of to-dos the array.
        more: JSON, what goes elsewhere in the body: of a message its other columns, of a tool call its edited files.
    """

    kind: str
    id: str
    json: bytes
    more: bytes = b""

    def digest(self) -> bytes:
        """By which it is known whether it has changed."""
        return blake2b(self.json + b"\0" + self.more, digest_size=_DIGEST).digest()

    @property
    def size(self) -> int:
        """Bytes in the body."""
        return len(self.json) + len(self.more)


class Head(Struct):
    """What every body of a session begins with.

    Attributes:
        session: as `wire.SyncSession`, without what it says of rows.
    """

    session: dict[str, Any]
    vcs_info: dict[str, Any] | None = None
    project_info: dict[str, Any] | None = None

    def digest(self) -> bytes:
        """By which it is known whether it has changed."""
        return blake2b(msgspec.json.encode(self), digest_size=_DIGEST).digest()


class Encoder:
    """Encodes what is in a database.

    Args:
        db: open for reading.
        masks: put in the places of credentials; None leaves these.
    """

    def __init__(self, db: Database, masks: Masks | None) -> None:
        self._db = db
        self._masks = masks

    def head(self, id: str) -> Head | None:
        """The session `id`; None where there is none."""
        stored = session_rows.session_row(self._db, id)
        if stored is None:
            return None
        session, more = _session(stored)
        updated = session.updated_at or session.created_at
        branch = VcsInfo(updated, more.git_branch) if more.git_branch else None
        project = (
            SyncProject(session.project_id, session.directory, updated, stored.project_name, stored.vcs)
            if more.project_path is UNSET
            else None
        )
        session.metadata = SessionMetadata(more)
        parts: list[Any] = [msgspec.to_builtins(one) for one in (session, branch, project)]
        head = Head(*parts)
        if self._masks and hints(msgspec.json.encode(head)):
            head = msgspec.convert(self._masks.value(msgspec.to_builtins(head)), Head)
        return head

    def rows(self, id: str) -> Iterator[EncodedRow]:
        """The rows of the session `id`: its messages in their order, each with its parts and calls; then the rest."""
        db = self._db
        failures = session_rows.failures(db, id)
        prompt = None
        for message, is_prompt in session_rows.message_ids(db, id):
            yield from self._message(id, message, prompt, failures.get(message, _NO_FAILURE))
            prompt = message if is_prompt else prompt
        for call in session_rows.calls_without_message(db, id):
            if stored := session_rows.call_row(db, call):
                yield self._row("tools", *_tool(stored))
        for error in session_rows.error_rows(db, id):
            yield self._row("errors", error.id, _error(error))
        for compaction in session_rows.compaction_rows(db, id):
            yield self._row("compactions", compaction.id, CompactionMore(*compaction))
        yield self._row("todos", id, [_todo(i, one) for i, one in enumerate(session_rows.todo_rows(db, id))])

    def has(self, kind: str, id: str, session: str) -> bool:
        """Whether there still is such a row in this session."""
        return session_rows.has_row(self._db, KINDS[kind], id, session)

    def _message(
        self, session: str, id: str, prompt: str | None, failure: tuple[str | None, str | None]
    ) -> Iterator[EncodedRow]:
        stored = session_rows.message_row(self._db, id, session)
        if stored is None:  # removed meanwhile: the next look finds that
            return
        message, more = _message(stored, prompt, failure)
        yield self._row("messages", id, message, more)
        calls = {call.id: call for call in session_rows.calls_of_message(self._db, id)}
        for part in session_rows.part_rows(self._db, id):
            call = None
            if part.type == "tool":
                called = _called(part)
                call = calls.get(called) or session_rows.call_row(self._db, called)
            yield self._row("parts", part.id, _part(part, call))
        for call in calls.values():
            if call.session_id == session:
                yield self._row("tools", *_tool(call))

    def _row(self, kind: str, id: str, value: Any, more: Any = None) -> EncodedRow:
        row = EncodedRow(kind, id, msgspec.json.encode(value), b"" if more is None else msgspec.json.encode(more))
        if self._masks and (hints(row.json) or hints(row.more)):
            masked = [self._masks.value(msgspec.to_builtins(one)) for one in (value, more)]
            row = EncodedRow(kind, id, *(b"" if one is None else msgspec.json.encode(one) for one in masked))
        return row


_NO_FAILURE = (None, None)


def _text(value: str | None) -> tuple[str, OptionalText]:
    """For a field that must be there, and what says that it has no value."""
    return ("", None) if value is None else (value, UNSET)


def _time(value: int | None) -> tuple[int, OptionalTime]:
    """The same for a time."""
    return (0, None) if value is None else (value, UNSET)


def _session(stored: SessionRow) -> tuple[SyncSession, SessionMore]:
    version, has_version = _text(stored.client_version)
    directory, has_directory = _text(stored.project_path)
    created, has_created = _time(stored.created_at)
    more = SessionMore(
        *(stored.source, has_created, has_directory, has_version, stored.model, stored.provider, stored.status),
        *(stored.parent_id, stored.forked_from, stored.agent, stored.git_branch, stored.permission_mode),
        *(stored.cost, stored.cost_source, stored.ended_at, stored.deleted_at),
    )
    more.totals = dict(zip(TOTALS, stored.totals, strict=True))
    project = stored.project_id or directory
    return SyncSession(stored.id, version, project, directory, created, stored.title, stored.updated_at), more


def _message(
    stored: MessageRow, prompt: str | None, failure: tuple[str | None, str | None]
) -> tuple[SyncMessage, MessageMore]:
    """A message. An answer of which the client does not say what it answers, answers the `prompt` before."""
    role, has_role = _text(stored.role)
    parent = prompt if stored.parent_id is None and stored.role == "assistant" else stored.parent_id
    has_parent = UNSET if parent == stored.parent_id else None
    created, has_created = _time(stored.created_at)
    message = SyncMessage(
        *(stored.id, role, created, parent, stored.agent, stored.agent, stored.provider, stored.model),
        *(stored.completed_at, stored.cost, stored.prompt_tokens, stored.completion_tokens, stored.reasoning_tokens),
        *(stored.cache_read_tokens, stored.cache_write_tokens),
    )
    message.finish_reason = stored.finish_reason
    message.error_name, message.error_message = failure
    more = MessageMore(
        *(has_role, has_created, has_parent, stored.cache_write_1h_tokens, stored.web_searches, stored.price_context),
        *(stored.cost_source, bool(stored.synthetic), stored.deleted_at),
        *(bool(stored.role_inferred), bool(stored.session_total)),
        *(stored.counted_at, bool(stored.time_inferred)),
        bool(stored.model_inferred),
    )
    return message, more


def _called(part: PartRow) -> str:
    """The tool call that a part stands for: OpenCode's has the part's id, Claude Code's is named in it."""
    if part.data is None:
        return part.id
    named = msgspec.json.decode(part.data)
    return str(named.get("id", part.id)) if isinstance(named, dict) else part.id


def _part(stored: PartRow, call: ToolCallRow | None) -> SyncPart:
    """A part, and the call that it stands for."""
    type, has_type = _text(stored.type)
    more = PartMore(has_type, stored.data, stored.synthetic, stored.deleted_at)
    part = SyncPart(
        *(stored.id, stored.message_id, type, stored.seq, stored.text),
        time_start=stored.created_at,
        time_end=stored.completed_at,
        metadata=PartMetadata(more),
    )
    if call:
        tool, _ = _tool(call)[1:]
        part.tool_name, part.tool_call_id, part.tool_status = tool.tool_name, tool.call_id, tool.status
        part.tool_input, part.tool_output, part.tool_title, part.tool_error = (
            tool.input,
            tool.output,
            tool.title,
            tool.error,
        )
        if tool.tool_name in tools_of(stored.source).subtask:
            _subtask(part, _object(tool.input))
    elif stored.type == "subtask":
        _subtask(part, _object(stored.data))
    elif stored.type == "step-finish":
        step = _object(stored.data)
        tokens = step.get("tokens")
        tokens = tokens if isinstance(tokens, dict) else {}
        part.step_cost = _number(step.get("cost"))
        part.step_tokens_input, part.step_tokens_output = _count(tokens.get("input")), _count(tokens.get("output"))
    return part


def _subtask(part: SyncPart, given: dict[str, Any]) -> None:
    part.subtask_prompt = _string(given.get("prompt"))
    part.subtask_description = _string(given.get("description"))
    part.subtask_agent = _string(given.get("agent") or given.get("subagent_type"))
    part.subtask_command = _string(given.get("command"))


def _object(text: str | None) -> dict[str, Any]:
    """`text` as a JSON object; what is none is an empty one."""
    try:
        value = msgspec.json.decode(text or "null")
    except (msgspec.MsgspecError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: Any) -> float | None:
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 53 else None


def _tool(stored: ToolCallRow) -> tuple[str, ToolExecution, list[FileEdit] | None]:
    """A call, by its id. One to which its client gave no title is titled by its own description, or by its file."""
    name, has_name = _text(stored.tool_name)
    given, has_input = _text(stored.tool_input)
    success = None if stored.success is None else bool(stored.success)
    more = ToolMore(
        *(stored.message_id, has_name, has_input, stored.call_id, stored.title, stored.file_path, stored.status),
        *(success, stored.exit_code, stored.duration_ms, stored.open_rank, stored.close_rank, stored.edited_files),
    )
    status = _STATUS.get(stored.status or "", "error" if stored.status else "pending")
    title = stored.title or _string(_object(stored.tool_input).get("description")) or stored.file_path
    tool = ToolExecution(
        *(stored.id, stored.session_id, stored.call_id or stored.id, name, given, status, stored.tool_output, title),
        *(stored.error_message, stored.created_at, stored.completed_at, ToolMetadata(more)),
    )
    at = stored.completed_at or stored.created_at or 0
    edits = [FileEdit(stored.session_id, path, edited_at or at) for path, edited_at in stored.edits]
    return stored.id, tool, edits or None


def _error(stored: ErrorRow) -> SyncError:
    name, has_type = _text(stored.error_type)
    at, has_time = _time(stored.created_at)
    more = ErrorMore(stored.id, has_type, has_time, stored.message_id, stored.status_code, bool(stored.will_retry))
    return SyncError(name, at, stored.session_id, stored.error_message, ErrorData(more))


def _todo(position: int, stored: TodoRow) -> SyncTodo:
    status, _ = _text(stored.status)
    return SyncTodo(stored.id or f"#{position}", stored.content or "", status, stored.priority, stored.updated_at)
