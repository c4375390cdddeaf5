"""A session's rows as a server is told of them: one at a time, so that the longest session takes no more memory.

A row is encoded once; its bytes are what is compared with what the server has acknowledged, and what is sent.
"""

from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, NamedTuple

import apsw
import msgspec
from msgspec import UNSET, Struct

from clankers.render.redact import Masks
from clankers.secrets.detect import hints
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


class Row(NamedTuple):
    """A row, ready to be sent.

    Attributes:
        kind: one of `KINDS`, or `todos`: all of them as one.
        id: of the row; of to-dos their session's.
        told: JSON, for the body's array; of to-dos the array.
        more: JSON, what goes elsewhere: of a message its other columns, of a tool call the file that it edited.
    """

    kind: str
    id: str
    told: bytes
    more: bytes = b""

    def digest(self) -> bytes:
        """By which it is known whether it has changed."""
        return blake2b(self.told + b"\0" + self.more, digest_size=_DIGEST).digest()

    @property
    def size(self) -> int:
        """Bytes in the body."""
        return len(self.told) + len(self.more)


class Head(Struct):
    """What every body of a session begins with.

    Attributes:
        session: as `wire.SyncSession`, without what it tells of rows.
    """

    session: dict[str, Any]
    vcs_info: dict[str, Any] | None = None
    project_info: dict[str, Any] | None = None

    def digest(self) -> bytes:
        """By which it is known whether it has changed."""
        return blake2b(msgspec.json.encode(self), digest_size=_DIGEST).digest()


class Rows:
    """Tells what is in a database.

    Args:
        db: open for reading.
        masks: put in the places of credentials; None leaves these.
    """

    def __init__(self, db: apsw.Connection, masks: Masks | None) -> None:
        self._db = db
        self._masks = masks

    def head(self, id: str) -> Head | None:
        """The session `id`; None where there is none."""
        found: Any = self._db.execute(_SESSION, (id,)).fetchone()
        if found is None:
            return None
        session, more, name, vcs = _session(*found)
        updated = session.updated_at or session.created_at
        branch = VcsInfo(updated, more.git_branch) if more.git_branch else None
        project = (
            SyncProject(session.project_id, session.directory, updated, name, vcs)
            if more.project_path is UNSET
            else None
        )
        session.metadata = SessionMetadata(more)
        parts: list[Any] = [msgspec.to_builtins(one) for one in (session, branch, project)]
        head = Head(*parts)
        if self._masks and hints(msgspec.json.encode(head)):
            head = msgspec.convert(self._masks.value(msgspec.to_builtins(head)), Head)
        return head

    def rows(self, id: str) -> Iterator[Row]:
        """The rows of the session `id`: its messages in their order, each with its pieces and calls; then the rest."""
        db: Any = self._db
        failures: dict[str, Any] = {message: error for message, *error in db.execute(_FAILURES, (id,))}
        prompt = None
        # By id, for a statement that stays open while something is sent would keep the database's WAL from its end.
        for message, is_prompt in db.execute(_MESSAGES, (id,)).fetchall():
            yield from self._message(id, message, prompt, failures.get(message, _NO_FAILURE))
            prompt = message if is_prompt else prompt
        for (tool,) in db.execute(_LOOSE_TOOLS, (id,)).fetchall():
            if found := db.execute(_TOOL.format("t.id = ?1"), (tool,)).fetchone():
                yield self._row("tools", *_tool(*found))
        for kind, query, made in (
            ("errors", _ERRORS, _error),
            ("compactions", _COMPACTIONS, _compaction),
        ):
            for found in db.execute(query, (id,)).fetchall():
                yield self._row(kind, *made(*found))
        todos = [_todo(i, *one) for i, one in enumerate(db.execute(_TODOS, (id,)).fetchall())]
        yield self._row("todos", id, todos)

    def has(self, kind: str, id: str, session: str) -> bool:
        """Whether there still is such a row in this session."""
        found = self._db.execute(f"SELECT 1 FROM {KINDS[kind]} WHERE id = ? AND session_id = ?", (id, session)).get
        return found is not None

    def _message(
        self, session: str, id: str, prompt: str | None, failure: tuple[str | None, str | None]
    ) -> Iterator[Row]:
        db: Any = self._db
        found: Any = db.execute(_MESSAGE, (id, session)).fetchone()
        if found is None:  # taken away meanwhile: the next look tells of it
            return
        message, more = _said(found, prompt, failure)
        yield self._row("messages", id, message, more)
        tools: dict[str, Any] = {t[0]: t for t in db.execute(_TOOL.format("t.message_id = ?1"), (id,)).fetchall()}
        for part in db.execute(_PARTS, (id,)).fetchall():
            call = None
            if part[3] == "tool":
                called = _called(part[0], part[10])
                call = tools.get(called) or db.execute(_TOOL.format("t.id = ?1"), (called,)).fetchone()
            yield self._row("parts", part[0], _part(part, call))
        for tool in tools.values():
            if tool[1] == session:
                yield self._row("tools", *_tool(*tool))

    def _row(self, kind: str, id: str, told: Any, more: Any = None) -> Row:
        row = Row(kind, id, msgspec.json.encode(told), b"" if more is None else msgspec.json.encode(more))
        if self._masks and (hints(row.told) or hints(row.more)):
            masked = [self._masks.value(msgspec.to_builtins(one)) for one in (told, more)]
            row = Row(kind, id, *(b"" if one is None else msgspec.json.encode(one) for one in masked))
        return row


