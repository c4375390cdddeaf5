"""The body of `POST /admin/sync`, as session-sync 1.2.0 documents it; assets/schemas/sync.json is made from it.

A body holds some rows of one session. A message, part or call in it is the complete row and replaces what was sent of
it before. Columns that the format lacks are in a `metadata` of it, under `clankers`: other servers can ignore them,
other clients do not send them. Times are epoch milliseconds, costs are US dollars. None and absent mean the same, but
for fields that may be UNSET: there None means that the row has no value, though the format requires one.

Our server refuses a body that breaks a bound below. The adapters hold rows to the same bounds, but for ids that are
made from longer texts.
"""

from typing import Annotated

from msgspec import UNSET, Meta, MsgspecError, Struct, UnsetType
from msgspec.json import decode

SOURCE = "session-sync"  # of the lines that a server logs
TYPE = "sync"
PATH = "/admin/sync"
HEALTH_PATH = "/health"

Id = Annotated[str, Meta(min_length=1, max_length=512)]  # of a session
RowId = Annotated[str, Meta(min_length=1, max_length=2048)]  # of other rows; some are made from several ids
Harness = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
Count = Annotated[int, Meta(ge=0, le=2**40)]  # millions of them add up within 64 bits
Millis = Annotated[int, Meta(ge=-(2**53), le=2**53)]  # since the epoch
Dollars = Annotated[float, Meta(ge=0, le=1e12)]
Int = Annotated[int, Meta(ge=-(2**53), le=2**53)]
Rank = Annotated[int, Meta(ge=-1, le=3)]  # projector.model.changes.Rank

OptionalText = str | None | UnsetType
OptionalTime = Millis | None | UnsetType


class _Wire(Struct, omit_defaults=True):
    """Unknown fields are ignored: other clients may send more."""


class DeletedRows(_Wire):
    """Rows that were sent and no longer exist, by id: hook reports, once the client's record holds the same."""

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
        ValueError: the price context is not one.
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
    role_inferred: bool = False
    session_total: bool = False
    counted_at: Millis | None = None
    time_inferred: bool = False
    model_inferred: bool = False

    def __post_init__(self) -> None:
        if self.price_context is not None:
            try:
                decode(self.price_context, type=dict[str, str])
            except (MsgspecError, RecursionError) as e:
                raise ValueError(f"`price_context` is not a JSON object of strings: {e}") from None


class SessionMore(_Wire):
    """Columns of `sessions` that the format does not have, and rows that it has no array for.

    Attributes:
        source: the harness.
        messages: by id.
        totals: `prompt_tokens`, ..., `message_count`, ...: sums over the rows, for servers that do not compute them.
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
    """A session; every body has one.

    Attributes:
        version: of the client.
        project_id: the harness's id of the project, else the directory.
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
    """A part of a message.

    Attributes:
        sequence_order: orders the parts of a message; not dense.
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
    """An entry of a session's to-do list. A body that has `todos` has the complete list, in order.

    Attributes:
        task_id: `#` and the entry's index, from 0, if the harness gives it no id.
        status: empty if the harness reports none.
    """

    task_id: str
    content: str
    status: str
    priority: str | None = None
    updated_at: Millis | None = None


class ToolMore(_Wire):
    """Columns of `tools` that the format does not have; `status` has more values than the format's three.

    Raises:
        ValueError: the edited files are not a list.
    """

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
    edited_files: str | None = None

    def __post_init__(self) -> None:
        if self.edited_files is not None:
            try:
                decode(self.edited_files, type=list[str])
            except (MsgspecError, RecursionError) as e:
                raise ValueError(f"`edited_files` is not a JSON array of strings: {e}") from None


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
        id: the worktree if the harness gives it no id.
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
    """A failure that reached the user, or one after which the client tried again."""

    error_name: str
    occurred_at: Millis
    session_id: str | None = None
    error_message: str | None = None
    error_data: ErrorData | None = None


class SyncBody(_Wire):
    """Rows of one session, in one POST.

    Raises:
        ValueError: a row belongs to another session.
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
                raise ValueError(f"it is of session {self.session.id}, but something in it of {one.session_id}")


class SyncReply(_Wire):
    """The reply of `clankers serve`, with status 200.

    Attributes:
        ok: the body is stored and synced.
        digest: SHA-256 of the body before any compression, in hexadecimal digits.
    """

    ok: bool
    digest: str
