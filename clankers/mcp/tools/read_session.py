"""The tool `read_session`: what was said and done in a session, turn by turn."""

from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Meta, Struct

from clankers.mcp.paging import Room, chunks, cursor, place_of
from clankers.mcp.recorded import timestamp
from clankers.mcp.tool import Answer, Lookup, Tool
from clankers.queries.conversation import Conversation, Failure, Item, Message, Part, ToolCall
from clankers.queries.conversation_reader import ConversationReader, OutlineEntry
from clankers.queries.session_rows import message_ids
from clankers.queries.tool_calls import subject
from clankers.render import labels

_AT_ONCE = 20  # items of a conversation
_SUBJECT = 500  # characters
_OUTPUT = 2_000  # characters of a tool's output; read_tool_call reads all of it


class ReadSessionInput(Struct, kw_only=True, forbid_unknown_fields=True):
    """What to read of which session."""

    session: Annotated[str, Meta(min_length=1, description="An id, the beginning of one, or last.")]
    first_turn: Annotated[
        int, Meta(ge=0, description="The first turn; a turn begins with a prompt. Turn 0 is what came before any.")
    ] = 0
    last_turn: Annotated[
        Annotated[int, Meta(ge=0)] | None, Meta(description="The last turn; leave it out to read to the end.")
    ] = None
    tools: Annotated[
        Literal["none", "calls", "outputs"],
        Meta(description="Of tool calls: nothing, what each did, or also the end of what it gave back."),
    ] = "calls"
    thinking: Annotated[bool, Meta(description="Also what the model thought.")] = False
    cursor: Annotated[str | None, Meta(description="The next_cursor of the answer before.")] = None


class SessionEntry(Struct, kw_only=True, omit_defaults=True):
    """Something that was said or happened.

    Attributes:
        kind: prompt, answer, note (text that the client added), thinking, tool, failure, compaction or subagent.
        id: of a tool call, for read_tool_call; of a subagent, for read_session; else of the row.
        text: of a tool call, what it was about; of its output, the end.
        continued: this goes on where the entry before ended.
        outcome: of a tool call: ok, failed or open.
    """

    turn: int
    kind: str
    id: str
    at: str | None
    text: str
    continued: bool = False
    tool_name: str | None = None
    outcome: str | None = None
    output: str | None = None


class ReadSessionAnswer(Answer, kw_only=True):
    """A part of a session.

    Attributes:
        turns: how many there are.
    """

    session_id: str
    title: str | None
    source: str
    project_path: str | None
    model: str | None
    began: str | None
    parent_id: str | None
    turns: int
    entries: list[SessionEntry]


def _read(lookup: Lookup, asked: ReadSessionInput) -> ReadSessionAnswer:
    reader = ConversationReader(lookup.db, lookup.session(asked.session), inner=False)
    prompts = {id for id, is_prompt in message_ids(lookup.db, reader.session.id) if is_prompt}
    start, skipped = place_of(asked.cursor, tuple[int, int]) if asked.cursor else (0, 0)
    turns, meant = _turns(reader.outline, prompts, asked)
    room = Room()
    entries: list[SessionEntry] = []
    next_cursor = None
    for at, turn, item in _items(reader, meant, start):
        all_of_item = list(_entries(lookup, asked, turn, item, prompts))
        for n, entry in enumerate(all_of_item[skipped:], skipped):
            if not room.takes(entry):
                next_cursor = cursor(at, n)
                break
            entries.append(entry)
        if next_cursor:
            break
        skipped = 0
    session, short = reader.session, lookup.recorded.short
    return ReadSessionAnswer(
        session_id=session.id,
        title=short(session.title),
        source=session.source,
        project_path=short(session.project_path),
        model=short(session.model),
        began=timestamp(session.created_at),
        parent_id=session.parent_id,
        turns=turns,
        entries=entries,
        next_cursor=next_cursor,
    )


_Meant = list[tuple[int, OutlineEntry]]  # with the turns


def _turns(outline: list[OutlineEntry], prompts: set[str], asked: ReadSessionInput) -> tuple[int, _Meant]:
    """How many turns there are, and what belongs to those that are asked for."""
    turn = 0
    meant: _Meant = []
    for entry in outline:
        turn += entry.kind == "message" and entry.id in prompts
        if asked.first_turn <= turn and (asked.last_turn is None or turn <= asked.last_turn):
            meant.append((turn, entry))
    return turn, meant


