"""`clankers sessions`: what was worked on, newest first."""

from typing import Annotated

import apsw
import typer

from clankers.cli.current import open_current
from clankers.cli.output import console, local_time, print_json, short_number, table

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
_COLUMNS = ("started", "source", "project", "title", "model", "messages", "tools", "errors", "tokens", "cost", "id")
_NUMBERS = ("messages", "tools", "errors", "tokens", "cost")


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
        console().print(table(_COLUMNS, map(_row, found), right=_NUMBERS))
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


def _row(s: dict[str, object]) -> tuple[object, ...]:
    depth = s["depth"]
    assert isinstance(depth, int)
    title = s["title"] or "(no title)"
    tokens = sum(
        n
        for key in ("prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_write_tokens")
        if isinstance(n := s[key], int)
    )
    cost = s["cost"]
    created = s["created_at"]
    return (
        local_time(created if isinstance(created, int) else None),
        s["source"],
        s["project_name"],
        "  " * (depth - 1) + "└ " + str(title) if depth else title,
        s["model"],
        s["message_count"],
        s["tool_call_count"] or "",
        s["error_count"] or "",
        short_number(tokens),
        f"${cost:.4f}" if isinstance(cost, float) else "",
        s["id"],
    )
