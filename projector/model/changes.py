"""What an event means, as plain data: adapters make changes, a batch merges them, the store writes them.

A message, part, tool call, error or compaction is a row of which an event reports some values. Two reports of one id
are merged (`projector.model.merge`). Changes may repeat and come in any order, and the rows end up the same: values
that several sources report carry a rank, and the best is kept. Times are epoch milliseconds. None means that the event
does not report the value, and changes nothing. Rows go between processes as arrays, because field names would be a
third of their size.
"""

from typing import Any

from msgspec import UNSET, Struct, UnsetType

from projector.model.evidence import (
    BillSeen,
    Copied,
    HistoryMark,
    HookReport,
    OutputSaved,
    PromptSeen,
    ResponseLine,
    Step,
    UsageSeen,
)


class Rank:
    """How good a source is. A better one wins, whenever it comes. Plain numbers, because they are columns too."""

    UNREPORTED = -1  # no source has reported it
    GUESS = 0  # inferred from something else
    HOOK = 1  # a hook's report: early, timed by clankers, not always final
    REPORT = 2  # a hook's report of how something ended
    RECORD = 3  # the client's own record


USES_MODEL = "uses_model:"  # begins such a fact's name; a model follows, and the value is its provider or empty
USAGE_AT = "usage_at:"  # begins such a fact's name; a time follows


class SessionSeen(Struct, frozen=True, gc=False):
    """An event names a session, and may report some of its properties.

    Attributes:
        facts: by name, most of them columns of `sessions`. None clears; only for harnesses that send whole snapshots.
            The others: `spawned_by` (the tool call that started it), `chained` (its record says which line follows
            which), `copies_before` (messages created before this time were copied from another session), `billed` (the
            client reports costs), `synced` (another database of ours sent it), `todos` and `todo:<id>`,
            `reported_tokens` and `reported_cost` (totals that the client reports for the whole session: a JSON object
            of counts by column, and US dollars), `usage_at:<time>` (what the client says that the session used until
            then: a JSON object of counts and `cost` by column; a row of its own has what no message has of it).
        at: when the facts held. The latest wins; of a fact in `merge.EARLIEST` the earliest.
        latest: the latest wins for those too.
    """

    session_id: str
    source: str
    at: int = 0
    rank: int = Rank.GUESS
    facts: dict[str, Any] = {}
    latest: bool = False


class MessageSeen(Struct, gc=False, array_like=True):
    """A prompt or a model's response. Reported many times while it grows.

    Attributes:
        counted_at: when the snapshot that the counts and the cost are from was completed: those of a later snapshot
            replace them, also where they are smaller. None where counts only grow: then the largest is the last.
        time_inferred: no event reports `created_at`; `projector.derived.inferred_times` set it.
        model_inferred: no event reports a model; `projector.derived.inferred_models` set `model` and `provider`.
        role_inferred: no event reports a role; `projector.derived.message_text` inferred `role`.
        cache_write_1h_tokens: the part of `cache_write_tokens` that is kept for an hour.
        price_context: JSON text: what else the price depends on.
        cost: US dollars, as the client reports it.
        cost_source: set by `projector.derived.prices`.
        made_at: when its id was made, in epoch milliseconds, if the id says so; a copy has a new id and its old times.
        session_total: the row holds what the client reports only for the whole session (synthetic, without text).
        duration_ms: set by `projector.derived.message_text`, like `text_content`.
        position: the last place in the client's record that holds it, comparable with `HistoryMark.position`.
        reasoning_apart: `completion_tokens` do not include the reasoning tokens, which cost the same.
    """

    id: str
    session_id: str
    source: str
    role: str | None = None
    parent_id: str | None = None
    model: str | None = None
    provider: str | None = None
    agent: str | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    reasoning_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    cache_write_1h_tokens: int | None = None
    web_searches: int | None = None
    price_context: str | None = None
    cost: float | None = None
    cost_source: str | None = None
    finish_reason: str | None = None
    created_at: int | None = None
    completed_at: int | None = None
    synthetic: bool | int = False
    role_inferred: bool | int = False
    session_total: bool | int = False
    deleted_at: int | None = None
    duration_ms: int | None = None
    text_content: str | None = None
    made_at: int | None = None
    counted_at: int | None = None
    time_inferred: bool | int = False
    position: int | None = None
    reasoning_apart: bool | int = False
    model_inferred: bool | int = False


class PartSeen(Struct, gc=False, array_like=True):
    """A part of a message.

    Attributes:
        seq: orders the parts of a message; not dense.
        data: JSON text, for what `text` does not hold.
        synthetic: 1 for text that the client wrote in a user's message; a message of nothing else is synthetic.
        completed_at: when the part was final; a text without it may still grow.
    """

    id: str
    message_id: str
    session_id: str
    source: str
    seq: int = 0
    type: str | None = None
    text: str | None = None
    data: str | None = None
    created_at: int | None = None
    completed_at: int | None = None
    deleted_at: int | None = None
    synthetic: int | None = None


class PartDelta(Struct, frozen=True):
    """More text of a part. Used only until the complete text comes, which after a kill it never does.

    Attributes:
        id: of the delta.
        part: the part, without its text.
    """

    id: str
    part: PartSeen
    text: str


