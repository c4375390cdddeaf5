"""Options and arguments that several commands have, and how a shell completes them."""

import contextlib
import re
from typing import Annotated

import apsw
import typer

from clankers import harnesses, paths
from clankers.errors import ClankersError
from clankers.formatting import clean
from clankers.queries.connect import open_for_reading
from clankers.queries.dialect import Database
from clankers.queries.filters import Filters, sources_instead
from clankers.queries.session_select import LAST, all_sessions

TIMES = "Such as 7d, yesterday, 2026-11-01; see `clankers docs times`."  # for the help of each option of a time
_FILTERS = "Filters"  # their group in the help

MOST = 1_000_000_000  # things that a person may ask for; SQLite takes no number beyond 64 bits

_OFFERED = 50  # ids to a shell
_PLAIN = re.compile(r"[\w-]+", re.ASCII)


def known_sources(begun: str) -> list[str]:
    """For the shell: the sources that begin with `begun`."""
    return [name for name in harnesses.names(paths.data_root()) if name.startswith(begun)]


Sources = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        metavar="NAME",
        help="Only this harness, such as codex; repeatable.",
        autocompletion=known_sources,
        rich_help_panel=_FILTERS,
    ),
]
Project = Annotated[
    str | None,
    typer.Option(
        "--project",
        metavar="WHICH",
        help="Only this project: a name, a path, or . for here and below.",
        rich_help_panel=_FILTERS,
    ),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model", metavar="TEXT", help="Only models with TEXT in their name, such as opus.", rich_help_panel=_FILTERS
    ),
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help=f"From WHEN on. {TIMES}", rich_help_panel=_FILTERS),
]
Until = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="WHEN",
        help="Up to WHEN; the day, month or year that it names is included.",
        rich_help_panel=_FILTERS,
    ),
]


def no_such_source(db: Database, chosen: Filters) -> str:
    """A sentence that no session is from the chosen sources, and which sources there are; empty if one is."""
    recorded = sources_instead(db, chosen)
    if not recorded:
        return ""
    return f"No sessions from {clean(' or '.join(chosen.sources))}. Recorded sources: {clean(', '.join(recorded))}."


def known_ids(begun: str) -> list[str]:
    """For the shell: the sessions whose ids begin with `begun`, the newest first, as of the last update."""
    try:
        db = open_for_reading(paths.database_path())
    except (ClankersError, apsw.Error):
        return []
    with contextlib.closing(db):
        ids = [str(id) for id in reversed(all_sessions(db)) if str(id).startswith(begun)]
    # A shell evaluates the words it is given: some shells even what stands in quotes.
    return [LAST] * LAST.startswith(begun) + [id for id in ids if _PLAIN.fullmatch(id)][:_OFFERED]
