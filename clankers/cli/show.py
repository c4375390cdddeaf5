"""`clankers show SESSION`: a conversation for reading, or the lines of the log that it comes from."""

from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from copy import copy
from functools import cache
from typing import TYPE_CHECKING, Annotated, NamedTuple

import apsw
import msgspec
import typer
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.rule import Rule
from rich.segment import Segment
from rich.text import Text

from clankers import paths
from clankers.cli.database import open_current
from clankers.cli.options import Model, Project, Since, Sources, Until, known_ids
from clankers.cli.output import console, print_json, progress_bar
from clankers.cli.pager import paging
from clankers.cli.rich_console import OutputConsole
from clankers.errors import UsageError
from clankers.formatting import clean, local_time, session_title
from clankers.queries.connect import log_bytes
from clankers.queries.conversation import (
    Compaction,
    Conversation,
    Failure,
    Item,
    Message,
    Part,
    ToolCall,
    sessions_within,
)
from clankers.queries.conversation_reader import ConversationReader
from clankers.queries.filters import Filters, filters
from clankers.queries.resume import ResumeCommand, resume_command
from clankers.queries.session_select import LAST, all_sessions, named
from clankers.render import labels
from projector.trace.ownership import SessionMatcher
from projector.trace.provenance import SourceLine, source_lines

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from rich.markdown import Markdown

_INDENT = 2  # columns
_NARROWEST = 20  # columns for what is indented, however deep
_LINES = 8  # of what a call was given, and of what it gave back, that are shown
_WIDTH = 400  # characters of a line of them
_ABOUT = 200  # characters of what a call was about
_MARKDOWN = 200_000  # characters; a longer answer is shown as it is
_MARKS = {"ok": ("✓", "green"), "failed": ("✗", "red"), "open": ("…", "yellow")}
_DIFF = {"+": "green", "-": "red"}


class _Indented(NamedTuple):
    """Something, moved to the right, without blanks behind its lines."""

    what: RenderableType

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        width = max(options.max_width - _INDENT, _NARROWEST)
        for line in console.render_lines(self.what, options.update(width=width, height=None), pad=False):
            while line and not line[-1].text.strip() and not (line[-1].style and line[-1].style.bgcolor):
                line.pop()
            if line:
                text, style, _ = line[-1]
                if not (style and style.bgcolor):
                    line[-1] = Segment(text.rstrip(), style)
                yield Segment(" " * _INDENT)
                yield from line
            yield Segment.line()


class Row(msgspec.Struct, kw_only=True):
    """A row of the database."""

    table: str
    id: str


class RawLine(msgspec.Struct, kw_only=True):
    """A line of the log about a session or its subagents.

    Attributes:
        file: the day, in the data root.
        line: its number, from 1.
        offset: bytes before it, uncompressed.
        rows: the rows made of it; none if it only names the session, or cannot be read.
        raw: the line.
    """

    file: str
    line: int
    offset: int
    rows: list[Row]
    raw: str


class Look(NamedTuple):
    """How much of a conversation is shown.

    Attributes:
        thinking: the model's thoughts too.
        full: what calls were given and gave back, and what the client made up, to the last line.
    """

    thinking: bool = False
    full: bool = False


def command(
    session: Annotated[
        str,
        typer.Argument(
            metavar="SESSION",
            help="An id, its beginning, or `last` for the last active.",
            autocompletion=known_ids,
        ),
    ] = LAST,
    thinking: Annotated[bool, typer.Option("--thinking", help="Show the model's reasoning.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Show complete inputs and outputs of tools.")] = False,
    raw: Annotated[bool, typer.Option("--raw", help="Show the lines of the log, with file, line and rows.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON: one object; with --raw an array of lines.")
    ] = False,
    source: Sources = None,
    project: Project = None,
    model: Model = None,
    since: Since = None,
    until: Until = None,
) -> None:
    """Show a session as a conversation.

    The filters select the sessions among which SESSION is looked up.

    Examples:
        clankers show
        clankers show last --project . --full
        clankers show 0aee --raw
    """
    chosen = filters(source, project, model, since, until)
    if raw and (thinking or full):
        raise UsageError("--raw shows the lines as they are; --thinking and --full are for the conversation")
    with closing(open_current()) as db:
        found = find(db, session, chosen)
        if raw:
            _raw([one.id for one in (found.session, *found.descendants)], as_json=as_json)
        elif as_json:
            whole = Conversation(session=found.session, items=list(found.items()), commits=found.commits)
            print_json(msgspec.to_builtins(whole))
        else:
            # Where it is no terminal, $COLUMNS or 80 wide: it is read, not cut up.
            with paging():
                out = OutputConsole(highlight=False)
                resumed_by = resume_command(db, paths.data_root(), found.session.id)
                for drawn in draw(found, Look(thinking, full), resumed_by):
                    out.print(drawn)