_NO_FAILURE = (None, None)
_TOTALS = (
    *("prompt_tokens", "completion_tokens", "reasoning_tokens", "cache_read_tokens", "cache_write_tokens"),
    *("cache_write_1h_tokens", "message_count", "tool_call_count", "error_count"),
)
_SESSION = f"""
SELECT s.id, s.client_version, p.id, s.project_path, s.created_at, s.title, s.updated_at, s.source, s.model, s.provider,
  s.status, s.parent_id, s.forked_from, s.agent, s.git_branch, s.permission_mode, s.cost, s.cost_source, s.ended_at,
  s.deleted_at, p.name, p.vcs, {", ".join("s." + name for name in _TOTALS)}
FROM sessions AS s LEFT JOIN projects AS p ON p.path = s.project_path WHERE s.id = ?
"""
_MESSAGES = """
SELECT id, role = 'user' AND NOT synthetic FROM messages WHERE session_id = ? ORDER BY created_at, id
"""
_FAILURES = """
SELECT message_id, error_type, error_message FROM session_errors
WHERE session_id = ? AND message_id IS NOT NULL AND NOT will_retry ORDER BY created_at, id
"""
_MESSAGE = """
SELECT id, role, created_at, parent_id, agent, provider, model, completed_at, cost, prompt_tokens, completion_tokens,
  reasoning_tokens, cache_read_tokens, cache_write_tokens, finish_reason, cache_write_1h_tokens, web_searches,
  price_context, cost_source, synthetic, deleted_at
FROM messages WHERE id = ? AND session_id = ?
"""
_PARTS = """
SELECT id, message_id, session_id, type, seq, text, created_at, completed_at, synthetic, deleted_at, data
FROM parts WHERE message_id = ? ORDER BY seq, id
"""
_TOOL = """
SELECT t.id, t.session_id, t.message_id, t.tool_name, t.call_id, t.title, t.tool_input, t.file_path, t.status,
  t.success, t.tool_output, t.exit_code, t.error_message, t.duration_ms, t.created_at, t.completed_at, t.open_rank,
  t.close_rank, e.file_path, e.edited_at
FROM tools AS t LEFT JOIN file_edits AS e ON e.id = t.id WHERE {} ORDER BY t.created_at, t.id
"""
_LOOSE_TOOLS = """
SELECT t.id FROM tools AS t LEFT JOIN messages AS m ON m.id = t.message_id
WHERE t.session_id = ? AND m.session_id IS NOT t.session_id ORDER BY t.created_at, t.id
"""
_ERRORS = """
SELECT id, session_id, error_type, error_message, created_at, message_id, status_code, will_retry
FROM session_errors WHERE session_id = ? ORDER BY created_at, id
"""
_COMPACTIONS = """
SELECT id, "trigger", pre_tokens, post_tokens, duration_ms, created_at
FROM compaction_events WHERE session_id = ? ORDER BY created_at, id
"""
_TODOS = "SELECT id, content, status, priority, updated_at FROM todos WHERE session_id = ? ORDER BY position"


def _text(value: str | None) -> tuple[str, OptionalText]:
    """For a field that must be there, and what says that it has no value."""
    return ("", None) if value is None else (value, UNSET)


def _time(value: int | None) -> tuple[int, OptionalTime]:
    """The same for a time."""
    return (0, None) if value is None else (value, UNSET)


