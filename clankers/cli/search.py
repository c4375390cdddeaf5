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
from clankers.cli.pager import paging
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
        typer.Argument(metavar="WORDS...", help='The words; "quoted words" are a phrase, time* is a prefix.'),
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

    All words must be there. Words are whole: `time*` finds words that begin
    with time. Quoted words are a phrase. Case and accents do not matter. After
    `--`, a word may begin with a dash. The first search builds an index.

    Examples:
        clankers search flaky test --since 7d
        clankers search '"connection reset" nginx'
        clankers search 'flak*' --project .
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
        with paging():
            print_hits(hits)
            if len(hits) == limit:
                typer.echo(f"These are the best {limit:,}; --limit N shows more.")
    elif sessions:
        typer.echo(sources or _nothing(words[-1]))
    else:
        typer.echo("Nothing is recorded yet; `clankers install` sets up a harness.")


def _nothing(word: str) -> str:
    """That nothing was found, and how to find more by a `word` that may be the beginning of another."""
    hint = f" Words are whole; '{word}*' also finds longer ones." if word.isalnum() else ""
    return f"Nothing has all of these words.{hint}"


def print_hits(hits: list[Hit]) -> None:
    """Each with a line that says what it is, and the snippet below."""
    if sys.stdout.isatty():
        draw_hits(hits, console())
        return
    for hit in hits:
        print(f"{_head(hit)}\n{' ' * _INDENT}{clean(hit.snippet).rstrip()}\n")


def draw_hits(hits: list[Hit], out: Console) -> None:
    """The same on a terminal: those of a session together, the best session first, and what was found stands out."""
    from rich.text import Text

    sessions: dict[str, list[Hit]] = {}
    for hit in hits:
        sessions.setdefault(hit.session_id, []).append(hit)
    for of_session in sessions.values():
        out.print(Text("  ".join(_session(of_session[0])), style="bold"), no_wrap=True, overflow="ellipsis")
        for hit in of_session:
            what = Text(" " * _INDENT).append(f"{local_time(hit.created_at)}  ", style="dim")
            out.print(what.append(_what(hit), style="red" if hit.success == 0 else "cyan"))
            for line in _snippet(hit).wrap(out, max(out.width - 2 * _INDENT, 1)):
                line.rstrip()
                out.print(Text(" " * 2 * _INDENT).append_text(line), no_wrap=True, overflow="ignore", crop=False)
        out.print()


def _head(hit: Hit) -> str:
    id, *rest = _session(hit)
    return "  ".join([local_time(hit.created_at), id, _what(hit), *rest])


def _session(hit: Hit) -> list[str]:
    """The session of a hit: its short id, harness, project and title."""
    shown = [hit.session_id[:12], hit.source, hit.project_name]
    return [*(clean(one) for one in shown if one), session_title(hit.title)]


def _what(hit: Hit) -> str:
    what = hit.tool_name or "tool" if hit.kind == "tool" else hit.kind
    return clean(what) + " (failed)" * (hit.success == 0)


def _snippet(hit: Hit) -> Text:
    from rich.text import Text

    text, end = Text(), 0
    for start, stop in [*hit.found, (len(hit.snippet), len(hit.snippet))]:
        text.append(clean(hit.snippet[end:start]))
        text.append(clean(hit.snippet[start:stop]), style="bold yellow")
        end = stop
    return text
