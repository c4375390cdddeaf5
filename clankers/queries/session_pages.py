"""The list of sessions a page at a time, in any order; a session counts with its subagents.

A page begins behind the last session of the page before, not after so many sessions: what is new moves nothing.
"""

from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec

from clankers.queries import dialect
from clankers.queries.dialect import Database
from clankers.queries.filters import Filters
from clankers.queries.sessions import COLUMNS, DEPTH, FAILED_CALLS, TURNS, ListedSession, is_top

_TOKENS = "{s}.prompt_tokens + {s}.completion_tokens + {s}.cache_read_tokens + {s}.cache_write_tokens"
# The place of a session's `cost_source` in `COST_SOURCES`: the higher, the less sure.
UNSURENESS = "CASE {s}.cost_source WHEN 'client' THEN 1 WHEN 'prices' THEN 2 WHEN 'unknown' THEN 3 ELSE 0 END"
COST_SOURCES = (None, "client", "prices", "unknown")  # 'parent' adds nothing

# All subagents of the sessions `tops`, however deep, each with the one of these that it is below; and their sums.
_SUMS = f"""
  tree (root, id, depth) AS (
    SELECT p.id, s.id, 1 FROM {{tops}} AS p JOIN sessions AS s ON s.parent_id = p.id
    UNION ALL
    SELECT root, s.id, depth + 1 FROM tree JOIN sessions AS s ON s.parent_id = tree.id WHERE depth < {DEPTH}
  ),
  sums (root, agents, calls, failed, errors, tokens, cost, source) AS (
    SELECT root, count(*), sum(s.tool_call_count), sum({{failed}}), sum(s.error_count),
      sum({_TOKENS.format(s="s")}), sum(s.cost),
      max({UNSURENESS.format(s="s")})
    FROM tree {dialect.JOIN_IN_THIS_ORDER} sessions AS s USING (id) GROUP BY root
  )
"""
_PARENTS = """
  parents (id) AS (
    SELECT DISTINCT c.parent_id FROM sessions AS c JOIN sessions AS p ON p.id = c.parent_id
    WHERE c.parent_id IS NOT NULL
  ),
"""
_ACTIVE = dialect.last_active("s")

# What each order sorts by; those with `sums` need the sums over subagents of all sessions.
ORDERS = {
    "active": _ACTIVE,
    "started": "s.created_at",
    "title": "lower(s.title)",
    "duration": f"{_ACTIVE} - s.created_at",
    "calls": "s.tool_call_count + coalesce(sums.calls, 0)",
    "failed": f"{FAILED_CALLS} + coalesce(sums.failed, 0)",
    "errors": "s.error_count + coalesce(sums.errors, 0)",
    "agents": "coalesce(sums.agents, 0)",
    "tokens": f"{_TOKENS.format(s='s')} + coalesce(sums.tokens, 0)",
    "cost": "coalesce(s.cost, 0) + coalesce(sums.cost, 0)",
}
_LOWEST = {"title": "''"}  # what stands for an unknown value, where that is not a number

# The sessions above a subagent that matches.
_ABOVE = """
  above (id) AS (
    SELECT s.parent_id FROM sessions AS s WHERE s.parent_id IS NOT NULL AND {condition}
    UNION
    SELECT c.parent_id FROM above JOIN sessions AS c USING (id) WHERE c.parent_id IS NOT NULL
  )
"""
_PAGE = """
WITH RECURSIVE {tables}
SELECT s.id, {key} AS position FROM sessions AS s {sums} WHERE {conditions}
ORDER BY position {forth}, s.id {back} LIMIT :limit
"""
# Behind a place, so that an index is read from there on.
_BEHIND = "{key} {less}= :after AND ({key} {less} :after OR s.id {more} :after_id)"
_TIMELESS = f"SELECT 1 FROM sessions AS s WHERE {dialect.last_active('s')} IS NULL LIMIT 1"
_ROWS = f"""
WITH RECURSIVE page (id) AS {dialect.listed("ids")}, {_SUMS.format(tops="page", failed=FAILED_CALLS)}
SELECT {", ".join(f"s.{name}" for name in COLUMNS)}, 0, {TURNS}, {_ACTIVE} - s.created_at, {FAILED_CALLS},
  coalesce(sums.agents, 0), coalesce(sums.calls, 0), coalesce(sums.failed, 0),
  coalesce(sums.errors, 0), coalesce(sums.tokens, 0), sums.cost, sums.source
FROM page {dialect.JOIN_IN_THIS_ORDER} sessions AS s USING (id) LEFT JOIN sums ON sums.root = s.id
"""


