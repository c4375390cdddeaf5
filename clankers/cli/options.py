"""Options and arguments that several commands have, and how a shell completes them."""

import contextlib
import re
from typing import Annotated

import apsw
import typer

from clankers import harnesses, paths
from clankers.errors import ClankersError
from clankers.queries.connect import open_for_reading
from clankers.queries.session_select import LAST, all_sessions

BIGGEST = 2**63 - 1  # that an option may be: SQLite counts no further

_OFFERED = 50  # ids to a shell
_PLAIN = re.compile(r"[\w-]+", re.ASCII)


def known_sources(begun: str) -> list[str]:
    """For the shell: how a source goes on that is `begun`."""
    return [name for name in harnesses.names(paths.data_root()) if name.startswith(begun)]


Sources = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        metavar="NAME",
        help=f"Of this harness: {', '.join(harnesses.BUILT_IN)}, ...; also several times.",
        autocompletion=known_sources,
    ),
]
Project = Annotated[
    str | None,
    typer.Option("--project", metavar="WHICH", help="'.' for here and below, another path, or a project's name."),
]
Model = Annotated[
    str | None, typer.Option("--model", metavar="TEXT", help="Whose model has TEXT in its name, as opus.")
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help="From then on: yesterday, 12h, 7d, 2w, 2026-11, '2026-11-01 14:00'."),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="WHEN", help="Until before then; a day, month or year is included whole."),
]


def known_ids(begun: str) -> list[str]:
    """For the shell: the sessions whose names are `begun` so, the newest first; the database is read as it stands."""
    try:
        db = open_for_reading(paths.database_path())
    except (ClankersError, apsw.Error):
        return []
    with contextlib.closing(db):
        ids = [str(id) for id in reversed(all_sessions(db)) if str(id).startswith(begun)]
    # A shell evaluates what it is told, some of them.
    return [LAST] * LAST.startswith(begun) + [id for id in ids if _PLAIN.fullmatch(id)][:_OFFERED]
