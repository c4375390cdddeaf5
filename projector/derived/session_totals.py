"""A session's row, from its facts and from all its messages, tool calls and errors."""

from collections import defaultdict
from math import fsum
from typing import Any, NamedTuple

import apsw
import msgspec
from msgspec import UNSET

from projector.derived.activity import ActivityBucket, activity_buckets, refresh_activity, related
from projector.derived.bills import whole_bill
from projector.model.changes import Rank, Todo
from projector.model.naming import project_name

TITLE_LENGTH = 100  # characters of the first prompt that replace a missing title

_Facts = dict[str, tuple[int, Any]]  # rank and value, by name

_FACTS = "SELECT session_id, name, rank, value FROM session_facts WHERE session_id = ?"
_COUNTS = """
SELECT ?1, (SELECT count(*) FROM tools WHERE session_id = ?1),
  (SELECT count(*) FROM session_errors WHERE session_id = ?1 AND NOT will_retry)
"""
_CALLER = "ifnull((SELECT model FROM messages WHERE id = message_id), (SELECT model FROM sessions WHERE id = ?1))"
_TOOLS_MODEL = f"UPDATE tools SET model = {_CALLER} WHERE session_id = ?1 AND model IS NOT {_CALLER}"
_LAST_MODEL = """
SELECT * FROM (SELECT session_id, model, provider, agent FROM messages
  WHERE session_id = ? AND role = 'assistant' AND model IS NOT NULL AND NOT copied AND NOT synthetic
  ORDER BY created_at DESC, id DESC LIMIT 1)
"""
_PROMPTS = """
SELECT session_id, (
  SELECT group_concat(text, char(10) ORDER BY seq, id) FROM parts
  WHERE message_id = m.id AND type = 'text' AND synthetic IS NOT 1
) AS typed
FROM messages AS m WHERE session_id = ? AND role = 'user' AND NOT copied AND typed <> ''
"""
# Found in the order of the index: the others are not looked at.
_FIRST_PROMPT = f"""
SELECT * FROM ({_PROMPTS} AND NOT m.synthetic AND m.deleted_at IS NULL ORDER BY created_at, id LIMIT 1)
"""
# Where a person typed none, or took all of them back. A subagent's prompt is not a person's.
_OTHER_PROMPT = f"""
SELECT * FROM (
  {_PROMPTS} AND (NOT m.synthetic OR EXISTS (
    SELECT 1 FROM session_facts AS f WHERE f.session_id = m.session_id AND f.name = 'parent_id'
  ))
  ORDER BY m.deleted_at IS NOT NULL, m.synthetic, created_at, id LIMIT 1
)
"""
_CLIENT_COST = "SELECT 1 FROM messages WHERE session_id = ? AND cost_source = 'client' AND cost > 0 LIMIT 1"
_UPDATE = """
UPDATE sessions SET title = ?, project_path = ?, project_name = ?, model = ?, provider = ?, prompt_tokens = ?,
  completion_tokens = ?, cost = ?, created_at = ?, updated_at = ?, status = ?, parent_id = ?, forked_from = ?,
  agent = ?, client_version = ?, git_branch = ?, permission_mode = ?, reasoning_tokens = ?, cache_read_tokens = ?,
  cache_write_tokens = ?, cache_write_1h_tokens = ?, cost_source = ?, message_count = ?,
  tool_call_count = ?, error_count = ?, ended_at = ?, deleted_at = ?
WHERE id = ?
"""
_PROJECT = """
INSERT INTO projects (path, name) VALUES (?1, ?2) ON CONFLICT (path) DO UPDATE SET name = ?2 WHERE name IS NULL
"""


