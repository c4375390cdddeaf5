"""`clankers forget`: sessions taken out of the log and the database, for good.

In this order, so that a kill at any point is made good by the next `clankers forget`, whatever it is told to forget
(without anything to forget, it only finishes what was begun):

1. what the clients' transcripts hold of them by now counts as read;
2. a tombstone is appended to the log (`clankers.tombstones`): from here on the next run finishes this one;
3. their lines are made blank where they stand (`projector.forgetting`);
4. the database is made anew, and its WAL emptied;
5. a second line says that nothing is left.

A kill before the tombstone leaves the sessions as they were: forget them again.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import apsw
import typer

from clankers import paths, tombstones
from clankers.cli.choosing import Session, active_before, all_sessions, in_project, named, with_children
from clankers.cli.current import bring_up_to_date, log_bytes, open_current, open_for_reading
from clankers.cli.first_backfill import lock_path
from clankers.cli.output import clean, local_time, print_table, progress_bar, short_bytes
from clankers.errors import EX_FAIL, BusyError, UsageError
from clankers.locks import NamedLock
from clankers.transcripts import TranscriptError, pass_over
from projector.belongs import Sessions
from projector.database import BUSY_MS
from projector.forgetting import Found, blank, look
from projector.lock import PATIENCE, ProjectorLock
from projector.rebuild import rebuild


def command(
    sessions: Annotated[
        list[str] | None, typer.Argument(metavar="SESSION...", help="Ids, or how they begin.", show_default=False)
    ] = None,
    before: Annotated[
        str | None, typer.Option(metavar="DATE", help="Sessions in which nothing happened since.")
    ] = None,
    project: Annotated[Path | None, typer.Option(metavar="PATH", help="Sessions in PATH or below.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed; change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove sessions, and their subagents', from the log and the database for good.

    What the clients themselves keep is not touched.
    """
    ways = sum((bool(sessions), before is not None, project is not None))
    if ways > 1:
        raise UsageError("SESSION..., --before and --project are three ways to say what to forget; take one")
    root, path = paths.data_root(), paths.database_path()
    pending = [stone for stone in tombstones.tombstones(root) if not stone.done]
    if not ways and not pending:
        raise UsageError("say what to forget: SESSION..., --before DATE or --project PATH")
    if pending and not dry_run:
        with ProjectorLock(path, "forget", patience=PATIENCE):
            for stone in pending:
                _finish(root, path, stone)
        typer.echo("What an earlier run had begun to forget is forgotten.")
    if not ways:
        return
    chosen = _choose(_known(path, dry_run=dry_run), sessions or [], before, project)
    if not chosen:
        typer.echo("Nothing to forget.")
        return
    theirs = Sessions({one.id for one in chosen})
    with progress_bar("Looking", log_bytes(root)) as step:
        found = look(root, theirs, progress=step)
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
            found = look(root, theirs, progress=step)
        _finish(root, path, tombstones.put_up(root, sorted(theirs.ids), found.days))
    lines, size = sum(found.lines.values()), sum(found.size.values())
    typer.echo(f"Forgotten: {_count(chosen)}, {lines:,} lines, {short_bytes(size)}")
    for left in _copies(root, path, theirs):
        print(f"clankers: {clean(left)} still holds something of them; remove it by hand", file=sys.stderr)


def _known(path: str, *, dry_run: bool) -> dict[str, Session]:
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


def _choose(known: dict[str, Session], sessions: list[str], before: str | None, project: Path | None) -> list[Session]:
    if before is not None:
        return active_before(known, before)
    return with_children(known, named(known, sessions) if project is None else in_project(known, project))


def _say(chosen: list[Session], found: Found) -> None:
    rows = [
        (
            one.title,
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
    unreadable = f"; {found.unreadable:,} of the lines cannot be read, and name them" if found.unreadable else ""
    lines, size = sum(found.lines.values()), sum(found.size.values())
    typer.echo(f"To be removed: {_count(chosen)}, {lines:,} lines, {short_bytes(size)}{unreadable}")


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
            if not pass_over(root, session, sessions):
                raise BusyError(f"a hook is taking in session {session}; nothing was removed, try again later")
        except (OSError, TranscriptError) as e:
            print(f"clankers: a transcript was not read: {clean(str(e))}", file=sys.stderr)


def _cursors(root: str) -> list[str]:
    try:
        names = sorted(os.listdir(os.path.join(root, "cursors")))
    except FileNotFoundError:
        return []
    return [name.removesuffix(".json") for name in names if name.endswith(".json")]


def _finish(root: str, path: str, stone: tombstones.Tombstone) -> None:
    with progress_bar("Removing", log_bytes(root)) as step:
        blank(root, Sessions(set(stone.sessions)), stone.days, progress=step)
    with progress_bar("Rebuilding", log_bytes(root)) as step:
        rebuild(path, root, progress=step)
    _empty_wal(path)
    tombstones.close(root, stone)


def _empty_wal(path: str) -> None:
    """Bring what the WAL holds into the database, and cut it: its old frames hold rows that are gone.

    Raises:
        BusyError: somebody reads what was there before.
    """
    db = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
    try:
        db.set_busy_timeout(BUSY_MS)
        db.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        db.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # opens the WAL; else there is none to empty
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    except apsw.BusyError as e:
        raise BusyError(
            f"another program reads {path}, whose WAL still holds what was removed; "
            "close it, then run `clankers forget` again"
        ) from e
    finally:
        db.close()


def _copies(root: str, path: str, sessions: Sessions) -> Iterator[str]:
    """Files beside the log and the database that were kept of them, and name one of `sessions`."""
    beside = os.path.basename(path)
    for folder in sorted({os.path.abspath(root), os.path.dirname(os.path.abspath(path))}):
        for name in sorted(os.listdir(folder)):
            kept = name.startswith("clankers-") and ".damaged" in name
            if kept or name.startswith((beside + ".damaged", beside + ".verify")):
                with open(os.path.join(folder, name), "rb") as f:
                    if any(sessions.named_in(line) for line in f):
                        yield os.path.join(folder, name)


def _count(chosen: list[Session]) -> str:
    return f"{len(chosen):,} session{'s' * (len(chosen) != 1)}"
