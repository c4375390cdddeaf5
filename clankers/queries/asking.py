"""The session that asks for the history, where its client names it: what it says itself is no history."""

import os
from collections.abc import Mapping
from functools import cache
from typing import NamedTuple

from clankers import harnesses, paths
from clankers.queries.dialect import Database
from clankers.queries.prompts import started_by_person

_BELOW = """
WITH RECURSIVE below (id) AS (
  SELECT id FROM sessions WHERE id = :id UNION SELECT s.id FROM below AS b JOIN sessions AS s ON s.parent_id = b.id
) SELECT id FROM below
"""


class _Names(NamedTuple):
    """Where clients name the session, or the call: members of `_meta`, and environment variables."""

    sessions: list[str]
    calls: list[str]
    variables: list[str]


def asking_sessions(db: Database, meta: Mapping[str, object]) -> tuple[str, ...]:
    """The session from which a tool is called over MCP, the one that started it, and all subagents of that.

    Empty where the client names none, or it is not recorded.

    Args:
        db: the database.
        meta: the member `_meta` of the call.
    """
    names = _names()
    found = [meta.get(key) for key in names.sessions]
    for call in (meta.get(key) for key in names.calls):
        if isinstance(call, str):
            found += [id for (id,) in db.execute("SELECT session_id FROM tools WHERE id = :id", {"id": call})]
    # A variable keeps the name of the session in which the client started us: what comes with the call is newer.
    found += [os.environ.get(name) for name in names.variables]
    asking = next((id for id in found if isinstance(id, str) and id), None)
    if asking is None:
        return ()
    return tuple(id for (id,) in db.execute(_BELOW, {"id": started_by_person(db, asking)}))


@cache
def _names() -> _Names:
    root = paths.data_root()
    known = [harnesses.load(name, root) for name in harnesses.names(root)]
    return _Names(
        [one.mcp_session_key for one in known if one.mcp_session_key],
        [one.mcp_call_key for one in known if one.mcp_call_key],
        [one.session_variable for one in known if one.session_variable],
    )
