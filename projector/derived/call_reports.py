"""Rows for tool calls that only hooks have reported, where hooks have no id of a call that is unique.

A call that was killed is in no record of the client. So reports and recorded calls are counted, by the client's own id
of the call or else by tool and input: of n reported and k recorded calls that are equal, n-k have a row of their own,
those without an end first.
"""

from collections import defaultdict
from typing import Any

import apsw
import msgspec

from projector.model.changes import ToolSeen
from projector.model.merge import MERGE
from projector.model.naming import HOOK_PREFIX, call_key


def refresh_call_reports(db: apsw.Connection, sessions: list[str]) -> set[str]:
    """Decide for the calls that hooks reported in `sessions`, or in the parents of these, whether they have a row.

    Returns:
        The sessions whose calls changed, besides `sessions`.
    """
    concerned: set[str] = set()
    for session in sorted(_reporting(db, sessions)):
        concerned |= _refresh(db, session)
    return concerned


def _reporting(db: apsw.Connection, sessions: list[str]) -> set[str]:
    """Those of `sessions` and of their ancestors that have reports: a subagent's hooks name its parent."""
    found = set()
    for session in sessions:
        family = f"{_ANCESTORS} SELECT id FROM family WHERE id IN (SELECT session_id FROM call_reports)"
        found |= {id for (id,) in db.execute(family, (session,))}
    return found


_ANCESTORS = """
WITH RECURSIVE family (id) AS (
  SELECT ?1 UNION SELECT f.value FROM family JOIN session_facts AS f ON f.session_id = id AND f.name = 'parent_id'
)
"""
_DESCENDANTS = f"""
WITH RECURSIVE family (id) AS (
  SELECT ?1 UNION SELECT f.session_id FROM family JOIN session_facts AS f ON f.value = id AND f.name = 'parent_id'
    AND f.name IN ('parent_id', 'forked_from', 'spawned_by')
)
SELECT t.id, t.session_id, t.tool_name, t.tool_input, t.duration_ms, t.call_id
FROM family JOIN tools AS t ON t.session_id = family.id
WHERE t.id NOT GLOB '{HOOK_PREFIX}*' ORDER BY t.created_at, t.id
"""


def _refresh(db: apsw.Connection, session: str) -> set[str]:
    recorded: dict[str, list[tuple[str, str, int | None]]] = defaultdict(list)
    for id, owner, name, input, took, call in db.execute(_DESCENDANTS, (session,)):
        for key in (call_key(name, input), *([call] if call else [])):
            recorded[key].append((id, owner, took))
    shown: dict[str, ToolSeen] = {}
    concerned: set[str] = set()
    for key, calls in _reported(db, session).items():
        known = recorded[key]
        for (id, owner, took), call in zip(known, calls, strict=False):
            if call.duration_ms != took:
                db.execute("UPDATE tools SET duration_ms = ? WHERE id = ?", (call.duration_ms, id))
                concerned.add(owner)
        for n, call in enumerate(calls[len(known) :], len(known)):
            # Whichever of its reports came: the row stays the same.
            call.id = f"{HOOK_PREFIX}call:{session}:{key}:{n}"
            shown[call.id] = call
    there: set[str] = {id for (id,) in db.execute(_SHOWN, (session,))}
    db.executemany("DELETE FROM tools WHERE id = ?", [(id,) for id in there - shown.keys()])
    db.executemany(_SHOW, map(msgspec.structs.astuple, shown.values()))
    return concerned | ({session} if there != shown.keys() else set())


_SHOWN = f"SELECT id FROM tools WHERE session_id = ? AND id GLOB '{HOOK_PREFIX}*'"
_COLUMNS = ToolSeen.__struct_fields__
_SHOW = f"INSERT OR REPLACE INTO tools ({', '.join(_COLUMNS)}) VALUES ({', '.join('?' * len(_COLUMNS))})"
_REPORTS = 'SELECT match_key, "call" FROM call_reports WHERE session_id = ? ORDER BY at, ended, id'


def _reported(db: apsw.Connection, session: str) -> dict[str, list[ToolSeen]]:
    """The calls that hooks reported, by key: those that ended first, then by time."""
    rows: list[Any] = db.execute(_REPORTS, (session,)).fetchall()
    begun: dict[str, list[ToolSeen]] = defaultdict(list)
    found: dict[str, list[ToolSeen]] = defaultdict(list)
    for key, json in rows:
        call = msgspec.json.decode(json, type=ToolSeen)
        if call.completed_at is None:
            begun[key].append(call)
            continue
        if begun[key]:
            same = next((n for n, one in enumerate(begun[key]) if one.tool_input == call.tool_input), 0)
            end, call = call, begun[key].pop(same)
            MERGE[ToolSeen](call, end)
            if call.completed_at is not None and call.created_at is not None:
                call.duration_ms = call.completed_at - call.created_at
        found[key].append(call)
    for key, calls in begun.items():
        found[key] += calls
    return found
