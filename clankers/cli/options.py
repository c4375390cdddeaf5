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
from clankers.queries.dates import FORMS
from clankers.queries.dialect import Database
from clankers.queries.filters import Filters, sources_instead
from clankers.queries.session_select import LAST, all_sessions

TIMES = f"{FORMS}, or RFC 3339"  # for the help of every option that takes a time

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
        help=f"Only this harness: {', '.join(harnesses.BUILT_IN)}, ...; repeat it for several.",
        autocompletion=known_sources,
    ),
]
Project = Annotated[
    str | None,
    typer.Option("--project", metavar="WHICH", help="Only this project: '.' for here and below, a path, or a name."),
]
Model = Annotated[
    str | None, typer.Option("--model", metavar="TEXT", help="Only models with TEXT in their name, such as opus.")
]
Since = Annotated[
    str | None,
    typer.Option("--since", metavar="WHEN", help=f"From then on: {TIMES}."),
]
Until = Annotated[
    str | None,
    typer.Option("--until", metavar="WHEN", help="Up to then, in the same forms; a day, month or year is included."),
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
