"""`clankers project`: replays the log into the database."""

import contextlib
import os
import time
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import anyio
import apsw
import typer

from clankers import paths
from clankers.cli.database import bring_up_to_date
from clankers.cli.options import TIMES
from clankers.cli.output import progress_bar, say
from clankers.cli.spending import note_spending
from clankers.errors import ClankersError, UsageError
from clankers.queries.changes import last_batch
from clankers.queries.connect import log_bytes, open_for_reading, sweep
from clankers.queries.dates import span
from clankers.queries.first_backfill import start_first_backfill
from clankers.queries.health import totals
from clankers.system.locks import WATCHER
from projector.replay.follow import follow
from projector.replay.rebuild import build, rebuild
from projector.replay.replay import Replayed
from projector.store.lock import PATIENCE, ProjectorLock


def command(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Build a new database from the complete log.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Keep running, and follow the log.")] = False,
    until: Annotated[
        str | None, typer.Option(metavar="WHEN", help=f"Replay the log up to WHEN; needs --db. {TIMES}")
    ] = None,
    db: Annotated[Path | None, typer.Option(metavar="PATH", help="Write the database of --until here.")] = None,
) -> None:
    """Update the database from the log.

    Reading commands do this by themselves. With --rebuild a new database is
    built from the complete log, checked, and swapped in when it is ready.

    Examples:
        clankers project --rebuild
        clankers project --watch
        clankers project --until 2026-11-01 --db november.db
    """
    if (until is None) != (db is None):
        raise UsageError("--until WHEN and --db PATH go together: the state as of then, in a database of its own")
    if sum((rebuild, watch, until is not None)) > 1:
        raise UsageError("--rebuild, --watch and --until exclude each other; use one")
    if until is not None and db is not None:
        _until(until, db)
    elif watch:
        _watch()
    elif rebuild:
        _rebuild()
    else:
        begun = time.monotonic()
        _report(paths.database_path(), bring_up_to_date("project", patience=PATIENCE), begun)
        start_first_backfill(say)


def _rebuild() -> None:
    begun = time.monotonic()
    root, path = paths.data_root(), paths.database_path()
    with ProjectorLock(path, "project --rebuild", patience=PATIENCE):
        sweep(say)
        with progress_bar("Rebuilding", log_bytes(root)) as step:
            done = rebuild(path, root, progress=step)
    _report(path, done, begun)


def _until(until: str, db: Path) -> None:
    begun = time.monotonic()
    path = str(db)
    if os.path.realpath(path) == os.path.realpath(paths.database_path()):
        raise UsageError(f"{path} is the live database; give --db another file")
    if db.exists():
        raise UsageError(f"{path} exists already; give --db a new file, or remove it")
    moment = _last_moment(until)
    root = paths.data_root()
    with progress_bar("Replaying the log", log_bytes(root)) as step:
        _report(path, build(path, root, until=moment, progress=step), begun)


def _last_moment(text: str) -> int:
    """The last epoch millisecond that `--until` includes: of a day, month or year its end."""
    begin, end = span(text, "--until", datetime.now())  # noqa: DTZ005 - local time is what people write
    return max(begin, end - 1)


def _watch() -> None:
    root, path = paths.data_root(), paths.database_path()
    begun = time.monotonic()
    with ProjectorLock(path, WATCHER, patience=PATIENCE):
        report = partial(_report_if_there, path, begun)
        anyio.run(partial(follow, path, root, sweep=Sweep(path), report=report))


class Sweep:
    """What a watcher does every few seconds besides: import what clients wrote, and note what is spent if that changed.

    Args:
        path: of the database.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self._seen: int | None = None

    def __call__(self) -> None:
        """Do it."""
        sweep(say)
        with contextlib.suppress(ClankersError, apsw.Error), contextlib.closing(open_for_reading(self._path)) as db:
            now = last_batch(db)
            if now != self._seen:
                self._seen = now
                note_spending(db)


def _report_if_there(path: str, begun: float, done: Replayed) -> None:
    """`_report`, unless the database was deleted meanwhile: the watcher builds it again."""
    with contextlib.suppress(ClankersError, apsw.Error):
        _report(path, done, begun)


def _report(path: str, done: Replayed, begun: float) -> None:
    """The one line of totals."""
    with contextlib.closing(open_for_reading(path)) as db:
        count = totals(db)
    notes = "".join(
        f", {n:,} {what}" for n, what in ((done.unknown, "of unknown type"), (done.rejected, "rejected")) if n
    )
    typer.echo(
        f"{count.sessions:,} sessions, {count.messages:,} messages, {count.tools:,} tools, {count.errors:,} errors; "
        f"{done.events:,} new events{notes} in {time.monotonic() - begun:.2f} s"
    )