def find(db: apsw.Connection, name: str, chosen: Filters) -> ConversationReader:
    """The conversation that `name` means, an id, how one begins, or `last`, among those `chosen` for.

    Raises:
        UsageError: it is nobody's, or more than one's.
    """
    return ConversationReader(db, named(all_sessions(db, chosen), [name])[0].id)


def draw(found: ConversationReader, look: Look, resumed_by: ResumeCommand | None = None) -> Iterator[RenderableType]:
    """The conversation for a terminal, read as it is drawn; text that is not ours is cleaned."""
    session = found.session
    yield Text(session_title(session.title), style="bold")
    yield Text(" · ".join(labels.facts(session, found.descendants)), style="dim")
    yield Text(clean(session.id), style="dim")
    yield from (Text(f"commit {made.hash}  {clean(made.subject)}", style="dim") for made in found.commits)
    if resumed_by:
        yield Text(f"resume: {clean(resumed_by.shell)}", style="dim")
    yield from _items(found.items(), look)


def _items(items: Iterable[Item], look: Look) -> Iterator[RenderableType]:
    above: tuple[str, list[str]] = "", []
    item = None
    for item in items:
        drawn = list(_item(item, look))
        if not drawn:
            continue
        yield Text()
        if isinstance(item, Message):
            heading = labels.speaker(item), labels.notes(item)
            if heading != above or item.role == "user":
                yield _heading(item, *heading)
            above = heading
        yield from map(_Indented, drawn)
    if item is None:
        yield Text("\nNo messages.", style="dim")


def _heading(message: Message, speaker: str, notes: list[str]) -> Text:
    style = "bold cyan" if speaker == "You" else "bold green" if message.role == "assistant" else "dim"
    text = Text(speaker, style=style)
    return text.append("  " + ", ".join([local_time(message.created_at), *notes]), style="not bold dim")


def _item(item: Item, look: Look) -> Iterator[RenderableType]:
    match item:
        case Message():
            yield from _parts(item, look)
            yield from (_failure(error) for error in item.errors)
        case ToolCall():
            yield from _tool(item, look)
        case Failure():
            yield _failure(item)
        case Compaction():
            yield _compaction(item)
        case Conversation():
            yield from _subagent(item, look)


def _parts(message: Message, look: Look) -> Iterator[RenderableType]:
    first = True
    for part in message.parts:
        drawn = list(_tool(part, look)) if isinstance(part, ToolCall) else list(_part(message, part, look))
        if drawn and not first:
            yield Text()
        first = first and not drawn
        yield from drawn


def _part(message: Message, part: Part, look: Look) -> Iterator[RenderableType]:
    text = labels.said(part)
    if not text or labels.repeated_by_error(message, text):
        return
    if labels.is_taken_back(message, part):
        yield Text(f"({labels.TAKEN_BACK})", style="dim")
    if part.type == "reasoning":
        folded = f"thought, {labels.count(len(text), 'character')}: --thinking shows it"
        yield Text(text, style="dim italic") if look.thinking else Text(folded, style="dim italic")
    elif message.synthetic or part.synthetic:
        lines, left = (text, "") if look.full else labels.shortened(text, 1, _ABOUT)
        yield Text(lines + f"  {left}" * bool(left), style="dim")
    elif message.role == "assistant" and part.type == "text" and len(text) <= _MARKDOWN:
        yield _markdown(text)
    else:
        yield Text(text)


def _markdown(text: str) -> RenderableType:
    empty, parser = _parser()
    made = copy(empty)
    made.parsed = parser.parse(text)
    return made