def refresh_sessions(db: apsw.Connection, sessions: list[str]) -> None:
    """Refresh the rows of `sessions`, with their projects, to-dos and activity.

    The table `changes` notes that the sessions, or rows in them, may have changed.
    """
    ids = [(session,) for session in sessions]
    facts: dict[str, _Facts] = defaultdict(dict)
    for session, name, rank, value in db.executemany(_FACTS, ids):
        facts[session][name] = (rank, value)
    models = {session: rest for session, *rest in db.executemany(_LAST_MODEL, ids)}
    untitled = [(session,) for session in sessions if facts[session].get("title", _UNREPORTED)[1] is None]
    prompts: dict[str, str] = dict(db.executemany(_FIRST_PROMPT, untitled))
    prompts |= dict(db.executemany(_OTHER_PROMPT, [(session,) for (session,) in untitled if session not in prompts]))
    counts: dict[str, list[int]] = {session: rest for session, *rest in db.executemany(_COUNTS, ids)}
    sharing = related(db, sessions)  # before and after the update: either may share a bill
    buckets = activity_buckets(db, sessions)
    rows = []
    projects = {}
    for session in sessions:
        path, name = _project(db, session, facts[session])
        projects[path] = name
        totals = _totals(buckets[session])
        model = models.get(session, _NO_MODEL)
        rows.append(_row(db, session, facts[session], totals, counts[session], model, prompts.get(session)))
    db.executemany(_UPDATE, rows)
    db.executemany(_PROJECT, [(path, name) for path, name in projects.items() if path])
    db.executemany(_TOOLS_MODEL, ids)
    for session in sessions:
        _todos(db, session, {name: value for name, (_, value) in facts[session].items() if name.startswith("todo")})
    sharing |= related(db, sessions)
    refresh_activity(db, buckets | activity_buckets(db, sharing - buckets.keys()))
    batch = db.execute("SELECT ifnull(max(batch), 0) + 1 FROM changes").get
    db.executemany("INSERT OR REPLACE INTO changes VALUES (?, ?)", [(session, batch) for session in sessions])


_UNREPORTED = (Rank.GUESS, None)
_NO_MODEL = (None, None, None)


def _short(text: str) -> str:
    """`text` cut between two words: a credential cut in half would not be recognised and masked."""
    if len(text) <= TITLE_LENGTH:
        return text
    return text[: TITLE_LENGTH + 1].rpartition(" ")[0] or text[:TITLE_LENGTH]


# A subagent works where its parent does, if its record does not say it.
_OF_PARENT = """
SELECT path.value FROM session_facts AS link JOIN session_facts AS path ON path.session_id = link.value
WHERE link.session_id = ? AND link.name = 'parent_id' AND path.name = 'project_path'
"""


def _project(db: apsw.Connection, session: str, facts: _Facts) -> tuple[str | None, str | None]:
    """A session's project: its path and its name."""
    path = facts.get("project_path", _UNREPORTED)[1]
    if path is None and "parent_id" in facts:
        path = db.execute(_OF_PARENT, (session,)).get
    return (path, project_name(str(path))) if path else (path, None)


class _Totals(NamedTuple):
    """The sums over the messages of a session; names as in `ActivityBucket`."""

    messages: int
    prompt_tokens: int
    completion_tokens: int
    reasoning_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    cache_write_1h_tokens: int
    cost: float | None
    worst: int | None
    first: int | None
    last: int | None


def _totals(buckets: list[ActivityBucket]) -> _Totals:
    costs, worsts, firsts, lasts = (
        [value for one in buckets if (value := getattr(one, name)) is not None]
        for name in ("cost", "worst", "first", "last")
    )
    return _Totals(
        sum(one.messages for one in buckets),
        sum(one.prompt_tokens for one in buckets),
        sum(one.completion_tokens for one in buckets),
        sum(one.reasoning_tokens for one in buckets),
        sum(one.cache_read_tokens for one in buckets),
        sum(one.cache_write_tokens for one in buckets),
        sum(one.cache_write_1h_tokens for one in buckets),
        fsum(costs) if costs else None,
        max(worsts, default=None),
        min(firsts, default=None),
        max(lasts, default=None),
    )