def _items(reader: ConversationReader, meant: _Meant, start: int) -> Iterator[tuple[int, int, Item]]:
    """The items from `start` on: where each is in `meant`, its turn, and itself."""
    for first in range(start, len(meant), _AT_ONCE):
        some = meant[first : first + _AT_ONCE]
        found = {_id(item): item for item in reader.read([entry for _, entry in some])}
        for at, (turn, entry) in enumerate(some, first):
            if entry.id in found:
                yield at, turn, found[entry.id]


def _id(item: Item) -> str:
    return item.session.id if isinstance(item, Conversation) else item.id


def _entries(
    lookup: Lookup, asked: ReadSessionInput, turn: int, item: Item, prompts: set[str]
) -> Iterator[SessionEntry]:
    match item:
        case Message():
            kind = "prompt" if item.id in prompts else "answer" if item.role == "assistant" else "note"
            for part in item.parts:
                if isinstance(part, ToolCall):
                    yield from _call(lookup, asked, turn, part)
                else:
                    yield from _part(lookup, asked, turn, item, part, kind)
            for failure in item.errors:
                yield _failure(lookup, turn, failure)
        case ToolCall():
            yield from _call(lookup, asked, turn, item)
        case Failure():
            yield _failure(lookup, turn, item)
        case Conversation():
            yield from _subagents(lookup, turn, [item])
        case _:
            at = timestamp(item.created_at)
            yield SessionEntry(turn=turn, kind="compaction", id=item.id, at=at, text=labels.compacted(item))


def _part(
    lookup: Lookup, asked: ReadSessionInput, turn: int, message: Message, part: Part, kind: str
) -> Iterator[SessionEntry]:
    is_thought = part.type == "reasoning"
    text = lookup.recorded.text(part.text if part.text is not None else labels.said(part)).strip("\n")
    if not text or (is_thought and not asked.thinking):
        return
    kind = "thinking" if is_thought else "note" if message.synthetic or part.synthetic else kind
    at = timestamp(message.created_at)
    for n, piece in enumerate(chunks(text)):
        yield SessionEntry(turn=turn, kind=kind, id=message.id, at=at, text=piece, continued=n > 0)


def _call(lookup: Lookup, asked: ReadSessionInput, turn: int, call: ToolCall) -> Iterator[SessionEntry]:
    if asked.tools != "none":
        about = subject(call.tool_input, call.file_path)
        output = lookup.recorded.text(labels.result(call))[-_OUTPUT:] if asked.tools == "outputs" else None
        yield SessionEntry(
            turn=turn,
            kind="tool",
            id=call.id,
            at=timestamp(call.created_at),
            text=lookup.recorded.text(about[1])[:_SUBJECT] if about else lookup.recorded.short(call.file_path) or "",
            tool_name=lookup.recorded.short(call.tool_name),
            outcome=labels.outcome(call),
            output=output or None,
        )
    yield from _subagents(lookup, turn, call.subagents)


def _failure(lookup: Lookup, turn: int, failure: Failure) -> SessionEntry:
    text = lookup.recorded.text(labels.failure(failure))[:_OUTPUT]
    return SessionEntry(turn=turn, kind="failure", id=failure.id, at=timestamp(failure.created_at), text=text)


def _subagents(lookup: Lookup, turn: int, found: list[Conversation]) -> Iterator[SessionEntry]:
    """Those in the scope."""
    for inner in found:
        if inner.session.id in lookup.in_scope:
            text = lookup.recorded.short(labels.of_subagent(inner)) or ""
            at = timestamp(inner.session.created_at)
            yield SessionEntry(turn=turn, kind="subagent", id=inner.session.id, at=at, text=text)


TOOL = Tool(
    "read_session",
    "Read a session",
    "Read a past coding session in order: prompts, answers and what each tool call did; by turns, which begin with a "
    "prompt. Tools' outputs and the model's thinking come only if asked for.",
    ReadSessionInput,
    ReadSessionAnswer,
    _read,
)