class ToolSeen(Struct, gc=False, array_like=True):
    """A tool call began, or ended, or both: an event may report one side only.

    Attributes:
        open_rank: how good the source of the call's arguments is; `Rank.UNREPORTED` if the event has none.
        call_id: the client's own id of the call, if that is not `id`: OpenCode's repeats across servers.
        title: of the call, as the client shows it.
        edits_file: the tool edits the file at `file_path` if it succeeds.
        edited_files: the files that it edited, as a JSON array, if the result names them; else `file_path`.
        created_at: when it was called.
        close_rank: how good the source of the result is; `Rank.UNREPORTED` if the event has none.
        success: 0 for a failure, a non-zero exit, a denial or an interruption.
        completed_at: when it ended.
    """

    id: str
    session_id: str
    source: str
    open_rank: int = Rank.UNREPORTED
    message_id: str | None = None
    tool_name: str | None = None
    call_id: str | None = None
    title: str | None = None
    tool_input: str | None = None
    file_path: str | None = None
    edits_file: bool | int = False
    created_at: int | None = None
    close_rank: int = Rank.UNREPORTED
    status: str | None = None
    success: bool | int | None = None
    tool_output: str | None = None
    exit_code: int | None = None
    error_message: str | None = None
    duration_ms: int | None = None
    completed_at: int | None = None
    edited_files: str | None = None


class ErrorSeen(Struct, gc=False, array_like=True):
    """A failure that reached the user, or (`will_retry`) one after which the client tried again."""

    id: str
    session_id: str
    source: str
    error_type: str | None
    error_message: str | None
    created_at: int | None
    message_id: str | None = None
    status_code: int | None = None
    will_retry: bool | int = False


class CallReport(Struct, frozen=True, array_like=True):
    """A hook without a unique id of the call reports that it began, or ended. A row until the record holds the call.

    Attributes:
        call: as far as it is reported: open, or with its end too. Its id is that of the report. `call_id` is the
            client's own, which calls of the session may share; None if the hook has none.
        at: when the hook ran.
    """

    call: ToolSeen
    at: int

    @property
    def id(self) -> str:
        """Of the report."""
        return self.call.id

    @property
    def session_id(self) -> str:
        """The session that the hook names; a subagent's hooks may name its parent."""
        return self.call.session_id


class CompactionSeen(Struct, gc=False, array_like=True):
    """A conversation was summarised to make room."""

    id: str
    session_id: str
    source: str
    created_at: int | None
    trigger: str | None = None
    pre_tokens: int | None = None
    post_tokens: int | None = None
    duration_ms: int | None = None


class Todo(Struct, frozen=True):
    """One entry of a to-do list.

    Attributes:
        updated_at: UNSET for the time at which the list was reported.
    """

    content: str
    status: str | None = None
    priority: str | None = None
    id: str | None = None
    updated_at: int | UnsetType = UNSET


class TodosSeen(Struct, frozen=True):
    """A session's complete to-do list; with `one`, a single entry of it."""

    session_id: str
    source: str
    at: int
    rank: int
    todos: list[Todo]
    one: bool = False


class TodoStatusSeen(Struct, frozen=True):
    """The status of one to-do changed; `deleted` takes it off the list. Its content is known from elsewhere."""

    session_id: str
    source: str
    at: int
    rank: int
    id: str
    status: str


class ProjectSeen(Struct, frozen=True, array_like=True):
    """A directory that sessions work in, as its client describes it.

    Attributes:
        fallback: the name until a client reports one.
    """

    path: str
    source: str
    id: str | None = None
    name: str | None = None
    vcs: str | None = None
    fallback: str | None = None


class RowReplaced(Struct, frozen=True):
    """A row that another database of ours sends: it replaces everything reported of that row before.

    Unless it is an older copy (`merge.is_older`).
    """

    row: MessageSeen | PartSeen | ToolSeen | ErrorSeen | CompactionSeen

    @property
    def session_id(self) -> str:
        """Of the row."""
        return self.row.session_id


class RowDeleted(Struct, frozen=True):
    """A row that the other database no longer has. A message's parts are deleted with it.

    Attributes:
        table: as in `merge.TABLES`.
    """

    table: str
    id: str
    session_id: str
    source: str


class ValueIgnored(Struct, frozen=True):
    """A value that does not fit its field and was left out; the rest of the event is used. `adapt` separates these.

    Attributes:
        field: its JSON path, as `$.message.usage.output_tokens`.
        reason: what is wrong with it.
    """

    field: str
    reason: str


Change = (
    SessionSeen
    | MessageSeen
    | PartSeen
    | PartDelta
    | ToolSeen
    | ErrorSeen
    | HookReport
    | CallReport
    | HistoryMark
    | CompactionSeen
    | OutputSaved
    | TodosSeen
    | TodoStatusSeen
    | BillSeen
    | Copied
    | PromptSeen
    | Step
    | UsageSeen
    | ResponseLine
    | ProjectSeen
    | RowReplaced
    | RowDeleted
)
