"""What the server may show: the sessions of a project, or all; and the filters of its tools within that."""

import os
from dataclasses import replace
from typing import Annotated, NamedTuple

from msgspec import Meta, Struct

from clankers.errors import UsageError
from clankers.mcp.paging import ToolError
from clankers.queries.filters import Filters, filters

_TIMES = "2026-11-20, 7d (ago), yesterday, or RFC 3339"


class FilterInput(Struct, kw_only=True, forbid_unknown_fields=True):
    """The filters that tools have in common, with the meaning that they have in every command."""

    source: Annotated[
        list[str] | None, Meta(description="Only these agents, such as claude-code, codex or opencode.")
    ] = None
    project: Annotated[
        str | None, Meta(description="Only this project: a path (with what is below it) or a project's name.")
    ] = None
    model: Annotated[str | None, Meta(description="Only models with this text in their name, such as opus.")] = None
    since: Annotated[str | None, Meta(description=f"From then on: {_TIMES}.")] = None
    until: Annotated[str | None, Meta(description="Up to then, in the same forms; a day is included.")] = None


class Scope(NamedTuple):
    """What the server may show.

    Attributes:
        project: the directory with whose sessions (and those below) it deals; None: with all.
    """

    project: str | None

    def __str__(self) -> str:
        return "all projects" if self.project is None else f"the project in {self.project}"

    @property
    def sessions(self) -> Filters:
        """All sessions that it may show."""
        return Filters() if self.project is None else filters(project=os.path.join(self.project, ""))

    def filters(self, asked: FilterInput, without: tuple[str, ...] = ()) -> Filters:
        """What `asked` selects of them, but not the sessions of `without`.

        Raises:
            ToolError: a filter is wrong, or the project is another one.
        """
        try:
            chosen = filters(asked.source, asked.project, asked.model, asked.since, asked.until)
        except UsageError as e:
            raise ToolError(str(e).replace("--", "")) from e
        within = self.sessions.places
        if within and not all(_is_below(place, within) for place in chosen.places):
            raise ToolError(f"{asked.project} is not in the scope of this server, which is {self}")
        return replace(chosen, places=chosen.places or within, without=without)


def _is_below(path: str, places: tuple[str, ...]) -> bool:
    return any(path == place or path.startswith(os.path.join(place, "")) for place in places)
