"""What an event means, as plain data: adapters make changes, a batch merges them, the store writes them.

A message, part, tool call, error or compaction is a row of which an event reports some values. Two reports of one id
are merged (`projector.model.merge`). Changes may repeat and come in any order, and the rows end up the same: values
that several sources report carry a rank, and the best is kept. Times are epoch milliseconds. None means that the event
does not report the value, and changes nothing. Rows go between processes as arrays, because field names would be a
third of their size.
"""

from typing import Any

from msgspec import UNSET, Struct, UnsetType


class Rank:
    """How good a source is. A better one wins, whenever it comes. Plain numbers, because they are columns too."""

    UNREPORTED = -1  # no source has reported it
    GUESS = 0  # inferred from something else
    HOOK = 1  # a hook's report: early, timed by clankers, not always final
    REPORT = 2  # a hook's report of how something ended
    RECORD = 3  # the client's own record


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


class HookReport(Struct, frozen=True, array_like=True):
    """Something a hook reports that the client's own record should hold too. It is a row only until that does.

    Attributes:
        kind: `prompt`, `answer`, `error` or `retry`, a request that failed, after which the client mostly tries again.
        match_key: equal for a report and the record of the same thing: `naming.text_key` of the text, an error's type.
            Of a `retry` its type, the same for all of them.
        text: the prompt, the answer, or the error's message.
    """

    id: str
    session_id: str
    source: str
    kind: str
    match_key: str
    text: str
    created_at: int
    synthetic: bool = False


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


class HistoryMark(Struct, frozen=True, array_like=True):
    """A place in a client's record where the conversation changed other than by a new message.

    Attributes:
        position: the place; `MessageSeen.position` counts the same way.
        kind: `replaced`: messages that no record holds from here on were removed, but for what `message` summarises.
            `rewound`: `message` and what was created after it were removed. `copied`: the messages from here to the
            next `replaced` are copies, under other ids.
        at: when, if the client says so.
        message: a message's id.
        kept: JSON text: the ids of older messages that the record still holds, where it does not repeat them.
    """

    session_id: str
    source: str
    position: int
    kind: str
    at: int | None = None
    message: str | None = None
    kept: str | None = None


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


class Step(Struct, gc=False, array_like=True):
    """A step of a conversation whose client gives no ids to responses: what it belongs to follows from its place.

    `projector.derived.turns` makes a session's messages and parts from all its steps.

    Attributes:
        id: of the line or event, unique everywhere.
        session_id: whose file it is in.
        file: which of the session's files; `HOOKS` for an event. The names sort as the files were begun.
        edition: a client may rewrite a file: only the steps of its highest edition count.
        place: orders the steps of a file; of events at the same time, a batch puts their position in the log here.
        kind: one of the following; the other fields depend on it.
            `file`: a file begins at `value` in the client's own count, and revokes what earlier files have from there
                on. `ref`: the provider at first. `flag`: its prompts are not a person's.
            `origin`: what follows was copied from another session, until a turn that is not older than this session.
            `turn`: `ref` begins, at `value` in the client's own count. `flag`: it is older than the session.
            `model`: `text` answers from here on, at the provider `ref`; None for unchanged.
            `prompt`: `text`, and `data`, the names of what is attached, as JSON.
            `note`: `text` that the client put in the user's place.
            `text`, `reasoning`: the model made `text`, or `call`: it called the tool of the row `ref`, which polls the
                background shell `value`.
            `running`: the call `ref` goes on as the background shell `value`, having put out `text`.
            `said`: the client showed the text to the user, so it is no summary.
            `response`: one ends, `ref`, having spent `data`, a `Spent` as JSON.
            `total`: the tokens so far are `value` and `data`; the last response spent `text`, likewise.
            `compaction`: the last response was a summary of the conversation.
            `error`: the turn fails with `text`, an error of the type `ref` and the status `value`.
            `end`: the turn ends otherwise.
            `rollback`: the last `value` turns with a prompt were revoked.
            `attempt`: an event reports a request: see `Attempt`, in `data`.
            `answer`: an event reports `text`.
        at: epoch milliseconds.
        turn: whose step it is, if it says so; else the turn that began before it.
    """

    id: str
    session_id: str
    source: str
    file: str
    edition: int
    place: int
    kind: str
    at: int | None
    turn: str | None = None
    ref: str | None = None
    value: int | None = None
    flag: bool | int = False
    text: str | None = None
    data: str | None = None


HOOKS = "hooks"  # the `Step.file` of events, which have no place in a file


class Spent(Struct, frozen=True, array_like=True):
    """Tokens, as in the columns of `messages`. None is unknown."""

    prompt_tokens: int | None
    completion_tokens: int | None
    reasoning_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None