@cache
def _parser() -> tuple["Markdown", "MarkdownIt"]:
    """What is drawn of nothing, and what parses what there is: to make these takes as long as to parse an answer."""
    from rich.markdown import Markdown

    from clankers.render.commonmark import parser

    return Markdown("", hyperlinks=False, code_theme="ansi_dark"), parser()  # colours that fit any background


def _tool(tool: ToolCall, look: Look) -> Iterator[RenderableType]:
    mark, style = _MARKS[labels.outcome(tool)]
    head = Text(no_wrap=False)
    head.append(f"{mark} ", style=style).append(clean(tool.tool_name or "tool"), style="bold")
    about = labels.about(tool)
    head.append("  " + (about[:_ABOUT] + "…" if len(about) > _ABOUT else about))
    if ended := labels.ended(tool):
        head.append(f"  {ended}", style=style if style == "red" else "dim")
    yield head
    for given in labels.given(tool, full=look.full):
        yield _Indented(_given(given, look))
    for inner in tool.subagents:
        yield from _subagent(inner, look)
    if result := labels.result(tool):
        lines, left = (result, "") if look.full else labels.shortened(result, _LINES, _WIDTH)
        shown = Text(lines, style="red" if labels.outcome(tool) == "failed" else "dim")
        yield _Indented(shown.append(f"\n{left}" * bool(left), style="dim italic"))


def _given(given: labels.Given, look: Look) -> Text:
    lines, left = (given.text, "") if look.full else labels.shortened(given.text, _LINES, _WIDTH)
    text = Text()
    if given.language == "diff":
        for i, line in enumerate(lines.split("\n")):
            text.append("\n" * bool(i)).append(line, style=_DIFF.get(line[:1], ""))
    else:
        name = f"{given.name}:" * bool(given.name)
        text.append(name, style="dim italic").append(("\n" if "\n" in lines else " " * bool(name)) + lines)
    return text.append(f"\n{left}" * bool(left), style="dim italic")


def _failure(error: Failure) -> RenderableType:
    return Text(f"✗ {labels.failure(error)}", style="yellow" if error.will_retry else "bold red")


def _compaction(one: Compaction) -> RenderableType:
    return Rule(Text(labels.compacted(one), style="dim"), style="dim")


def _subagent(inner: Conversation, look: Look) -> Iterator[RenderableType]:
    head = Text("⤷ ", style="magenta").append(labels.of_subagent(inner), style="bold magenta")
    sums = Text(" · ".join(labels.sums(inner.session, sessions_within(inner))), style="dim")
    within = Group(sums, *_items(inner.items, look))
    yield head
    yield _Indented(within)


def _raw(sessions: Collection[str], *, as_json: bool) -> None:
    root = paths.data_root()
    with progress_bar("Looking through the log", log_bytes(root)) as step:
        lines = list(source_lines(root, SessionMatcher(root, set(sessions)), step))
    if as_json:
        print_json(msgspec.to_builtins([_line(one) for one in lines]))
        return
    with paging():
        out = console()
        for one in lines:
            for drawn in _draw_line(one):
                out.print(drawn, soft_wrap=True)


def _line(one: SourceLine) -> RawLine:
    rows = [Row(table=table, id=id) for table, id in one.rows]
    raw = one.line.raw.decode("utf-8", "replace")
    return RawLine(file=one.file.name, line=one.line.number, offset=one.line.offset, rows=rows, raw=raw)


def _draw_line(one: SourceLine) -> Iterator[Text]:
    event = one.line.event
    what = f"{event.ts} {event.source} {event.type}" if event else f"unusable: {one.line.reason}"
    tables: dict[str, list[str]] = {}
    for table, id in one.rows:
        tables.setdefault(table, []).append(id)
    made = "; ".join(f"{table} {', '.join(ids)}" for table, ids in tables.items())
    yield Text(f"{one.file.name}:{one.line.number}", style="bold").append(f"  {clean(what)}", style="dim")
    yield Text(clean(f"  → {made}" if made else "  → no row; it names the session"), style="green")
    yield Text(clean(one.line.raw.decode("utf-8", "replace")))
