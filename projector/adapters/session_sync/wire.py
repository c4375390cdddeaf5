"""The body of `POST /admin/sync`, as session-sync 1.2.0 documents it; assets/schemas/sync.json is made of it.

Each body is of one session and tells a part of it; what it tells of a message, a piece, a call stands for the whole row
and replaces what was told of it before. What the format has no field for stands in a `metadata` of it, under
`clankers`: other servers need not look there, and of other clients it is absent. Times are epoch milliseconds, costs US
dollars. None and absent are the same, but for `Unset` fields: there None says that the row has no value, though the
format asks for one.

A body that breaks a bound below is refused by a server of ours. The adapters hold rows to the same ones, but for ids
that are made of longer texts.
"""

from typing import Annotated

from msgspec import UNSET, Meta, MsgspecError, Struct, UnsetType
from msgspec.json import decode

SOURCE = "session-sync"  # of the lines that a server logs
TYPE = "sync"
PATH = "/admin/sync"
HEALTH_PATH = "/health"

Id = Annotated[str, Meta(min_length=1, max_length=512)]  # of a session
RowId = Annotated[str, Meta(min_length=1, max_length=2048)]  # of anything in it; some are made of several
Harness = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Count = Annotated[int, Meta(ge=0, le=2**40)]  # millions of them add up within 64 bits
Millis = Annotated[int, Meta(ge=-(2**53), le=2**53)]  # since the epoch
Dollars = Annotated[float, Meta(ge=0, le=1e12)]
Int = Annotated[int, Meta(ge=-(2**53), le=2**53)]
Rank = Annotated[int, Meta(ge=-1, le=3)]  # projector.model.changes.Rank

OptionalText = str | None | UnsetType
OptionalTime = Millis | None | UnsetType


class _Wire(Struct, omit_defaults=True):
    """Unknown fields are passed over: other clients may send more."""


class DeletedRows(_Wire):
    """Rows that were told and are no more, by id: what only hooks saw, once the client's record says it too."""

    messages: list[RowId] = []
    parts: list[RowId] = []
    tools: list[RowId] = []
    errors: list[RowId] = []
    compactions: list[RowId] = []


class CompactionMore(_Wire):
    """A row of `compaction_events`; the format has no array for them."""

    id: RowId
    trigger: str | None = None
    pre_tokens: Int | None = None
    post_tokens: Int | None = None
    duration_ms: Int | None = None
    created_at: Millis | None = None


class MessageMore(_Wire):
    """Columns of `messages` that the format does not have.

    Raises:
        ValueError: the price context is none.
    """

    role: OptionalText = UNSET
    created_at: OptionalTime = UNSET
    parent_id: OptionalText = UNSET
    cache_write_1h_tokens: Count | None = None
    web_searches: Count | None = None
    price_context: str | None = None
    cost_source: str | None = None
    synthetic: bool = False
    deleted_at: Millis | None = None

    def __post_init__(self) -> None:
        if self.price_context is not None:
            try:
                decode(self.price_context, type=dict[str, str])
            except (MsgspecError, RecursionError) as e:
                raise ValueError(f"`price_context` is no JSON object of strings: {e}") from None


class SessionMore(_Wire):
    """Columns of `sessions` that the format does not have, and what it has no place for.

    Attributes:
        source: the harness.
        messages: by id.
        totals: `prompt_tokens`, ..., `message_count`, ...: sums over the rows, for servers that do not add up.
    """

    source: Harness
    created_at: OptionalTime = UNSET
    project_path: OptionalText = UNSET
    client_version: OptionalText = UNSET
    model: str | None = None
    provider: str | None = None
    status: str | None = None
    parent_id: Id | None = None
    forked_from: Id | None = None
    agent: str | None = None
    git_branch: str | None = None
    permission_mode: str | None = None
    cost: Dollars | None = None
    cost_source: str | None = None
    ended_at: Millis | None = None
    deleted_at: Millis | None = None
    totals: dict[str, int] = {}
    messages: dict[str, MessageMore] = {}
    compactions: list[CompactionMore] = []
    gone: DeletedRows | None = None


class SessionMetadata(_Wire):
    """Of a session."""

    clankers: SessionMore | None = None


class SyncSession(_Wire):
    """A session: every body begins with it.

    Attributes:
        version: of the client.
        project_id: as the harness names it, else the directory.
        directory: the project's.
    """

    id: Id
    version: str
    project_id: str
    directory: str
    created_at: Millis
    title: str | None = None
    updated_at: Millis | None = None
    metadata: SessionMetadata | None = None


class SyncMessage(_Wire):
    """A prompt, or a model's response."""

    id: RowId
    role: str
    created_at: Millis
    parent_id: RowId | None = None
    mode: str | None = None
    agent: str | None = None
    provider_id: str | None = None
    model_id: str | None = None
    completed_at: Millis | None = None
    cost: Dollars | None = None
    tokens_input: Count | None = None
    tokens_output: Count | None = None
    tokens_reasoning: Count | None = None
    tokens_cache_read: Count | None = None
    tokens_cache_write: Count | None = None
    finish_reason: str | None = None
    error_name: str | None = None
    error_message: str | None = None


