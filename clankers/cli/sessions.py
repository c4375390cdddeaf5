"""`clankers sessions`: what was worked on, newest first."""

from typing import Annotated

import apsw
import typer
from rich.cells import cell_len
from rich.text import Text

from clankers.cli.current import open_current
from clankers.cli.output import clean, console, local_time, print_json, short_number, table

# Subagents stand below the session that called them, oldest first.
_LIST = """
WITH RECURSIVE top AS (
  SELECT id FROM sessions WHERE parent_id IS NULL OR parent_id NOT IN (SELECT id FROM sessions)
  ORDER BY created_at DESC, id LIMIT ?
), tree (id, depth, path) AS (
  SELECT id, 0, printf('%020d', 9000000000000000000 - ifnull(created_at, 0)) || id FROM top JOIN sessions USING (id)
  UNION ALL
  SELECT s.id, depth + 1, path || '/' || printf('%020d', ifnull(s.created_at, 0)) || s.id
  FROM tree JOIN sessions AS s ON s.parent_id = tree.id WHERE depth < 20
)
SELECT s.*, depth FROM tree JOIN sessions AS s USING (id) ORDER BY path
"""
# What is shown from how many columns of the terminal on; the widest also for files and pipes.
_LAYOUTS = (
    (150, ("started", "source", "project", "title", "model", "messages", "tools", "errors", "tokens", "cost", "id")),
    (100, ("started", "project", "title", "tools", "errors", "tokens", "cost", "id")),
    (72, ("started", "project", "title", "tokens", "cost", "id")),
    (0, ("started", "title", "cost", "id")),
)
_NUMBERS = ("messages", "tools", "errors", "tokens", "cost")
_GAP = 3  # columns between two cells


def command(
    limit: Annotated[int, typer.Option(help="How many, at most; their subagents come with them.", min=1)] = 25,
    as_json: Annotated[bool, typer.Option("--json", help="An array of the table's rows.")] = False,
) -> None:
    """List sessions, newest first."""
    db = open_current()
    try:
        found = list_sessions(db, limit)
    finally:
        db.close()
    if as_json:
        print_json(found)
    elif found:
        print_sessions(found)
    else:
        typer.echo("No sessions yet: nothing has been recorded. The README says how to plug in a harness.")


def list_sessions(db: apsw.Connection, limit: int) -> list[dict[str, object]]:
    """The newest `limit` sessions and their subagents, as rows of the table `sessions` with their `depth`."""
    cursor = db.execute(_LIST, (limit,))
    names = None
    rows = []
    for row in cursor:
        names = names or [d[0] for d in cursor.get_description()]
        rows.append(dict(zip(names, row, strict=True)))
    return rows


def print_sessions(found: list[dict[str, object]]) -> None:
    """A table of sessions as wide as the terminal: what does not fit is cut from the titles."""
    out = console()
    names = next(names for width, names in _LAYOUTS if out.width >= width)
    wide = names is _LAYOUTS[0][1]
    cells = [_cells(s, wide) for s in found]
    others = sum(max(map(cell_len, (name, *(c[name] for c in cells)))) + _GAP for name in names if name != "title")
    for c in cells:
        title = Text(c["title"])
        title.truncate(max(out.width - others - _GAP, 10), overflow="ellipsis")
        c["title"] = title.plain
    out.print(table(names, ([c[name] for name in names] for c in cells), right=_NUMBERS))


def _cells(s: dict[str, object], wide: bool) -> dict[str, str]:
    """A session's cells by column, as a person reads them; text that is not ours is cleaned."""
    number = {k: v for k, v in s.items() if isinstance(v, int)}
    text = {k: clean(v) for k, v in s.items() if isinstance(v, str)}
    kinds = ("prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_write_tokens")
    depth = number["depth"]
    title = text.get("title") or "(no title)"
    started = local_time(number.get("created_at"))
    cost = s["cost"]
    return {
        "started": started if wide else started[5:],
        "source": text["source"],
        "project": text.get("project_name", ""),
        "title": "  " * (depth - 1) + "└ " + title if depth else title,
        "model": text.get("model", ""),
        "messages": str(number["message_count"]),
        "tools": str(number["tool_call_count"] or ""),
        "errors": str(number["error_count"] or ""),
        "tokens": short_number(sum(number[k] for k in kinds)),
        "cost": f"${cost:.{4 if wide else 2}f}" if isinstance(cost, float) else "",
        "id": text["id"] if wide else text["id"][:12],
    }