class SessionPlace(NamedTuple):
    """Where a session is in an order: its value there, and its id."""

    value: str | float
    id: str


@dataclass(frozen=True)
class SessionOrder:
    """An order: one of `ORDERS`, the largest first or last."""

    by: str = "active"
    descending: bool = True


class SessionPage(msgspec.Struct, frozen=True):
    """Some sessions, and where to go on; None: these are the last."""

    sessions: list[ListedSession]
    next: SessionPlace | None


def session_page(
    db: Database,
    limit: int,
    chosen: Filters | None = None,
    *,
    words: str = "",
    parent: str | None = None,
    order: SessionOrder = SessionOrder(),
    after: SessionPlace | None = None,
) -> SessionPage:
    """The next `limit` sessions that a person started and that match, or have a subagent that does.

    Args:
        db: the database.
        limit: how many, at most.
        chosen: which.
        words: each must be in the title, project, branch, model or id, in capitals or not.
        parent: list the subagents of the session with this id instead.
        order: of the list.
        after: go on behind this place.
    """
    chosen = chosen or Filters()
    values: dict[str, str | int | float | None] = {"limit": limit + 1, **chosen.values}
    matching = [chosen.sessions()] if chosen else []
    for number, word in enumerate(words.split()):
        values[f"word_{number}"] = word
        matching.append(dialect.contains(_NAMES, f"lower(:word_{number})"))
    tables = []
    conditions = [is_top("s")] if parent is None else ["s.parent_id = :parent", *matching]
    if parent is not None:
        values["parent"] = parent
    elif matching:
        condition = " AND ".join(matching)
        tables.append(_ABOVE.format(condition=condition))
        conditions.append(f"(({condition}) OR s.id IN (SELECT id FROM above))")
    key = ORDERS[order.by]
    if order.by != "active" or db.execute(_TIMELESS).fetchone():  # else the index has the order
        key = f"coalesce({key}, {_LOWEST.get(order.by, '-1')})"
    sums = ""
    if "sums." in key:
        tables.append(_PARENTS.strip() + _SUMS.format(tops="parents", failed=FAILED_CALLS if "failed" in key else "0"))
        sums = "LEFT JOIN sums ON sums.root = s.id"
    if after is not None:
        values |= {"after": after.value, "after_id": after.id}
        less, greater = ("<", ">") if order.descending else (">", "<")
        conditions.append(_BEHIND.format(key=key, less=less, more=greater))
    statement = _PAGE.format(
        tables=", ".join(tables) or "none (id) AS (SELECT NULL)",
        key=key,
        sums=sums,
        conditions=" AND ".join(conditions),
        forth="DESC" if order.descending else "ASC",
        back="ASC" if order.descending else "DESC",
    )
    found = db.execute(statement, values).fetchall()
    page, more = found[:limit], len(found) > limit
    rows = _rows(db, [id for id, _ in page])
    return SessionPage(
        [rows[id] for id, _ in page if id in rows], SessionPlace(page[-1][1], page[-1][0]) if more else None
    )


_NAMES = (
    "lower(coalesce(s.title, '') || ' ' || coalesce(s.project_path, '') || ' ' || coalesce(s.git_branch, '') || ' ' "
    "|| coalesce(s.model, '') || ' ' || coalesce(s.agent, '') || ' ' || s.source || ' ' || s.id)"
)


def _rows(db: Database, ids: list[str]) -> dict[str, ListedSession]:
    found = {}
    for values in db.execute(_ROWS, {"ids": msgspec.json.encode(ids).decode()}):
        *row, unsureness = values
        source = COST_SOURCES[unsureness or 0]
        session = ListedSession(**dict(zip(_FIELDS, (*row, source), strict=True)))
        found[session.id] = session
    return found


_FIELDS: list[Any] = list(ListedSession.__dataclass_fields__)
