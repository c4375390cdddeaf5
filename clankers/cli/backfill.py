"""`clankers backfill`: what the harnesses' own stores hold, into the log."""

import time
from collections.abc import Iterator
from itertools import chain
from typing import Annotated

import typer

from clankers import paths
from clankers.cli.database import bring_up_to_date
from clankers.cli.output import counting_bar, say
from clankers.errors import BusyError, UsageError
from clankers.harnesses import NAMES, load
from clankers.ingest.backfill import DAYS, Past, backfill
from clankers.log.writer import Log
from clankers.queries.first_backfill import lock_path
from clankers.system import detached
from clankers.system.locks import NamedLock
from projector.store.lock import PATIENCE
from projector.store.meta import BACKFILL, PROBLEMS, set_meta

_MAX_PROBLEMS = 100  # that are noted for `doctor`
_TAKEN = "another backfill is under way"


def command(
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="SOURCE...", help=f"Of {', '.join(NAMES)}; else all.", show_default=False),
    ] = None,
    days: Annotated[int, typer.Option(help="Sessions created in the last so many days.", min=0)] = DAYS,
    everything: Annotated[bool, typer.Option("--all", help="All sessions, however old.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Read everything from its beginning, as if nothing had been read.")
    ] = False,
) -> None:
    """Take in the sessions that the harnesses' own stores hold. Twice adds nothing; stopped, it can be run again."""
    for name in sources or ():
        if name not in NAMES:
            raise UsageError(f"{name!r} is no harness with a store; there are {', '.join(NAMES)}")
    root = paths.data_root()
    begun = time.monotonic()
    detached.be_nice()
    chosen = [load(name) for name in NAMES if not sources or name in sources]
    with (
        NamedLock(lock_path(), "backfill", _TAKEN, patience=1),
        Log(root) as log,
        counting_bar("Sessions", sum(harness.count() for harness in chosen)) as step,
    ):
        past: Iterator[Past] = chain.from_iterable(harness.past(root, afresh=force) for harness in chosen)
        done = backfill(log, past, None if everything else days, progress=step)
    for problem in done.problems:
        say(f"not taken in: {problem}")
    older = f"; {done.older:,} sessions older than {days} days left out (--all takes them in)" if done.older else ""
    typer.echo(f"{done.records:,} new records of {done.sessions:,} sessions in {time.monotonic() - begun:.2f} s{older}")
    try:
        bring_up_to_date("backfill", patience=PATIENCE)
    except BusyError:
        pass  # a watcher, which sees the log grow
    if len(chosen) == len(NAMES) and (everything or days >= DAYS):
        database = paths.database_path()
        set_meta(database, PROBLEMS, "\n".join(done.problems[:_MAX_PROBLEMS]))
        if not done.busy:  # else the next command tries again
            set_meta(database, BACKFILL, str(time.time_ns() // 10**6))