class PartMore(_Wire):
    """Columns of `parts` that the format does not have.

    Attributes:
        data: JSON text.
    """

    type: OptionalText = UNSET
    data: str | None = None
    synthetic: Annotated[int, Meta(ge=0, le=1)] | None = None
    deleted_at: Millis | None = None


class PartMetadata(_Wire):
    """Of a part."""

    clankers: PartMore | None = None


class SyncPart(_Wire):
    """A piece of a message.

    Attributes:
        sequence_order: orders the pieces of a message; not dense.
    """

    id: RowId
    message_id: RowId
    type: str
    sequence_order: Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)] | None = None
    text: str | None = None
    tool_name: str | None = None
    tool_call_id: str | None = None
    tool_status: str | None = None
    tool_input: str | None = None
    tool_output: str | None = None
    tool_title: str | None = None
    tool_error: str | None = None
    time_start: Millis | None = None
    time_end: Millis | None = None
    subtask_prompt: str | None = None
    subtask_description: str | None = None
    subtask_agent: str | None = None
    subtask_command: str | None = None
    step_cost: float | None = None
    step_tokens_input: int | None = None
    step_tokens_output: int | None = None
    metadata: PartMetadata | None = None


class SyncTodo(_Wire):
    """An entry of a session's to-do list; a body that has `todos` has the whole list, in its order.

    Attributes:
        task_id: `#` and the entry's place, from 0, where the harness gives it no id.
        status: empty where the harness tells none.
    """

    task_id: str
    content: str
    status: str
    priority: str | None = None
    updated_at: Millis | None = None


class ToolMore(_Wire):
    """Columns of `tools` that the format does not have; `status` tells more than the format's three."""

    message_id: RowId | None = None
    tool_name: OptionalText = UNSET
    tool_input: OptionalText = UNSET
    call_id: str | None = None
    title: str | None = None
    file_path: str | None = None
    status: str | None = None
    success: bool | None = None
    exit_code: Int | None = None
    duration_ms: Int | None = None
    open_rank: Rank = -1
    close_rank: Rank = -1


class ToolMetadata(_Wire):
    """Of a tool execution."""

    clankers: ToolMore | None = None


class ToolExecution(_Wire):
    """A tool call. `input` is JSON text, `status` one of running, completed and error."""

    id: RowId
    session_id: str
    call_id: str
    tool_name: str
    input: str
    status: str
    output: str | None = None
    title: str | None = None
    error: str | None = None
    time_start: Millis | None = None
    time_end: Millis | None = None
    metadata: ToolMetadata | None = None


class FileEdit(_Wire):
    """A file that a tool call edited."""

    session_id: str
    file_path: str
    edited_at: Millis


class VcsInfo(_Wire):
    """The branch that a session works on."""

    updated_at: Millis
    branch: str | None = None


class SyncProject(_Wire):
    """The project that a session works in.

    Attributes:
        id: the worktree where the harness gives it no id.
    """

    id: str
    worktree: str
    updated_at: Millis
    name: str | None = None
    vcs: str | None = None


class ErrorMore(_Wire):
    """Columns of `session_errors` that the format does not have."""

    id: RowId
    error_type: OptionalText = UNSET
    created_at: OptionalTime = UNSET
    message_id: RowId | None = None
    status_code: Int | None = None
    will_retry: bool = False


class ErrorData(_Wire):
    """Of an error."""

    clankers: ErrorMore | None = None


class SyncError(_Wire):
    """A failure that reached the user, or one that the client tried to mend by itself."""

    error_name: str
    occurred_at: Millis
    session_id: str | None = None
    error_message: str | None = None
    error_data: ErrorData | None = None


class SyncBody(_Wire):
    """What one POST says, of one session.

    Raises:
        ValueError: something in it is of another session.
    """

    session: SyncSession
    messages: list[SyncMessage] | None = None
    parts: list[SyncPart] | None = None
    todos: list[SyncTodo] | None = None
    tool_executions: list[ToolExecution] | None = None
    file_edits: list[FileEdit] | None = None
    vcs_info: VcsInfo | None = None
    project_info: SyncProject | None = None
    errors: list[SyncError] | None = None

    def __post_init__(self) -> None:
        rows: list[ToolExecution | FileEdit | SyncError] = [
            *(self.tool_executions or ()),
            *(self.file_edits or ()),
            *(self.errors or ()),
        ]
        for one in rows:
            if one.session_id not in (self.session.id, None):
                raise ValueError(f"it is of the session {self.session.id}, and something in it of {one.session_id}")


class SyncReply(_Wire):
    """What `clankers serve` answers with status 200.

    Attributes:
        ok: it is stored and synced.
        digest: SHA-256 of the body as it was sent, before any compression, in hexadecimal digits.
    """

    ok: bool
    digest: str
