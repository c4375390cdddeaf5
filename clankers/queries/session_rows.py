"""A session's rows as they are stored, a few at a time: the longest session takes no more memory than another.

No statement stays open between two calls: one would keep the database's WAL from being emptied.
"""

from typing import Any, NamedTuple, TypeVar

from clankers.queries.dialect import Database

TOTALS = (
    *("prompt_tokens", "completion_tokens", "reasoning_tokens", "cache_read_tokens", "cache_write_tokens"),
    *("cache_write_1h_tokens", "message_count", "tool_call_count", "error_count"),
)


class SessionRow(NamedTuple):
    """A row of `sessions` and its project; the values of `TOTALS` in their order come last."""

    id: str
    client_version: str | None
    project_id: str | None
    project_path: str | None
    created_at: int | None
    title: str | None
    updated_at: int | None
    source: str
    model: str | None
    provider: str | None
    status: str | None
    parent_id: str | None
    forked_from: str | None
    agent: str | None
    git_branch: str | None
    permission_mode: str | None
    cost: float | None
    cost_source: str | None
    ended_at: int | None
    deleted_at: int | None
    project_name: str | None
    vcs: str | None
    totals: tuple[int, ...]


class MessageRow(NamedTuple):
    """A row of `messages`, without its text, which its parts have."""

    id: str
    role: str | None
    created_at: int | None
    parent_id: str | None
    agent: str | None
    provider: str | None
    model: str | None
    completed_at: int | None
    cost: float | None
    prompt_tokens: int | None
    completion_tokens: int | None
    reasoning_tokens: int | None
    cache_read_tokens: int | None
    cache_write_tokens: int | None
    finish_reason: str | None
    cache_write_1h_tokens: int | None
    web_searches: int | None
    price_context: str | None
    cost_source: str | None
    synthetic: int
    deleted_at: int | None
    role_inferred: int
    session_total: int
    counted_at: int | None
    time_inferred: int
    model_inferred: int


class PartRow(NamedTuple):
    """A row of `parts`."""

    id: str
    message_id: str
    session_id: str
    type: str | None
    seq: int
    text: str | None
    created_at: int | None
    completed_at: int | None
    synthetic: int | None
    deleted_at: int | None
    data: str | None
    source: str


class ToolCallRow(NamedTuple):
    """A row of `tools`, and the files that the call edited, each with the time.

    Attributes:
        edited_files: as the column, a JSON array; None where `file_path` is the file.
    """

    id: str
    session_id: str
    message_id: str | None
    tool_name: str | None
    call_id: str | None
    title: str | None
    tool_input: str | None
    file_path: str | None
    status: str | None
    success: int | None
    tool_output: str | None
    exit_code: int | None
    error_message: str | None
    duration_ms: int | None
    created_at: int | None
    completed_at: int | None
    open_rank: int
    close_rank: int
    edited_files: str | None
    edits: tuple[tuple[str, int | None], ...]


class ErrorRow(NamedTuple):
    """A row of `session_errors`."""

    id: str
    session_id: str
    error_type: str | None
    error_message: str | None
    created_at: int | None
    message_id: str | None
    status_code: int | None
    will_retry: int


class CompactionRow(NamedTuple):
    """A row of `compaction_events`."""

    id: str
    trigger: str | None
    pre_tokens: int | None
    post_tokens: int | None
    duration_ms: int | None
    created_at: int | None


class TodoRow(NamedTuple):
    """A row of `todos`."""

    id: str | None
    content: str | None
    status: str | None
    priority: str | None
    updated_at: int | None


_T = TypeVar("_T", MessageRow, PartRow, ErrorRow, CompactionRow, TodoRow)

