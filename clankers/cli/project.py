"""`clankers project`: the log's new lines into the database."""

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
from clankers.errors import ClankersError, UsageError
from clankers.formatting import progress_bar
from clankers.queries.connect import bring_up_to_date, log_bytes, open_for_reading, sweep
from clankers.queries.first_backfill import start_first_backfill
from clankers.system.locks import WATCHER
from projector.replay.follow import follow
from projector.replay.rebuild import build, rebuild
from projector.replay.replay import Replayed
from projector.store.lock import PATIENCE, ProjectorLock


def command(
    rebuild: Annotated[bool, typer.Option("--rebuild", help="Make the database anew from the whole log.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Stay, and follow the log until stopped.")] = False,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="The state as of TIME; needs --db.")] = None,
    db: Annotated[Path | None, typer.Option(metavar="PATH", help="Where --until writes its database.")] = None,
) -> None:
    """Replay what is new in the log into the database, and print the totals."""
    if (until is None) != (db is None):
        raise UsageError("--until TIME and --db PATH go together: the state as of then, in a database of its own")
    if sum((rebuild, watch, until is not None)) > 1:
        raise UsageError("--rebuild, --watch and --until are three different things; take one")
    if until is not None and db is not None:
        _until(until, db)
    elif watch:
        _watch()
    elif rebuild:
        _rebuild()
    else:
        begun = time.monotonic()
        _report(paths.database_path(), bring_up_to_date("project", patience=PATIENCE), begun)
        start_first_backfill()


def _rebuild() -> None:
    begun = time.monotonic()
    root, path = paths.data_root(), paths.database_path()
    with ProjectorLock(path, "project --rebuild", patience=PATIENCE):
        sweep()
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
    moment = _moment(until)
    root = paths.data_root()
    with progress_bar("Replaying the log", log_bytes(root)) as step:
        _report(path, build(path, root, until=moment, progress=step), begun)


def _moment(text: str) -> int:
    """`text` as epoch milliseconds: RFC 3339 or a part of it; without a zone it is local time."""
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        raise UsageError(f"--until {text!r} is not a time; write it as 2026-11-20T23:45:00Z or 2026-11-20") from None


def _watch() -> None:
    root, path = paths.data_root(), paths.database_path()
    begun = time.monotonic()
    with ProjectorLock(path, WATCHER, patience=PATIENCE):
        anyio.run(partial(follow, path, root, sweep=sweep, told=lambda done: _report_if_there(path, done, begun)))


def _report_if_there(path: str, done: Replayed, begun: float) -> None:
    """`_report`, unless somebody deleted the database meanwhile: the watcher makes it again."""
    with contextlib.suppress(ClankersError, apsw.Error):
        _report(path, done, begun)


def _report(path: str, done: Replayed, begun: float) -> None:
    """The one line of totals."""
    reader = open_for_reading(path)
    try:
        counts = [reader.execute(f"SELECT count(*) FROM {t}").get for t in ("sessions", "messages", "tools")]
        errors = reader.execute("SELECT count(*) FROM session_errors WHERE NOT will_retry").get
    finally:
        reader.close()
    notes = "".join(
        f", {n:,} {what}"
        for n, what in (
            (done.unknown, "of unknown type"),
            (done.rejected, "rejected"),
            (done.ignored, "values ignored"),
        )
        if n
    )
    typer.echo(
        f"{counts[0]:,} sessions, {counts[1]:,} messages, {counts[2]:,} tools, {errors:,} errors; "
        f"{done.events:,} new events{notes} in {time.monotonic() - begun:.2f} s"
    )
