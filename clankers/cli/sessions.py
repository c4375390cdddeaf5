"""`clankers sessions`: lists sessions, the last active first."""

from dataclasses import asdict
from textwrap import fill
from typing import Annotated

import typer

from clankers.cli.database import open_current
from clankers.cli.options import MOST, Model, Project, Since, Sources, Until, no_such_source
from clankers.cli.output import print_json, print_table, width
from clankers.cli.pager import paging
from clankers.formatting import (
    cells,
    clean,
    local_time,
    session_title,
    short_cost,
    short_duration,
    short_number,
    shortened,
    sum_of_costs,
    without_noise,
)
from clankers.queries.filters import filters
from clankers.queries.sessions import ListedSession, count_sessions, list_sessions

# What is shown, and in which order it gives way on a terminal where not all of it fits.
_COLUMNS = (
    *("active", "source", "project", "title", "model", "turns", "tools", "failed", "errors", "agents"),
    *("tokens", "cost", "duration", "id"),
)
_GIVE_WAY = ("model", "agents", "duration", "tools", "turns", "tokens", "errors", "project", "source")
_NUMBERS = ("turns", "tools", "failed", "errors", "agents", "tokens", "cost", "duration")
_TITLE = 24  # columns for a title before others give way
_SHORT_ID = 12  # characters
_GAP = 2  # columns between two cells
_NOTES = {  # on the marks of costs, by their `cost_source`
    "prices": "~ is estimated from a price table, because the client reports no cost.",
    "unknown": "? and + mark models without a known price; `clankers doctor` names them.",
    "parent": "↑ is included in the cost of its parent session.",
}


def command(
    source: Sources = None,
    project: Project = None,
    model: Model = None,
    since: Since = None,
    until: Until = None,
    tree: Annotated[bool, typer.Option("--tree", help="List subagents below their parent.")] = False,
    limit: Annotated[int, typer.Option(help="Most sessions to list.", min=1, max=MOST)] = 25,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: an array of objects.")] = False,
) -> None:
    """List sessions, the last active first.

    Subagents are counted in the session that called them: its tools, failed
    calls, errors, tokens and cost include theirs. AGENTS shows how many there
    are, and their tokens. TURNS are prompts that a person typed, FAILED are
    tool calls. DURATION is from the first to the last event, with pauses.

    Examples:
        clankers sessions --since yesterday
        clankers sessions --project . --source codex --limit 100
        clankers sessions --json | jq -r '.[].id'
    """
    chosen = filters(source, project, model, since, until)
    db = open_current()
    try:
        found = list_sessions(db, limit, chosen)
        number = sum(not s.depth for s in found)
        if number == limit and not as_json:
            number = count_sessions(db, chosen)
        no_such = no_such_source(db, chosen)
    finally:
        db.close()
    if as_json:
        print_json([without_noise(asdict(s)) for s in found if tree or not s.depth])
    elif found:
        with paging():
            print_sessions(found, tree=tree)
            if number > limit:
                typer.echo(f"\n{limit:,} of {number:,} sessions; --limit N lists more.")
    elif chosen:
        typer.echo(no_such or "No sessions match these filters; `clankers sessions` without options lists all.")
    else:
        typer.echo("Nothing is recorded yet; `clankers install` sets up a harness.")


def print_sessions(found: list[ListedSession], *, tree: bool) -> None:
    """A table of sessions as wide as the terminal: columns are left out where there is no room, and titles cut."""
    shown = [s for s in found if tree or not s.depth]
    rows = [_cells(s, tree=tree) for s in shown]
    wide = {name: max(map(cells, (name, *(r[name] for r in rows)))) for name in _COLUMNS}
    names = [name for name in _COLUMNS if name != "agents" or any(r["agents"] for r in rows)]

    def over(title: int) -> int:
        return sum(min(title, wide[n]) if n == "title" else wide[n] for n in names) + _GAP * (len(names) - 1) - width()

    if over(_TITLE) > 0:
        for row in rows:
            row["id"] = row["id"][:_SHORT_ID]
            row["active"] = row["active"][5:]  # without the year
        wide |= {"id": _SHORT_ID, "active": len("11-20 23:45")}
    for name in _GIVE_WAY:
        if over(_TITLE) > 0 and name in names:
            names.remove(name)
    room = max(wide["title"] - max(over(wide["title"]), 0), 10)
    for row in rows:
        row["title"] = shortened(row["title"], room)
    print_table(names, ([row[name] for name in names] for row in rows), right=_NUMBERS)
    sources = {_cost(s, tree=tree)[1] for s in shown}
    if notes := [note for source, note in _NOTES.items() if source in sources]:
        typer.echo("\n" + "\n".join(fill(note, min(width(), 120)) for note in notes))


def _cost(s: ListedSession, *, tree: bool) -> tuple[float | None, str | None]:
    """What is shown as a session's cost, and its `cost_source`."""
    own = (s.cost, s.cost_source)
    return own if tree else sum_of_costs((own, (s.subagent_cost, s.subagent_cost_source)))


def _cells(s: ListedSession, *, tree: bool) -> dict[str, str]:
    """A session's cells by column, as a person reads them; text that is not ours is cleaned."""
    tokens, tools, failed, errors = s.tokens, s.tool_call_count, s.failed_calls, s.error_count
    agents = ""
    if s.subagents and not tree:
        agents = f"{s.subagents}: {short_number(s.subagent_tokens)}"
        tokens += s.subagent_tokens
        tools += s.subagent_tools
        failed += s.subagent_failed_calls
        errors += s.subagent_errors
    title = session_title(s.title)
    return {
        "active": local_time(s.last_active),
        "source": clean(s.source),
        "project": clean(s.project_name or ""),
        "title": "  " * (s.depth - 1) + "└ " + title if s.depth else title,
        "model": clean(s.model or ""),
        "turns": str(s.turns or ""),
        "tools": str(tools or ""),
        "failed": str(failed or ""),
        "errors": str(errors or ""),
        "agents": agents,
        "tokens": short_number(tokens),
        "cost": short_cost(*_cost(s, tree=tree)),
        "duration": short_duration(s.duration_ms),
        "id": clean(s.id),
    }
