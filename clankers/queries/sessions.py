"""The list of sessions: the last active first, each followed by its subagents."""

from dataclasses import dataclass, fields
from typing import Any

from clankers.formatting import sum_of_costs
from clankers.queries import dialect
from clankers.queries.dialect import Database
from clankers.queries.filters import Filters

DEPTH = 20  # of subagents within subagents
TURNS = """(
    -- No person typed what starts a subagent.
    SELECT count(*) FROM messages AS m WHERE m.session_id = s.id AND s.parent_id IS NULL
    AND m.role = 'user' AND m.synthetic = 0 AND m.copied = 0 AND m.deleted_at IS NULL
  )"""

FAILED_CALLS = "(SELECT count(*) FROM tools AS t WHERE t.session_id = s.id AND t.success = 0)"


def is_top(s: str) -> str:
    """Whether a person started the session `s`: it has no parent, or one that is not recorded."""
    return f"NOT EXISTS (SELECT 1 FROM sessions AS p WHERE p.id = {s}.parent_id)"


# The sessions that a person started; with filters, those that match or have a subagent below that matches.
_ALL = f"SELECT id FROM sessions AS s WHERE {is_top('s')}"
_TOP = f"{_ALL} ORDER BY {dialect.last_active('s')} DESC, id LIMIT :n"
_FOUND = f"""
  WITH RECURSIVE up (id) AS (
    SELECT id FROM sessions AS s WHERE {{condition}}
    UNION
    SELECT c.parent_id FROM up JOIN sessions AS c USING (id) WHERE c.parent_id IS NOT NULL
  )
  SELECT t.id FROM up JOIN sessions AS t USING (id) WHERE {is_top("t")}
"""
_TOP_OF_FOUND = f"""
SELECT id FROM ({_FOUND}
  ORDER BY {dialect.last_active("t")} DESC, t.id LIMIT :n
) AS found
"""
# Subagents stand below the session that called them, oldest first.
_LIST = f"""
WITH RECURSIVE top (id) AS ({{top}}), tree (id, depth, path) AS (
  SELECT id, 0, {dialect.sortable(f"9000000000000000000 - coalesce({dialect.last_active('s')}, 0)")} || id
  FROM top JOIN sessions AS s USING (id)
  UNION ALL
  SELECT s.id, depth + 1, path || '/' || {dialect.sortable("coalesce(s.created_at, 0)")} || s.id
  FROM tree JOIN sessions AS s ON s.parent_id = tree.id WHERE depth < {DEPTH}
)
SELECT {{columns}}, depth, {TURNS} AS turns, {dialect.last_active("s")} - s.created_at AS duration_ms,
  {FAILED_CALLS} AS failed_calls
FROM tree {dialect.JOIN_IN_THIS_ORDER} sessions AS s USING (id) ORDER BY path
"""


@dataclass(kw_only=True)
class ListedSession:
    """A row of the table `sessions`, and what its messages and subagents come to.

    Attributes:
        depth: 0, or how far below a session that a person started.
        turns: prompts that a person typed and did not take back.
        duration_ms: from the first to the last that happened, pauses included.
        failed_calls: its tool calls that failed.
        subagents: how many sessions are below it; `subagent_tools`, `subagent_failed_calls`, `subagent_errors`,
            `subagent_tokens` and `subagent_cost` are sums over those alone.
        subagent_cost_source: the least sure `cost_source` among theirs.
    """

    id: str
    title: str | None
    project_path: str | None
    project_name: str | None
    model: str | None
    provider: str | None
    prompt_tokens: int
    completion_tokens: int
    cost: float | None
    created_at: int | None
    updated_at: int | None
    source: str
    status: str | None
    parent_id: str | None
    forked_from: str | None
    agent: str | None
    client_version: str | None
    git_branch: str | None
    permission_mode: str | None
    reasoning_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    cost_source: str | None
    message_count: int
    tool_call_count: int
    error_count: int
    ended_at: int | None
    deleted_at: int | None
    depth: int
    turns: int
    duration_ms: int | None
    failed_calls: int
    subagents: int = 0
    subagent_tools: int = 0
    subagent_failed_calls: int = 0
    subagent_errors: int = 0
    subagent_tokens: int = 0
    subagent_cost: float | None = None
    subagent_cost_source: str | None = None

    @property
    def last_active(self) -> int | None:
        """Epoch milliseconds of the last that happened."""
        return None if self.created_at is None else self.created_at + (self.duration_ms or 0)

    @property
    def tokens(self) -> int:
        """All but reasoning, which some clients count as output too; without those of subagents."""
        return self.prompt_tokens + self.completion_tokens + self.cache_read_tokens + self.cache_write_tokens


_FIELDS = [field.name for field in fields(ListedSession)]
_SELECTED = _FIELDS[: _FIELDS.index("subagents")]
COLUMNS = _FIELDS[: _FIELDS.index("depth")]


def count_sessions(db: Database, chosen: Filters) -> int:
    """How many sessions `list_sessions` lists without a limit, subagents not counted."""
    found = _FOUND.format(condition=chosen.sessions()) if chosen else _ALL
    ((number,),) = db.execute(f"SELECT count(*) FROM ({found}) AS found", chosen.values)
    return int(number)


def list_sessions(db: Database, limit: int, chosen: Filters | None = None) -> list[ListedSession]:
    """The `limit` sessions that were active last, each followed by its subagents, oldest first."""
    chosen = chosen or Filters()
    top = _TOP_OF_FOUND.format(condition=chosen.sessions()) if chosen else _TOP
    statement = _LIST.format(top=top, columns=", ".join(f"s.{name}" for name in COLUMNS))
    above: list[ListedSession] = []
    sessions = []
    for values in db.execute(statement, {"n": limit, **chosen.values}):
        row: dict[str, Any] = dict(zip(_SELECTED, values, strict=True))
        session = ListedSession(**row)
        sessions.append(session)
        del above[session.depth :]
        for one in above:
            one.subagents += 1
            one.subagent_tools += session.tool_call_count
            one.subagent_failed_calls += session.failed_calls
            one.subagent_errors += session.error_count
            one.subagent_tokens += session.tokens
            one.subagent_cost, one.subagent_cost_source = sum_of_costs(
                ((one.subagent_cost, one.subagent_cost_source), (session.cost, session.cost_source))
            )
        above.append(session)
    return sessions