class ResponseLine(Struct, frozen=True, array_like=True):
    """A line of a client's file that is about a response without its id: its place in the file says which one.

    Attributes:
        id: of the line.
        place: orders the lines of the session's file.
        kind: one of the following; the other fields depend on it.
            `begin`: the response `message` begins.
            `request`: the model was asked. `beside`: not for the conversation.
            `usage`: a request has used `spent`, a `Spent` as JSON: that of the response which began last, or, with
                `message`, one beside the conversation, which has no other line.
            `prompt`: a person typed `message`.
            `undo`: the last `count` prompts were taken back, with everything after them.
            `copied`: everything before was copied from another session.
        at: epoch milliseconds.
    """

    id: str
    session_id: str
    source: str
    place: int
    kind: str
    at: int | None
    message: str | None = None
    model: str | None = None
    provider: str | None = None
    beside: bool | int = False
    spent: str | None = None
    count: int = 0


class Attempt(Struct, frozen=True, array_like=True):
    """A request to the model, as an event reports it.

    Attributes:
        request: the same for all attempts at it.
        number: of the attempt.
        response: the row id of its response; None if it had none or the event does not say.
        failed: or it was completed or cancelled.
        error: why it failed.
        status_code: of the failure.
        spent: None if it is not known.
        compaction: it asked for a summary.
    """

    request: str
    number: int
    response: str | None
    failed: bool
    error: str | None
    status_code: int | None
    spent: Spent | None
    model: str | None
    compaction: bool


class UsageSeen(Struct, frozen=True, array_like=True):
    """Where a client's record counts tokens apart from the responses: one line that matters to them.

    `projector.derived.request_usage` gives the tokens to the responses, from all such lines of a record.

    Attributes:
        id: of the line. A fork's record has copies of its origin's lines, ids included.
        session_id: in whose record it is.
        kind: one of the following; the other fields depend on it.
            `run`: the client began to write.
            `request`: the request `call` of `owner` used `usage`, a `RequestUsed` as JSON.
            `stored`: a request of `owner` that no id names used `usage`, likewise.
            `response`: the message `message` of `owner` answers the request `call`; `usage` is what it says itself.
            `total`: the client's sums, in `usage`, a `UsageTotal` as JSON.
            `fork`: what comes before was copied from another record.
        at: epoch milliseconds.
        place: orders lines of the same time.
        owner: the session, or a subagent of it.
        call: the server's id, which it may give again.
        message: the row id.
    """

    id: str
    session_id: str
    source: str
    kind: str
    at: int | None
    place: int
    owner: str = ""
    call: str | None = None
    message: str | None = None
    usage: str | None = None


class RequestUsed(Struct, frozen=True, array_like=True):
    """What a request used."""

    spent: Spent
    model: str | None = None
    provider: str | None = None
    finish_reason: str | None = None


class UsageTotal(Struct, frozen=True, array_like=True):
    """A client's sums: of all runs of a session so far, or of the last run alone. Clients differ, and do not say it.

    Attributes:
        requests: how many it has.
        models: by model.
        agents: those of each subagent so far, by its session and the model, as far as the client has them; they are
            in `models` too.
    """

    requests: int
    models: dict[str, Spent]
    agents: dict[str, dict[str, Spent]]


class OutputSaved(Struct, frozen=True):
    """A tool's output is in a file of its own: an event names the call, the file's content, or both.

    Attributes:
        session_id: the session whose files hold it.
        name: of the file.
        tool_id: the call's row.
    """

    session_id: str
    source: str
    name: str
    tool_id: str | None = None
    text: str | None = None


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


class BillSeen(Struct, frozen=True):
    """What a session has cost so far, as the client adds it up: subagents, resumes, and what a fork copied included.

    Attributes:
        cost: US dollars.
        output_tokens: of all models; the fork's own distinguish its bill from its origin's.
        usage: JSON text: by model, the counts named in `BILL_COUNTS`; None if the client reports none.
    """

    session_id: str
    source: str
    cost: float
    output_tokens: int
    usage: str | None = None


# The columns of `messages` that a bill has counts for, in the order of `BillSeen.usage`.
BILL_COUNTS = (
    *("prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_write_tokens"),
    *("cache_write_1h_tokens", "web_searches"),
)


class Copied(Struct, frozen=True, array_like=True):
    """A session's record holds a copy of a row that belongs to another session, its origin.

    Attributes:
        id: of the row, the same in both records.
        at: the row's time. A client may mark only some copies: rows of the record that are not later than a marked
            one were copied too. 0 if nothing follows for other rows.
        copy_id: the copy's own id, where it is another one. A copy of the copy names that.
    """

    id: str
    session_id: str
    origin: str
    at: int
    copy_id: str | None = None


class PromptSeen(Struct, frozen=True, array_like=True):
    """What a person typed, in a client that keeps conversations as trees and does not report when a person goes back.

    Two prompts of one session under one parent: the person went back to it before the second one, and took back all
    that the session said from the first one on.

    Attributes:
        id: of the message.
        session_id: in whose record it is.
        parent_id: the line that it follows; empty for the beginning of the conversation.
        at: when it was typed.
    """

    id: str
    session_id: str
    source: str
    parent_id: str
    at: int


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
