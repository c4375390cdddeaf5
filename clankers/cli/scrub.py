"""`clankers scrub`: credentials out of the log and the database."""

import os
import time
from collections import Counter
from typing import TYPE_CHECKING, Annotated

import apsw
import typer

from clankers import patch, paths
from clankers.cli.current import log_bytes
from clankers.cli.output import print_json, progress_bar
from clankers.errors import BusyError
from projector.database import BUSY_MS
from projector.lock import PATIENCE, ProjectorLock
from projector.rebuild import rebuild

if TYPE_CHECKING:
    from clankers.scrub import Found

_SECONDS = 30.0  # to wait for readers who keep an old state of the database


def command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be masked, and where.")] = False,
    json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Find credentials in the log, and put masks in their places, there and in the database.

    What is found is told by kind, never itself. Exit code 75, and nothing changed, while a watcher is at work.
    """
    from clankers import scrub  # brings detect-secrets and requests, which no other command is to wait for

    root, path = paths.data_root(), paths.database_path()
    if dry_run:
        with progress_bar("Looking", log_bytes(root)) as step:
            places = [one for name in scrub.files(root) for one in scrub.look(root, name, step)]
    elif os.path.isdir(root):
        places = _scrub(root, path)
    else:
        places = []
    counts: Counter[str] = Counter()
    for one in places:
        counts[one.kind] += one.times
    if json:
        print_json(
            {"dry_run": dry_run, "counts": dict(sorted(counts.items())), "places": [p._asdict() for p in places]}
        )
        return
    if dry_run:
        for one in places:
            typer.echo(f"{one.file}:{one.line}: {one.kind}{f' ({one.times:,})' if one.times > 1 else ''}")
    for kind, count in sorted(counts.items()):
        typer.echo(f"{kind}: {count:,}")
    typer.echo(f"{sum(counts.values()):,} credentials {'would be ' if dry_run else ''}masked")


def _scrub(root: str, path: str) -> "list[Found]":
    from clankers import scrub

    with ProjectorLock(path, "scrub", patience=PATIENCE):
        patch.finish(root)
        killed = scrub.unfinished(root)
        scrub.begin(root)
        with progress_bar("Scrubbing", log_bytes(root)) as step:
            places = [one for name in scrub.files(root) for one in scrub.scrub(root, name, step)]
        if (places or killed) and os.path.exists(path):
            with progress_bar("Rebuilding", log_bytes(root)) as step:
                rebuild(path, root, progress=step)
            _empty_wal(path)
        scrub.end(root)
    return places


def _empty_wal(path: str) -> None:
    """Move what is in the WAL into the database and cut it: its old frames hold what the rows were.

    Raises:
        BusyError: a reader keeps an old state.
    """
    deadline = time.monotonic() + _SECONDS
    db = apsw.Connection(path)
    try:
        db.set_busy_timeout(BUSY_MS)
        db.pragma("schema_version")  # until something was read, SQLite does not know of the WAL, and cuts nothing
        while True:
            try:
                db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            except (apsw.BusyError, apsw.LockedError):
                if time.monotonic() > deadline:
                    raise BusyError(
                        f"the log is scrubbed, but a program that reads {path} keeps what it was; close it, "
                        "and scrub again"
                    ) from None
                time.sleep(0.05)
            else:
                return
    finally:
        db.close()