def _row(
    db: apsw.Connection,
    session: str,
    facts: _Facts,
    totals: _Totals,
    counts: list[int],
    model_used: tuple[Any, ...],
    prompt: str | None,
) -> tuple[Any, ...]:
    """The values for `_UPDATE`."""

    def fact(name: str) -> Any:
        return facts.get(name, _UNREPORTED)[1]

    model, provider, agent = model_used
    # A client's own record of when the session was created counts most. Otherwise the first message does: a fork's
    # record starts with older lines of its origin. A hook's time is the last resort.
    rank, created = facts.get("created_at", _UNREPORTED)
    created = created if rank == Rank.RECORD or totals.first is None else totals.first
    title = fact("title")
    if title is None and prompt:
        title = _short(" ".join(prompt.split()))
    parent = fact("parent_id")
    if spawned_by := fact("spawned_by"):  # a subagent of a subagent: its parent is the one that made the call
        parent = db.execute("SELECT session_id FROM tools WHERE id = ?", (spawned_by,)).get or parent
    cost, cost_source = _cost(db, session, facts, totals.cost, totals.worst)
    return (
        title,
        *_project(db, session, facts),
        fact("model") or model,
        fact("provider") or provider,
        totals.prompt_tokens,
        totals.completion_tokens,
        cost,
        created,
        fact("updated_at") or totals.last,
        fact("status"),
        parent,
        fact("forked_from"),
        fact("agent") or agent,
        fact("client_version"),
        fact("git_branch"),
        fact("permission_mode"),
        totals.reasoning_tokens,
        totals.cache_read_tokens,
        totals.cache_write_tokens,
        totals.cache_write_1h_tokens,
        cost_source,
        totals.messages,
        *counts,
        fact("ended_at"),
        fact("deleted_at"),
        session,
    )


def _cost(
    db: apsw.Connection, session: str, facts: _Facts, spent: float | None, worst: int | None
) -> tuple[float | None, str | None]:
    """A session's cost and its `cost_source`. The sum over all sessions counts everything once.

    Args:
        db: the database.
        session: its id.
        facts: of the session.
        spent: the sum of its messages' costs; None if none has one.
        worst: the least certain `cost_source` of its messages: 0 `client`, 1 `prices`, 2 `unknown`; None for none.
    """
    if synced := facts.get("cost_source", _UNREPORTED)[1]:
        return facts["cost"][1], synced
    if worst == 0:
        return spent, "client"
    if (reported := facts.get("reported_cost", _UNREPORTED)[1]) and not db.execute(_CLIENT_COST, (session,)).get:
        return reported, "client"
    bill = whole_bill(db, session)
    if bill is not None:
        return bill, "client"
    # The session whose record it is in, whoever called it, pays.
    if (parent := facts.get("parent_id", _UNREPORTED)[1]) and whole_bill(db, parent) is not None:
        return None, "parent"
    if worst == 2:  # the sum of the known costs would look like the total
        return None, "unknown"
    if worst == 1:
        return spent, "prices"
    return (0.0, "client") if facts.get("billed", _UNREPORTED)[1] else (None, None)


_STATUS = "todo_status:"  # begins the facts with the last status of a to-do; its id follows


def _todos(db: apsw.Connection, session: str, facts: dict[str, str]) -> None:
    if not facts:
        return
    source, at = db.execute(
        "SELECT s.source, max(f.at) FROM sessions AS s JOIN session_facts AS f ON f.session_id = s.id "
        "WHERE s.id = ? AND f.name GLOB 'todo*'",
        (session,),
    ).get
    todos: list[Todo] = []
    for name in sorted(facts, key=lambda n: (n != "todos", len(n), n)):
        if name.startswith(_STATUS):
            continue
        for todo in msgspec.json.decode(facts[name], type=list[Todo]):
            status = facts.get(f"{_STATUS}{todo.id}", todo.status)
            if status != "deleted":
                todos.append(msgspec.structs.replace(todo, status=status))
    db.execute("DELETE FROM todos WHERE session_id = ?", (session,))
    db.executemany(
        "INSERT INTO todos VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (
            (session, i, t.id, t.content, t.status, t.priority, at if t.updated_at is UNSET else t.updated_at, source)
            for i, t in enumerate(todos)
        ),
    )