def _session(*row: Any) -> tuple[SyncSession, SessionMore, str | None, str | None]:
    """A row of `_SESSION`; its project's name and version control come last."""
    id, version, project, path, created, title, updated, source, *columns = row
    told_version, has_version = _text(version)
    directory, has_directory = _text(path)
    created, has_created = _time(created)
    *others, name, vcs = columns[: -len(_TOTALS)]
    totals = dict(zip(_TOTALS, row[-len(_TOTALS) :], strict=True))
    more = SessionMore(source, has_created, has_directory, has_version, *others)
    more.totals = totals
    return SyncSession(id, told_version, project or directory, directory, created, title, updated), more, name, vcs


def _said(row: Any, prompt: str | None, failure: Any) -> tuple[SyncMessage, MessageMore]:
    """A row of `_MESSAGE`. An answer of which the client does not say what it answers, answers the `prompt` before."""
    id, role, created, parent, agent, provider, model, completed, cost, *counts = row[:14]
    told_role, has_role = _text(role)
    told_parent = prompt if parent is None and role == "assistant" else parent
    has_parent = UNSET if told_parent == parent else None
    told_created, has_created = _time(created)
    said: list[Any] = [id, told_role, told_created, told_parent, agent, agent, provider, model, completed, cost]
    message = SyncMessage(*said, *counts)
    message.finish_reason = row[14]
    message.error_name, message.error_message = failure
    hour, searches, context, source, synthetic, deleted = row[15:]
    told: list[Any] = [has_role, has_created, has_parent, hour, searches, context, source, bool(synthetic), deleted]
    return message, MessageMore(*told)


def _called(part: str, data: str | None) -> str:
    """The tool call that a piece stands for: OpenCode's has the piece's id, Claude Code's is named in it."""
    if data is None:
        return part
    named = msgspec.json.decode(data)
    return str(named.get("id", part)) if isinstance(named, dict) else part


def _part(row: Any, call: Any) -> SyncPart:
    """A row of `_PARTS`, and of `_TOOL` where it stands for a call."""
    id, message, _, type, seq, text, start, end, synthetic, deleted, data = row
    told_type, has_type = _text(type)
    more = PartMore(has_type, data, synthetic, deleted)
    part = SyncPart(id, message, told_type, seq, text, time_start=start, time_end=end, metadata=PartMetadata(more))
    if call:
        tool, _ = _tool(*call)[1:]
        part.tool_name, part.tool_call_id, part.tool_status = tool.tool_name, tool.call_id, tool.status
        part.tool_input, part.tool_output, part.tool_title, part.tool_error = (
            tool.input,
            tool.output,
            tool.title,
            tool.error,
        )
        if tool.tool_name in _SUBTASKS:
            _subtask(part, _object(tool.input))
    elif type == "subtask":
        _subtask(part, _object(data))
    elif type == "step-finish":
        step = _object(data)
        tokens = step.get("tokens")
        tokens = tokens if isinstance(tokens, dict) else {}
        part.step_cost = _number(step.get("cost"))
        part.step_tokens_input, part.step_tokens_output = _count(tokens.get("input")), _count(tokens.get("output"))
    return part


_SUBTASKS = ("Agent", "Task", "task")


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


def _tool(*row: Any) -> tuple[str, ToolExecution, FileEdit | None]:
    """A row of `_TOOL`. Without a title of its client's, a call is titled by what it says of itself, or by its file."""
    id, session, message, name, call, title, input, path, status, success, output, exit_code, error, duration = row[:14]
    created, completed, open_rank, close_rank, edited, edited_at = row[14:]
    told_name, has_name = _text(name)
    told_input, has_input = _text(input)
    more = ToolMore(
        *(message, has_name, has_input, call, title, path, status, None if success is None else bool(success)),
        *(exit_code, duration, open_rank, close_rank),
    )
    tool = ToolExecution(
        *(id, session, call or id, told_name, told_input, _STATUS.get(status, "error" if status else "pending")),
        *(output, title or _string(_object(input).get("description")) or path, error, created, completed),
        ToolMetadata(more),
    )
    edit = None if edited is None else FileEdit(session, edited, edited_at or completed or created or 0)
    return id, tool, edit


def _error(*row: Any) -> tuple[str, SyncError]:
    id, session, type, message, created, in_message, status, will_retry = row
    name, has_type = _text(type)
    at, has_time = _time(created)
    more = ErrorMore(id, has_type, has_time, in_message, status, bool(will_retry))
    return id, SyncError(name, at, session, message, ErrorData(more))


def _compaction(*row: Any) -> tuple[str, CompactionMore]:
    return row[0], CompactionMore(*row)


def _todo(position: int, *row: Any) -> SyncTodo:
    id, content, status, priority, updated = row
    told_status, _ = _text(status)
    return SyncTodo(id or f"#{position}", content, told_status, priority, updated)
