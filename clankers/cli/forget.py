"""`clankers forget`: removes sessions from the log and the database, for good.

In this order, so that after a kill at any point the next `clankers forget` finishes the work, whatever else it removes
(without arguments, it only finishes):

1. what the clients' transcripts hold of them by now counts as read;
2. a tombstone is appended to the log (`clankers.log.tombstones`): from here on the next run finishes this one;
3. their lines are made blank where they stand (`projector.trace.erase`);
4. the database is rebuilt, and its WAL emptied;
5. a second line says that nothing is left.

A kill before the tombstone leaves the sessions as they were: forget them again.
"""

import gzip
import os
import sys
import zlib
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from clankers import harnesses, paths
from clankers.cli.database import bring_up_to_date, open_current
from clankers.cli.options import TIMES, known_ids
from clankers.cli.output import print_table, progress_bar, say
from clankers.errors import EX_FAIL, BusyError, UsageError
from clankers.formatting import counted, local_time, session_title, short_bytes
from clankers.ingest.importer import mark_forgotten
from clankers.ingest.source import SourceError
from clankers.log import tombstones
from clankers.log.segments import COMPRESSED
from clankers.maintenance.backup_files import DAMAGED, backup_files
from clankers.queries.connect import log_bytes, open_for_reading
from clankers.queries.dates import span
from clankers.queries.first_backfill import lock_path
from clankers.queries.session_select import (
    SessionRef,
    active_before,
    all_sessions,
    in_project,
    named,
    with_children,
)
from clankers.system.locks import NamedLock
from projector.replay.rebuild import rebuild
from projector.store.lock import PATIENCE, ProjectorLock
from projector.trace.erase import OwnedLines, blank_owned, empty_wal, find_owned
from projector.trace.ownership import SessionMatcher


def command(
    sessions: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="SESSION...",
            help="Ids, their beginnings, or `last`.",
            show_default=False,
            autocompletion=known_ids,
        ),
    ] = None,
    before: Annotated[
        str | None, typer.Option(metavar="WHEN", help=f"Sessions without activity since WHEN. {TIMES}")
    ] = None,
    project: Annotated[Path | None, typer.Option(metavar="PATH", help="Sessions in PATH or below.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be removed; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove sessions for good, with their subagents.

    They are removed from the log and the database, and are not imported again.
    The clients' own files are not touched.

    Examples:
        clankers forget last
        clankers forget --before 2025 --dry-run
        clankers forget --project ~/private
    """
    ways = sum((bool(sessions), before is not None, project is not None))
    if ways > 1:
        raise UsageError("SESSION..., --before and --project exclude each other; use one")
    root, path = paths.data_root(), paths.database_path()
    pending = [stone for stone in tombstones.tombstones(root) if not stone.done]
    if not ways and not pending:
        raise UsageError("say what to forget: SESSION..., --before WHEN or --project PATH")
    if pending and not dry_run:
        with ProjectorLock(path, "forget", patience=PATIENCE):
            for stone in pending:
                _finish(root, path, stone)
        typer.echo("Finished what an interrupted run had begun to remove.")
    if not ways:
        return
    chosen = _choose(_known(path, dry_run=dry_run), sessions or [], before, project)
    if not chosen:
        typer.echo("Nothing to forget.")
        return
    theirs = SessionMatcher(root, {one.id for one in chosen})
    with progress_bar("Looking", log_bytes(root)) as step:
        found = find_owned(root, theirs, progress=step)
    _say(chosen, found)
    if dry_run:
        return
    if not yes:
        _ask()
    with (
        NamedLock(lock_path(), "forget", "a backfill, which might bring it back, is under way", patience=1),
        ProjectorLock(path, "forget", patience=PATIENCE),
    ):
        _pass_over(root, theirs.ids)
        with progress_bar("Looking", log_bytes(root)) as step:
            found = find_owned(root, theirs, progress=step)
        _finish(root, path, tombstones.put_up(root, sorted(theirs.ids), found.days))
    lines, size = sum(found.lines.values()), sum(found.size.values())
    typer.echo(f"Forgotten: {counted(len(chosen), 'session')}, {counted(lines, 'line')}, {short_bytes(size)}")
    for left in backup_files(root, path):
        if _names_one(left, theirs):
            say(f"{left} still has parts of them; remove it by hand")


def _known(path: str, *, dry_run: bool) -> dict[str, SessionRef]:
    """The sessions as of now.

    Raises:
        BusyError: another projector keeps the database; nothing could be removed.
    """
    if not dry_run:
        bring_up_to_date("forget", patience=PATIENCE)
    db = open_current() if dry_run else open_for_reading(path)
    try:
        return all_sessions(db)
    finally:
        db.close()


def _choose(
    known: dict[str, SessionRef], sessions: list[str], before: str | None, project: Path | None
) -> list[SessionRef]:
    if before is not None:
        now = datetime.now()  # noqa: DTZ005 - local time is what people write
        return active_before(known, span(before, "--before", now).begin)
    return with_children(known, named(known, sessions) if project is None else in_project(known, project))


def _say(chosen: list[SessionRef], found: OwnedLines) -> None:
    rows = [
        (
            session_title(one.title),
            one.project,
            local_time(one.updated),
            f"{found.lines[one.id]:,}",
            short_bytes(found.size[one.id]),
            one.id,
        )
        for one in chosen
    ]
    names = ("title", "project", "last active", "lines", "bytes", "session")
    print_table(names, rows, right=("lines", "bytes"))
    damaged = f" ({found.unreadable:,} of them damaged)" if found.unreadable else ""
    lines, size = sum(found.lines.values()), sum(found.size.values())
    what = f"{counted(len(chosen), 'session')}, {counted(lines, 'line')}{damaged}, {short_bytes(size)}"
    typer.echo(f"To be removed: {what}")


def _ask() -> None:
    if not sys.stdin.isatty():
        raise UsageError("nothing was removed: there is no terminal to ask on; --yes removes it")
    if not typer.confirm("Remove this for good?"):
        typer.echo("Nothing was removed.")
        raise typer.Exit(EX_FAIL)


def _pass_over(root: str, sessions: set[str]) -> None:
    """What the clients' transcripts hold of `sessions` by now counts as read: no hook brings it back.

    Raises:
        BusyError: a hook does not let go of a session.
    """
    for session in _cursors(root):
        try:
            if not mark_forgotten(root, session, sessions, harnesses.source_of(root)):
                raise BusyError(f"a hook is reading session {session}; nothing was removed, try again later")
        except (OSError, SourceError) as e:
            say(f"a transcript was not read: {e}")


def _cursors(root: str) -> list[str]:
    try:
        names = sorted(os.listdir(os.path.join(root, "cursors")))
    except FileNotFoundError:
        return []
    return [name.removesuffix(".json") for name in names if name.endswith(".json")]


def _finish(root: str, path: str, stone: tombstones.Tombstone) -> None:
    with progress_bar("Removing", log_bytes(root)) as step:
        blank_owned(root, SessionMatcher(root, set(stone.sessions)), stone.days, progress=step)
    with progress_bar("Rebuilding", log_bytes(root)) as step:
        rebuild(path, root, progress=step)
    empty_wal(path, "forget")
    tombstones.close(root, stone)


def _names_one(path: str, sessions: SessionMatcher) -> bool:
    """Whether the copy at `path` names one of `sessions`, or cannot be read to its end."""
    try:
        with gzip.open(path) if COMPRESSED + DAMAGED in path else open(path, "rb") as f:
            return any(sessions.named_in(line) for line in f)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return True
