"""Selects sessions as a person names them: by id, by the start of an id, by time, by project."""

import os
from pathlib import Path
from typing import NamedTuple

from clankers.errors import UsageError
from clankers.queries.dialect import Database, greatest
from clankers.queries.filters import Filters

LAST = "last"  # stands for the last active session
_SHOWN = 5  # ids of an ambiguous prefix


class SessionRef(NamedTuple):
    """By what a person knows a session; `updated` is its last activity, in epoch milliseconds."""

    id: str
    parent: str | None
    title: str | None
    project: str | None
    updated: int | None


def named(known: dict[str, SessionRef], names: list[str]) -> list[SessionRef]:
    """The sessions that `names` stand for: ids, beginnings of ids, or `last`.

    Raises:
        UsageError: a name is nobody's, or more than one's.
    """
    found = []
    for name in names:
        if name == LAST and name not in known:
            found.append(_last(known))
            continue
        ids = [name] if name in known else [id for id in known if name and id.startswith(name)]
        if not ids:
            raise UsageError(f"there is no session {name!r}; `clankers sessions` lists them, with --tree subagents too")
        if len(ids) > 1:
            shown = ", ".join(ids[:_SHOWN]) + (", ..." if len(ids) > _SHOWN else "")
            raise UsageError(f"{name!r} is the beginning of {len(ids):,} sessions: {shown}; write more of the id")
        found.append(known[ids[0]])
    return found


def _last(known: dict[str, SessionRef]) -> SessionRef:
    """The last active session; for a subagent's, the session that a person started.

    Raises:
        UsageError: there is none.
    """
    # Of several at that time, the one that began last: `known` is sorted by that.
    one = max(reversed(known.values()), key=lambda one: -1 if one.updated is None else one.updated, default=None)
    if one is None:
        raise UsageError("there is no last session: nothing is recorded, or no session matches the filters")
    seen = {one.id}
    while one.parent in known and one.parent not in seen:  # a damaged log may make a session its own grandparent
        one = known[one.parent]
        seen.add(one.id)
    return one


def in_project(known: dict[str, SessionRef], project: Path) -> list[SessionRef]:
    """The sessions that work in the directory `project` or below."""
    places = {os.path.abspath(project), os.path.realpath(project)}
    return [
        one
        for one in known.values()
        if one.project
        and any(one.project == place or one.project.startswith(os.path.join(place, "")) for place in places)
    ]


def active_before(known: dict[str, SessionRef], moment: int) -> list[SessionRef]:
    """The sessions, with their children, in all of which nothing happened since `moment` (epoch milliseconds)."""
    children = _children(known)
    found = []
    for one in known.values():
        if one.parent in known:
            continue  # goes with its parent
        family = _family(known, children, one)
        times = [member.updated for member in family if member.updated is not None]
        if times and max(times) < moment:
            found += family
    return found


def with_children(known: dict[str, SessionRef], sessions: list[SessionRef]) -> list[SessionRef]:
    """`sessions` and their children's children, each once, children behind their parents."""
    children = _children(known)
    found = {member.id: member for one in sessions for member in _family(known, children, one)}
    return list(found.values())


def _children(known: dict[str, SessionRef]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for one in known.values():
        if one.parent is not None:
            found.setdefault(one.parent, []).append(one.id)
    return found


def _family(known: dict[str, SessionRef], children: dict[str, list[str]], one: SessionRef) -> list[SessionRef]:
    found: dict[str, SessionRef] = {}
    todo = [one.id]
    while todo:
        if (id := todo.pop()) not in found:  # a damaged log may make a session its own grandparent
            found[id] = known[id]
            todo += reversed(children.get(id, []))
    return list(found.values())


def all_sessions(db: Database, chosen: Filters = Filters()) -> dict[str, SessionRef]:  # noqa: B008 (does not change)
    """The sessions in a database by id that match, the oldest first."""
    rows = db.execute(
        "SELECT id, parent_id, title, project_path, "
        + greatest("coalesce(updated_at, ended_at, created_at)", "coalesce(ended_at, updated_at, created_at)")
        + f" FROM sessions AS s WHERE {chosen.sessions()} ORDER BY created_at, id",
        chosen.values,
    )
    return {row[0]: SessionRef(*row) for row in rows}
