"""`clankers repair`: mends of the log what can be proved, and says what cannot."""

from itertools import groupby
from typing import Annotated

import typer

from clankers import paths
from clankers.cli.output import progress_bar
from clankers.cli.verify import examine_log, place
from clankers.errors import EX_FAIL
from clankers.formatting import counted
from clankers.log.segments import PACKED, listed
from clankers.maintenance import in_place_edit
from clankers.maintenance.repair import Repair, apply, plan
from clankers.maintenance.verify import Bad
from clankers.queries.connect import log_bytes
from projector.replay.rebuild import rebuild
from projector.store.lock import PATIENCE, ProjectorLock


def command(dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done.")] = False) -> None:
    """Mend damaged lines of the log where it is proved what they were, each file copied first; rebuild the database.

    Exit code 1 where anything bad is left.
    """
    root, path = paths.data_root(), paths.database_path()
    finished = None if dry_run else in_place_edit.finish(root)
    if finished:
        typer.echo(f"{finished}: what a killed repair had begun is finished")
    bad = examine_log(root).bad
    repairs = plan(root, bad)
    if dry_run:
        for repair in repairs:
            _say(repair, "would be done: ")
        left = [one for one in bad if not any(_mends(repair, one) for repair in repairs)]
    elif repairs or finished:
        _apply(root, path, repairs)
        left = bad = examine_log(root).bad
    else:
        left = bad
    for one in left:
        typer.echo(f"{place(one)}; left as it is{_why(root, one)}")
    done = f"{counted(len(repairs), 'repair')}{' to be done' if dry_run else ''}"
    hint = ": restore what there is a backup of" if left else ""
    typer.echo(f"{done}, {counted(len(left), 'bad place')} left{hint}")
    if bad:
        raise typer.Exit(EX_FAIL)


def _say(repair: Repair, how: str = "") -> None:
    where = f"{repair.file}{PACKED}" if repair.stream else f"{repair.file}:{repair.line}"
    typer.echo(f"{where}: {how}{repair.done}")


def _mends(repair: Repair, bad: Bad) -> bool:
    return repair.file == bad.file and (bool(repair.stream) or repair.line <= bad.line <= repair.last)


def _why(root: str, bad: Bad) -> str:
    """What a person can do about a place that is not looked at; empty where there is nothing."""
    ends = listed(root).get(bad.file, [])
    return ": `clankers archive` first makes one file of the day's, to be looked at" if len(ends) > 1 else ""


def _apply(root: str, path: str, repairs: list[Repair]) -> None:
    # Lines change where they stand, which no position in the database tells of: it is made anew.
    with ProjectorLock(path, "repair", patience=PATIENCE):
        for name, group in groupby(repairs, key=lambda one: one.file):
            todo = list(group)
            copy = apply(root, name, todo)
            for one in todo:
                _say(one)
            typer.echo(f"{name}: what it was is kept as {copy}")
        with progress_bar("Rebuilding", log_bytes(root)) as step:
            rebuild(path, root, progress=step)
