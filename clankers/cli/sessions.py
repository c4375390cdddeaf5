"""`clankers sessions`: what was worked on, the last that was active first."""

from collections.abc import Iterator
from textwrap import fill
from typing import Annotated, Any

import apsw
import typer

from clankers.cli.database import open_current
from clankers.cli.options import Model, Project, Since, Sources, Until
from clankers.cli.output import print_json, print_table, width
from clankers.formatting import (
    cells,
    clean,
    local_time,
    short_cost,
    short_duration,
    short_number,
    shortened,
    sum_of_costs,
)
from clankers.queries.filters import Filters, filters, no_such_source

_ACTIVE = "max(coalesce({s}.updated_at, {s}.ended_at, {s}.created_at), ifnull({s}.ended_at, 0))"
_IS_TOP = "NOT EXISTS (SELECT 1 FROM sessions AS p WHERE p.id = {s}.parent_id)"

# The sessions that were started by a person; where something is asked for, those it is found in or below.
_TOP = f"SELECT id FROM sessions AS s WHERE {_IS_TOP.format(s='s')} ORDER BY {_ACTIVE.format(s='s')} DESC, id LIMIT :n"
_TOP_OF_FOUND = f"""
SELECT id FROM (
  WITH RECURSIVE up (id) AS (
    SELECT id FROM sessions AS s WHERE {{condition}}
    UNION
    SELECT c.parent_id FROM up JOIN sessions AS c USING (id) WHERE c.parent_id IS NOT NULL
  )
  SELECT t.id FROM up JOIN sessions AS t USING (id) WHERE {_IS_TOP.format(s="t")}
  ORDER BY {_ACTIVE.format(s="t")} DESC, t.id LIMIT :n
)
"""
# Subagents stand below the session that called them, oldest first.
_LIST = f"""
WITH RECURSIVE top (id) AS ({{top}}), tree (id, depth, path) AS (
  SELECT id, 0, printf('%020d', 9000000000000000000 - ifnull({_ACTIVE.format(s="s")}, 0)) || id
  FROM top JOIN sessions AS s USING (id)
  UNION ALL
  SELECT s.id, depth + 1, path || '/' || printf('%020d', ifnull(s.created_at, 0)) || s.id
  FROM tree JOIN sessions AS s ON s.parent_id = tree.id WHERE depth < 20
)
SELECT s.*, depth, (
    -- What starts a subagent was typed by no person.
    SELECT count(*) FROM messages AS m WHERE m.session_id = s.id AND s.parent_id IS NULL
    AND m.role = 'user' AND NOT m.synthetic AND NOT m.copied
  ) AS turns, {_ACTIVE.format(s="s")} - s.created_at AS duration_ms
FROM tree CROSS JOIN sessions AS s USING (id) ORDER BY path  -- CROSS: in this order, not by a look at every session
"""
_NO_SUBAGENTS: dict[str, Any] = dict.fromkeys(("subagents", "subagent_tools", "subagent_errors", "subagent_tokens"), 0)
_NO_SUBAGENTS |= {"subagent_cost": None, "subagent_cost_source": None}
TOKENS = ("prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_write_tokens")

# What is shown, and in which order it gives way on a terminal where not all of it fits.
_COLUMNS = (
    *("active", "source", "project", "title", "model", "turns", "tools", "errors", "agents"),
    *("tokens", "cost", "duration", "id"),
)
_GIVE_WAY = ("source", "errors", "tools", "model", "agents", "turns", "duration", "tokens", "project")
_NUMBERS = ("turns", "tools", "errors", "agents", "tokens", "cost", "duration")
_TITLE = 24  # columns for a title before others give way
_SHORT_ID = 12  # characters
_GAP = 2  # columns between two cells
_NOTES = {  # on the marks of costs, by their `cost_source`
    "prices": "~ is worked out from a price table, where the client does not say what it cost.",
    "unknown": "? and + stand for a model whose price is not known; `clankers doctor` names it.",
    "parent": "↑ is in the cost of the session that called it.",
}