_SESSION_ROW = f"""
SELECT s.id, s.client_version, p.id, s.project_path, s.created_at, s.title, s.updated_at, s.source, s.model, s.provider,
  s.status, s.parent_id, s.forked_from, s.agent, s.git_branch, s.permission_mode, s.cost, s.cost_source, s.ended_at,
  s.deleted_at, p.name, p.vcs, {", ".join("s." + name for name in TOTALS)}
FROM sessions AS s LEFT JOIN projects AS p ON p.path = s.project_path WHERE s.id = :id
"""
_MESSAGE_IDS = """
SELECT id, CASE WHEN role = 'user' AND synthetic = 0 THEN 1 ELSE 0 END FROM messages WHERE session_id = :id
ORDER BY created_at, id
"""
_FAILURES = """
SELECT message_id, error_type, error_message FROM session_errors
WHERE session_id = :id AND message_id IS NOT NULL AND will_retry = 0 ORDER BY created_at, id
"""
_CALL = """
SELECT t.id, t.session_id, t.message_id, t.tool_name, t.call_id, t.title, t.tool_input, t.file_path, t.status,
  t.success, t.tool_output, t.exit_code, t.error_message, t.duration_ms, t.created_at, t.completed_at, t.open_rank,
  t.close_rank, t.edited_files, t.edits_file
FROM tools AS t WHERE {condition} ORDER BY t.created_at, t.id
"""
_EDITS = "SELECT file_path, edited_at FROM file_edits WHERE tool_id = :id ORDER BY id"
_CALLS_WITHOUT_MESSAGE = """
SELECT t.id FROM tools AS t LEFT JOIN messages AS m ON m.id = t.message_id
WHERE t.session_id = :id AND (m.session_id IS NULL OR m.session_id <> t.session_id) ORDER BY t.created_at, t.id
"""


def session_row(db: Database, id: str) -> SessionRow | None:
    """The session `id`; None: there is none."""
    row: Any = db.execute(_SESSION_ROW, {"id": id}).fetchone()
    return SessionRow._make((*row[: -len(TOTALS)], row[-len(TOTALS) :])) if row else None


def message_ids(db: Database, session: str) -> list[tuple[str, bool]]:
    """The messages of a session, in their order, and whether each is a prompt that a person typed."""
    return [(id, bool(prompt)) for id, prompt in db.execute(_MESSAGE_IDS, {"id": session})]


def failures(db: Database, session: str) -> dict[str, tuple[str | None, str | None]]:
    """Type and text of the last error of a session's messages, by message."""
    return {message: (type, text) for message, type, text in db.execute(_FAILURES, {"id": session})}


def message_row(db: Database, id: str, session: str) -> MessageRow | None:
    """The message `id` of a session; None: it is gone."""
    found = _rows(db, MessageRow, "messages", "id = :id AND session_id = :session", "id", id, session)
    return found[0] if found else None


def part_rows(db: Database, message: str) -> list[PartRow]:
    """The parts of a message, in their order."""
    return _rows(db, PartRow, "parts", "message_id = :id", "seq, id", message)


def calls_of_message(db: Database, message: str) -> list[ToolCallRow]:
    """The tool calls of a message, also those that belong to another session."""
    rows = db.execute(_CALL.format(condition="t.message_id = :id"), {"id": message}).fetchall()
    return [_call(db, row) for row in rows]


def call_row(db: Database, id: str) -> ToolCallRow | None:
    """The tool call `id`; None: there is none."""
    row = db.execute(_CALL.format(condition="t.id = :id"), {"id": id}).fetchone()
    return _call(db, row) if row else None


def _call(db: Database, row: Any) -> ToolCallRow:
    *columns, edits_file = row
    edits = db.execute(_EDITS, {"id": row[0]}).fetchall() if edits_file else ()
    return ToolCallRow._make((*columns, tuple(edits)))


def calls_without_message(db: Database, session: str) -> list[str]:
    """The ids of a session's tool calls that belong to no message of it."""
    return [id for (id,) in db.execute(_CALLS_WITHOUT_MESSAGE, {"id": session})]


def error_rows(db: Database, session: str) -> list[ErrorRow]:
    """The errors of a session, in their order."""
    return _rows(db, ErrorRow, "session_errors", "session_id = :id", "created_at, id", session)


def compaction_rows(db: Database, session: str) -> list[CompactionRow]:
    """The compactions of a session, in their order."""
    return _rows(db, CompactionRow, "compaction_events", "session_id = :id", "created_at, id", session)


def todo_rows(db: Database, session: str) -> list[TodoRow]:
    """The to-dos of a session, in their order."""
    return _rows(db, TodoRow, "todos", "session_id = :id", "position", session)


def has_row(db: Database, table: str, id: str, session: str) -> bool:
    """Whether `table` still has a row `id` of this session."""
    statement = f"SELECT 1 FROM {table} WHERE id = :id AND session_id = :session"
    return db.execute(statement, {"id": id, "session": session}).fetchone() is not None


def _rows(
    db: Database, kind: type[_T], table: str, where: str, order: str, id: str, session: str | None = None
) -> list[_T]:
    columns = ", ".join(f'"{name}"' for name in kind._fields)
    statement = f"SELECT {columns} FROM {table} WHERE {where} ORDER BY {order}"
    values = {"id": id} if session is None else {"id": id, "session": session}
    return [kind(*row) for row in db.execute(statement, values)]
