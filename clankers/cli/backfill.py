"""`clankers backfill`: imports the sessions in the harnesses' own stores."""

import sys
import time
from collections.abc import Iterator
from typing import Annotated

import typer

from clankers import harnesses, paths
from clankers.cli.database import replay
from clankers.cli.output import counting_bar, say
from clankers.errors import EX_BUSY, EX_IO, BusyError
from clankers.harnesses.base import Harness, unreadable
from clankers.ingest.backfill import DAYS, backfill
from clankers.ingest.source import Source
from clankers.log.writer import Log
from clankers.queries.first_backfill import lock_path
from clankers.system.extensions import ExtensionError
from clankers.system.locks import NamedLock
from projector.store.lock import PATIENCE
from projector.store.meta import BACKFILL, PROBLEMS, set_meta

_MAX_PROBLEMS = 100  # that are noted for `doctor`
_TAKEN = "another backfill is under way"


def command(
    sources: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SOURCE...",
            help="The harnesses to import from. Default: all.",
            show_default=False,
        ),
    ] = None,
    days: Annotated[
        int, typer.Option(help="Import sessions created in the last DAYS days.", metavar="DAYS", min=0, max=36_500)
    ] = DAYS,
    everything: Annotated[bool, typer.Option("--all", help="Import all sessions, however old.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Read all files from their beginning.")] = False,
) -> None:
    """Import earlier sessions from the harnesses' own files.

    Safe to repeat or interrupt. Exit code 74: something could not be read;
    75: it may be readable later.

    Examples:
        clankers backfill
        clankers backfill claude-code --all
    """
    root = paths.data_root()
    known = harnesses.names(root)
    chosen, broken = [], []
    for name in dict.fromkeys(sources or known):
        try:
            chosen.append(harnesses.load(name, root))
        except ExtensionError as e:
            broken.append(str(e))
    begun = time.monotonic()
    with (
        NamedLock(lock_path(), "backfill", _TAKEN, patience=1),
        Log(root, note=say) as log,
        counting_bar("Sessions", sum(map(_count, chosen)) if sys.stderr.isatty() else None) as step,
    ):
        done = backfill(log, _sources(chosen, broken), None if everything else days, again=force, progress=step)
    done.problems += broken
    done.problems += [f"{path} cannot be read" for harness in chosen for path in _unreadable(harness)]
    for problem in done.problems:
        say(f"not imported: {problem}")
    older = f"; {done.older:,} sessions older than {days} days left out (--all imports them)" if done.older else ""
    typer.echo(f"{done.records:,} new records of {done.sessions:,} sessions in {time.monotonic() - begun:.2f} s{older}")
    try:
        replay("backfill", patience=PATIENCE)
    except BusyError:
        pass  # a watcher, which sees the log grow
    if len(chosen) + len(broken) == len(known) and (everything or days >= DAYS):
        database = paths.database_path()
        set_meta(database, PROBLEMS, "\n".join(done.problems[:_MAX_PROBLEMS]))
        if not done.busy:  # else the next command tries again
            set_meta(database, BACKFILL, str(time.time_ns() // 10**6))
    if done.problems:
        raise typer.Exit(EX_BUSY if done.busy else EX_IO)


# An extension is other people's code: whatever it raises costs only its own sessions.


def _sources(chosen: list[Harness], broken: list[str]) -> Iterator[Source]:
    """The sessions of the `chosen` harnesses; those that fail to list theirs are added to `broken`."""
    for harness in chosen:
        try:
            yield from harness.sources()
        except Exception as e:  # noqa: BLE001 (see above)
            broken.append(f"the sessions of {harness.name} cannot be listed: {type(e).__name__}: {e}")


def _count(harness: Harness) -> int:
    try:
        return harness.count()
    except Exception:  # noqa: BLE001 (it is only the length of the bar; listing the sessions says what is wrong)
        return 0


def _unreadable(harness: Harness) -> list[str]:
    try:
        return unreadable(harness)
    except Exception as e:  # noqa: BLE001 (see above)
        return [f"the store of {harness.name} ({type(e).__name__}: {e})"]