def command(
    source: Sources = None,
    project: Project = None,
    model: Model = None,
    since: Since = None,
    until: Until = None,
    tree: Annotated[bool, typer.Option("--tree", help="Subagents in lines of their own, below their parent.")] = False,
    limit: Annotated[int, typer.Option(help="How many, at most; their subagents come with them.", min=1)] = 25,
    as_json: Annotated[bool, typer.Option("--json", help="An array of objects.")] = False,
) -> None:
    """List sessions, the last that was active first.

    Subagents are folded into the session that called them: its tools,
    errors, tokens and cost have theirs in them, and AGENTS says how many they
    are, and how many of the tokens are theirs. TURNS are prompts that a
    person typed, DURATION is from the first to the last that happened,
    pauses included.
    """
    chosen = filters(source, project, model, since, until)
    db = open_current()
    try:
        found = list_sessions(db, limit, chosen)
        no_such = no_such_source(db, chosen)
    finally:
        db.close()
    if as_json:
        print_json([s for s in found if tree or not s["depth"]])
    elif found:
        print_sessions(found, tree=tree)
    elif chosen:
        typer.echo(no_such or "No session is like that; `clankers sessions` without options lists all.")
    else:
        typer.echo("No sessions yet: nothing has been recorded. The README says how to plug in a harness.")


def list_sessions(db: apsw.Connection, limit: int, chosen: Filters | None = None) -> list[dict[str, Any]]:
    """The `limit` sessions that were active last, each followed by its subagents.

    Each is a row of the table `sessions`, with `depth` (0, or how far below), `turns`, `duration_ms`, and in
    `subagents`, `subagent_tools`, `subagent_errors`, `subagent_tokens` and `subagent_cost` the sums over all that are
    below it, which are not in its own; `subagent_cost_source` is the least sure `cost_source` among theirs.
    """
    chosen = chosen or Filters()
    top = _TOP_OF_FOUND.format(condition=chosen.sessions()) if chosen else _TOP
    cursor = db.execute(_LIST.format(top=top), {"n": limit, **chosen.values})
    above: list[dict[str, Any]] = []
    rows = []
    for own in _dicts(cursor):
        row = own | _NO_SUBAGENTS
        rows.append(row)
        del above[row["depth"] :]
        for one in above:
            one["subagents"] += 1
            one["subagent_tools"] += row["tool_call_count"]
            one["subagent_errors"] += row["error_count"]
            one["subagent_tokens"] += sum(row[kind] for kind in TOKENS)
            one["subagent_cost"], one["subagent_cost_source"] = sum_of_costs((_of_subagents(one), _own(row)))
        above.append(row)
    return rows


def _dicts(cursor: apsw.Cursor) -> Iterator[dict[str, Any]]:
    names = None
    for row in cursor:
        names = names or [d[0] for d in cursor.get_description()]
        yield dict(zip(names, row, strict=True))


def _own(s: dict[str, Any]) -> tuple[float | None, str | None]:
    return s["cost"], s["cost_source"]


def _of_subagents(s: dict[str, Any]) -> tuple[float | None, str | None]:
    return s["subagent_cost"], s["subagent_cost_source"]


def print_sessions(found: list[dict[str, Any]], *, tree: bool) -> None:
    """A table of sessions as wide as the terminal: columns are left out where there is no room, and titles cut."""
    shown = [s for s in found if tree or not s["depth"]]
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


def _cost(s: dict[str, Any], *, tree: bool) -> tuple[float | None, str | None]:
    """What is shown as a session's cost, and whose word that is."""
    return _own(s) if tree else sum_of_costs((_own(s), _of_subagents(s)))


def _cells(s: dict[str, Any], *, tree: bool) -> dict[str, str]:
    """A session's cells by column, as a person reads them; text that is not ours is cleaned."""
    tokens, tools, errors = sum(s[k] for k in TOKENS), s["tool_call_count"], s["error_count"]
    agents = ""
    if s["subagents"] and not tree:
        agents = f"{s['subagents']}: {short_number(s['subagent_tokens'])}"
        tokens += s["subagent_tokens"]
        tools += s["subagent_tools"]
        errors += s["subagent_errors"]
    title = clean(s["title"] or "(no title)")
    return {
        "active": local_time(None if s["created_at"] is None else s["created_at"] + s["duration_ms"]),
        "source": clean(s["source"]),
        "project": clean(s["project_name"] or ""),
        "title": "  " * (s["depth"] - 1) + "└ " + title if s["depth"] else title,
        "model": clean(s["model"] or ""),
        "turns": str(s["turns"] or ""),
        "tools": str(tools or ""),
        "errors": str(errors or ""),
        "agents": agents,
        "tokens": short_number(tokens),
        "cost": short_cost(*_cost(s, tree=tree)),
        "duration": short_duration(s["duration_ms"]),
        "id": clean(s["id"]),
    }
