"""What an event means, as plain data: adapters make these, a batch gathers them, the store writes them.

A message, part, tool call, error or compaction as an event tells it is a row of which some values are known, and two of
one id are merged (`projector.model.merge`). Every change may come twice, and in any order, with the same rows in the
end: values that say the same thing from several sources carry a rank, and the best is kept. Times are epoch
milliseconds; None means "not said", which changes nothing. What stands in batches goes between processes as arrays: the
names of fields would be a third of it.
"""

from typing import Any

from msgspec import UNSET, Struct, UnsetType


class Rank:
    """How good a source is. A better one wins whenever it comes. Plain numbers: they are columns, too."""

    UNREPORTED = -1  # no source has said it
    GUESS = 0  # follows from something else
    HOOK = 1  # a hook's report: early, but timed by us and sometimes not final
    REPORT = 2  # a hook's report of how something ended
    RECORD = 3  # the client's own record of it


class SessionSeen(Struct, frozen=True, gc=False):
    """A session is named; some of its properties are told.

    Attributes:
        facts: by column. A value of None clears: only for harnesses that send whole snapshots.
        at: when the facts held; the latest wins, of a fact in `rows.EARLIEST` the earliest.
        latest: the latest wins of these too.
    """

    session_id: str
    source: str
    at: int = 0
    rank: int = Rank.GUESS
    facts: dict[str, Any] = {}
    latest: bool = False


class MessageSeen(Struct, gc=False, array_like=True):
    """A prompt or a model's response. Told again and again as it grows; token counts never shrink.

    Attributes:
        cache_write_1h_tokens: of `cache_write_tokens` those that are kept for an hour.
        price_context: JSON text: what else the price depends on.
        cost: US dollars, as the client tells it.
        cost_source: left to `projector.derived.prices`.
        duration_ms: left to `projector.derived.message_text`, like the text.
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
    deleted_at: int | None = None
    duration_ms: int | None = None
    text_content: str | None = None


class PartSeen(Struct, gc=False, array_like=True):
    """A piece of a message.

    Attributes:
        seq: orders the pieces of a message; not dense.
        data: JSON text, for what `text` does not hold.
        synthetic: 1 for text that the client made up in a user's message; a message of nothing else is itself so.
        completed_at: when the piece was final; a text without it may still grow.
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
    """A bit more of a piece's text: used only where no whole text ever comes, as after a kill."""

    id: str
    part: PartSeen
    text: str


class ToolSeen(Struct, gc=False, array_like=True):
    """A tool was called, or its call ended, or both: an event tells of one side or of the other.

    Attributes:
        open_rank: how good the source is of what was called; `Rank.UNREPORTED` where that is not told.
        call_id: by which the client calls it, where that is not its id: OpenCode's repeat from server to server.
        title: of the call, as the client shows it.
        created_at: when it was called.
        close_rank: how good the source is of how it ended; `Rank.UNREPORTED` where that is not told.
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
    created_at: int | None = None
    close_rank: int = Rank.UNREPORTED
    status: str | None = None
    success: bool | int | None = None
    tool_output: str | None = None
    exit_code: int | None = None
    error_message: str | None = None
    duration_ms: int | None = None
    completed_at: int | None = None


class ErrorSeen(Struct, gc=False, array_like=True):
    """A failure that reached the user, or (`will_retry`) one that the client tried to mend by itself."""

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
    """Something that a hook saw and the client's own record should hold too. It makes a row only while it does not.

    Attributes:
        kind: `prompt`, `answer` or `error`.
        same: what the record is found by: a digest of the text, of an error its type.
        text: of the prompt or answer; for an error its message.
    """

    id: str
    session_id: str
    source: str
    kind: str
    same: str
    text: str
    created_at: int
    synthetic: bool = False


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
        updated_at: where it is another time than that at which the list was seen.
    """

    content: str
    status: str | None = None
    priority: str | None = None
    id: str | None = None
    updated_at: int | UnsetType = UNSET


class TodosSeen(Struct, frozen=True):
    """A session's to-do list, whole; with `one`, a single entry of it."""

    session_id: str
    source: str
    at: int
    rank: int
    todos: list[Todo]
    one: bool = False


class CostSeen(Struct, frozen=True):
    """A session's bill so far, as the client adds it up: over resumes, subagents, and into a fork what came before it.

    Attributes:
        cost: US dollars.
        output_tokens: of all models; tells a fork's bill from its origin's.
    """

    session_id: str
    source: str
    cost: float
    output_tokens: int


class Copied(Struct, frozen=True, array_like=True):
    """A session's record holds a copy of something that belongs to another session, its origin."""

    id: str
    session_id: str
    origin: str
    at: int


class ProjectSeen(Struct, frozen=True, array_like=True):
    """A directory that sessions work in, as its client describes it.

    Attributes:
        fallback: its name as long as nobody tells one.
    """

    path: str
    source: str
    id: str | None = None
    name: str | None = None
    vcs: str | None = None
    fallback: str | None = None


class RowReplaced(Struct, frozen=True):
    """A row as another database of ours has it: it takes the place of all that was told of it before."""

    row: MessageSeen | PartSeen | ToolSeen | ErrorSeen | CompactionSeen

    @property
    def session_id(self) -> str:
        """Of the row."""
        return self.row.session_id


class RowDeleted(Struct, frozen=True):
    """A row that the other database has no more; with a message its pieces go.

    Attributes:
        table: as in `rows.TABLES`.
    """

    table: str
    id: str
    session_id: str
    source: str


Change = (
    SessionSeen
    | MessageSeen
    | PartSeen
    | PartDelta
    | ToolSeen
    | ErrorSeen
    | HookReport
    | CompactionSeen
    | TodosSeen
    | CostSeen
    | Copied
    | ProjectSeen
    | RowReplaced
    | RowDeleted
)
