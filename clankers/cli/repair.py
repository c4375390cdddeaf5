"""`clankers repair`: repairs the log where that is provably safe, and lists what it leaves."""

from itertools import groupby
from typing import Annotated

import typer

from clankers import paths
from clankers.cli.output import progress_bar
from clankers.cli.verify import examine_log, place
from clankers.errors import EX_FAIL
from clankers.formatting import counted
from clankers.log.segments import list_segments
from clankers.maintenance import in_place_edit
from clankers.maintenance.repair import Repair, apply, plan
from clankers.maintenance.verify import Problem
from clankers.queries.connect import log_bytes
from projector.replay.rebuild import rebuild
from projector.store.lock import PATIENCE, ProjectorLock


def command(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the repairs; change nothing.")] = False,
) -> None:
    """Repair damaged lines of the log.

    Only where nothing readable can be lost. Each file is copied before it is
    changed, then the database is rebuilt. Exit code 1 if damage is left.

    Examples:
        clankers repair --dry-run
    """
    root, path = paths.data_root(), paths.database_path()
    finished = None if dry_run else in_place_edit.finish(root)
    if finished:
        typer.echo(f"{finished}: finished a repair that was killed")
    bad = examine_log(root).bad
    repairs = plan(root, bad)
    if dry_run:
        for repair in repairs:
            _say(repair, "would be done: ")
        left = [one for one in bad if not any((repair.file, repair.line) == (one.file, one.line) for repair in repairs)]
    elif repairs or finished:
        _apply(root, path, repairs)
        left = bad = examine_log(root).bad
    else:
        left = bad
    for one in left:
        typer.echo(f"{place(one)}; left unchanged{_hint(root, one)}")
    done = f"{counted(len(repairs), 'repair')}{' to be done' if dry_run else ''}"
    hint = ": restore these files from a backup, if there is one, then run `clankers project --rebuild`" if left else ""
    typer.echo(f"{done}, {counted(len(left), 'bad place')} left{hint}")
    if bad:
        raise typer.Exit(EX_FAIL)


def _say(repair: Repair, how: str = "") -> None:
    typer.echo(f"{repair.file}:{repair.line}: {how}{repair.done}")


def _hint(root: str, problem: Problem) -> str:
    """What to do about a day that repair skips because it is in several files; else empty."""
    several = len(list_segments(root).get(problem.file, [])) > 1
    return ": this day is in several files; run `clankers archive`, then `clankers repair` again" if several else ""


def _apply(root: str, path: str, repairs: list[Repair]) -> None:
    # Lines change in place, which the positions in the database do not show: it has to be rebuilt.
    with ProjectorLock(path, "repair", patience=PATIENCE):
        for name, group in groupby(repairs, key=lambda one: one.file):
            todo = list(group)
            copy = apply(root, name, todo)
            for one in todo:
                _say(one)
            typer.echo(f"{name}: the previous file is kept as {copy}")
        with progress_bar("Rebuilding", log_bytes(root)) as step:
            rebuild(path, root, progress=step)
