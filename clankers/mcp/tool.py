"""A tool: what it takes, what it answers, and what it works with."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

import apsw
from msgspec import Struct

from clankers.errors import UsageError
from clankers.mcp.paging import ToolError
from clankers.mcp.recorded import NOTICE, Recorded
from clankers.mcp.scope import FilterInput, Scope
from clankers.queries.asking import asking_sessions
from clankers.queries.filters import Filters
from clankers.queries.session_select import SessionRef, all_sessions, named
from clankers.queries.sessions import ListedSession


class Answer(Struct, kw_only=True):
    """What every tool answers.

    Attributes:
        notice: that what follows is data.
        notes: what the person who runs the server should know, such as that the database cannot be brought up to date.
        next_cursor: with it, the same call goes on where this answer ends; null: this is all.
    """

    notice: str = NOTICE
    notes: list[str] = []
    next_cursor: str | None = None


@dataclass(kw_only=True)
class Lookup:
    """What a call of a tool works with.

    Attributes:
        db: the database, up to date.
        path: its file.
        scope: what may be shown.
        meta: what the client says beside the arguments.
        recorded: makes texts safe.
        notes: for the answer.
    """

    db: apsw.Connection
    path: str
    scope: Scope
    meta: dict[str, Any]
    recorded: Recorded = field(default_factory=Recorded)
    notes: list[str] = field(default_factory=list)

    @cached_property
    def asking(self) -> tuple[str, ...]:
        """The sessions that are left out, because they ask."""
        return asking_sessions(self.db, self.meta)

    def filters(self, asked: FilterInput) -> Filters:
        """What `asked` selects, within the scope and without the session that asks."""
        return self.scope.filters(asked, self.asking)

    @cached_property
    def in_scope(self) -> dict[str, SessionRef]:
        """The sessions of the scope by id. Of a session and its subagents, only some may be among them."""
        return all_sessions(self.db, self.scope.sessions)

    def outermost(self, listed: Iterable[ListedSession]) -> list[ListedSession]:
        """Of `listed`, each followed by its subagents, the sessions of the scope that are not within another of it."""
        found: list[ListedSession] = []
        inside: int | None = None  # the depth of the last one found, whose subagents may follow
        for one in listed:
            if inside is not None and one.depth > inside:
                continue
            inside = one.depth if one.id in self.in_scope else None
            if inside is not None:
                found.append(one)
        return found

    def session(self, name: str) -> str:
        """The id of the session `name`: an id, the beginning of one, or `last`, which is never the one that asks.

        Raises:
            ToolError: it is nobody's in the scope, or more than one's.
        """
        known = self.in_scope
        if name not in known:
            known = {id: one for id, one in known.items() if id not in self.asking}
        try:
            return named(known, [name])[0].id
        except UsageError as e:
            problem = str(e).partition(";")[0]
            raise ToolError(f"{problem}; list_sessions lists those of the scope, which is {self.scope}") from e


class Tool(NamedTuple):
    """A tool.

    Attributes:
        title: for a person.
        description: for the model: what it finds, and when to use it.
        takes: its arguments.
        gives: its answer.
        run: answers a call.
    """

    name: str
    title: str
    description: str
    takes: type[Struct]
    gives: type[Answer]
    run: Callable[[Lookup, Any], Answer]
