"""`clankers search WORDS`: finds messages and tool calls by their words."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from msgspec import to_builtins

from clankers import paths
from clankers.cli.database import open_current
from clankers.cli.options import MOST, Model, Project, Since, Sources, Until, no_such_source
from clankers.cli.output import console, counting_bar, print_json, say
from clankers.formatting import clean, local_time, session_title
from clankers.queries.changes import changed_sessions
from clankers.queries.connect import ELSEWHERE
from clankers.queries.filters import filters
from clankers.queries.search import Hit, match_expression, search

if TYPE_CHECKING:
    from rich.console import Console  # rich takes longer to import than most searches take: only for a terminal
    from rich.text import Text

_INDENT = 2  # columns


def command(
    words: Annotated[
        list[str],
        typer.Argument(metavar="WORDS...", help='The words; "quoted words" are a phrase.'),
    ],
    limit: Annotated[int, typer.Option(help="Most hits to show.", min=1, max=MOST)] = 20,
    source: Sources = None,
    project: Project = None,
    model: Model = None,
    since: Since = None,
    until: Until = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: an array of hits.")] = False,
) -> None:
    """Find prompts, answers and tool calls by their words.

    All words must be there. Whole words only. Quoted words are a phrase. Case and accents do not matter. After
    `--`, a word may begin with a dash. The first search builds an index.

    Examples:
        clankers search flaky test --since 7d
        clankers search '"connection reset" nginx'
        clankers search -- --no-verify
    """
    chosen = filters(source, project, model, since, until)
    match_expression(words)  # a mistake in it is found before anything is read
    with contextlib.closing(open_current()) as db:
        sessions = changed_sessions(db)
        sources = no_such_source(db, chosen)
    with counting_bar("Making the search index; sessions", sessions) as step:
        hits = search(
            paths.database_path(), words, chosen, limit, progress=step, note=lambda text: say(f"{text}; {ELSEWHERE}")
        )
    if as_json:
        print_json(to_builtins(hits))
    elif hits:
        print_hits(hits)
        if len(hits) == limit:
            typer.echo(f"These are the best {limit:,}; --limit shows more.")
    elif sessions:
        typer.echo(sources or "Nothing has all of these words.")
    else:
        typer.echo("Nothing is recorded yet; `clankers install` sets up a harness.")


def print_hits(hits: list[Hit]) -> None:
    """Each with a line that says what it is, and the snippet below."""
    if sys.stdout.isatty():
        draw_hits(hits, console())
        return
    for hit in hits:
        print(f"{_head(hit)}\n{' ' * _INDENT}{clean(hit.snippet).rstrip()}\n")


def draw_hits(hits: list[Hit], out: Console) -> None:
    """The same on a terminal: the end of the first line is cut, the snippet wrapped, and what was found stands out."""
    from rich.text import Text

    for hit in hits:
        out.print(Text(_head(hit), style="dim"), no_wrap=True, overflow="ellipsis")
        for line in _snippet(hit).wrap(out, max(out.width - _INDENT, 1)):
            line.rstrip()
            out.print(Text(" " * _INDENT).append_text(line), no_wrap=True, overflow="ignore", crop=False)
        out.print()


def _head(hit: Hit) -> str:
    what = hit.tool_name or "tool" if hit.kind == "tool" else hit.kind
    if hit.success == 0:
        what += " (failed)"
    shown = [local_time(hit.created_at), hit.session_id[:12], what, hit.source, hit.project_name]
    return "  ".join([*(clean(one) for one in shown if one), session_title(hit.title)])


def _snippet(hit: Hit) -> Text:
    from rich.text import Text

    text, end = Text(), 0
    for start, stop in [*hit.found, (len(hit.snippet), len(hit.snippet))]:
        text.append(clean(hit.snippet[end:start]))
        text.append(clean(hit.snippet[start:stop]), style="bold yellow")
        end = stop
    return text
