"""What makes no row alone: reports, marks and places, from which `projector.derived` decides about rows.

Like all changes, evidence may repeat and come in any order. Times are epoch milliseconds.
"""

from msgspec import Struct


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
            `total`: the tokens so far are `value` and `data`, if it says so; the last response spent `text`, likewise.
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
