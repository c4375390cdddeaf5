"""`clankers install` and `clankers uninstall`: our entry into a harness's configuration, and out of it again."""

import os
from pathlib import Path
from typing import Annotated

import typer

from clankers import paths
from clankers.cli.options import known_sources
from clankers.cli.output import say
from clankers.errors import UsageError
from clankers.formatting import clean
from clankers.harnesses import NAMES, load
from clankers.harnesses.base import Harness, InstallError
from clankers.paths import make_private
from clankers.queries.first_backfill import start_first_backfill
from clankers.system.config_files import Edit, apply, check, difference, drop_backup
from clankers.system.install_manifest import installed, note
from clankers.system.service_unit import service as the_service

_SOURCES = ", ".join(NAMES)
Sources = Annotated[
    list[str] | None,
    typer.Argument(metavar="SOURCE...", help=f"Of {_SOURCES}.", show_default=False, autocompletion=known_sources),
]
Project = Annotated[bool, typer.Option("--project", help="For the project in this directory alone.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the difference, and change nothing.")]


def install(
    sources: Sources = None,
    project: Project = False,
    service: Annotated[bool, typer.Option("--service", help="Also a service that follows the log.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Have harnesses record their sessions: Claude Code by hooks, OpenCode by a plugin.

    What is there is kept; twice is once. The past of the last 30 days is taken in once, in the background.
    """
    place = Path.cwd() if project else None
    # All changes are worked out before the first is made: one that cannot be made stops them all.
    edits = [(harness, harness.install(harness.file(place))) for harness in _chosen(sources, or_else=service)]
    unit = the_service().install() if service else None
    _check([edit for _, edit in edits])
    if dry_run:
        _show([edit for _, edit in edits] + ([unit] if unit else []))
        return
    _check_root(paths.data_root())
    for harness, edit in edits:
        _make(edit, f"{harness.title} is recorded", f"{harness.title} is recorded already")
        note(paths.data_root(), edit.path, harness.name)
        if edit.backup.exists():
            typer.echo(f"  what it was before is kept in {clean(str(edit.backup))}")
        if place:
            typer.echo("  it names paths of this machine: keep it out of version control")
        for obstacle in harness.obstacles(edit.path, harness.version()):
            typer.echo(f"  but: {clean(obstacle)}", err=True)
    if unit:
        _make(unit, "The service is written", "The service is written already")
        typer.echo(f"  start it: {the_service().start}")
    if edits:
        typer.echo(f"Sessions that begin from now on are in {clean(paths.data_root())}")
        if os.environ.get(paths.DATA_ENV):
            typer.echo(f"  as long as {paths.DATA_ENV} is set for the harnesses as it is here")
        start_first_backfill(say, again=any(edit.before != edit.after for _, edit in edits))


def uninstall(
    sources: Sources = None,
    project: Project = False,
    service: Annotated[bool, typer.Option("--service", help="Also the service that follows the log.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Take our entry out again: where nothing else was changed, the file is what it was. No record is removed."""
    place = Path.cwd() if project else None
    edits = [(harness, harness.uninstall(harness.file(place))) for harness in _chosen(sources, or_else=service)]
    unit = the_service().uninstall() if service else None
    _check([edit for _, edit in edits])
    if dry_run:
        _show([edit for _, edit in edits] + ([unit] if unit else []))
        return
    for harness, edit in edits:
        _make(edit, f"{harness.title} is no longer recorded", f"{harness.title} was not recorded")
        drop_backup(edit)
        if harness.installed(edit.path):
            typer.echo(
                "  but our entries that were there before `install` are there again; once more takes them out too"
            )
        note(paths.data_root(), edit.path, None)
        for path, source in installed(paths.data_root()).items():
            if source == harness.name and not path.exists():  # with its project, perhaps
                note(paths.data_root(), path, None)
    if unit:
        _make(unit, "The service is removed", "There was no service")
        typer.echo(f"  stop it, if it runs: {the_service().stop}")


def _chosen(sources: list[str] | None, *, or_else: bool) -> list[Harness]:
    if not sources and not or_else:
        raise UsageError(f"name at least one harness: {_SOURCES}")
    for name in sources or ():
        if name not in NAMES:
            raise UsageError(f"{name!r} is no harness that can be plugged in; there are {_SOURCES}")
    return [load(name) for name in dict.fromkeys(sources or ())]


def _check(edits: list[Edit]) -> None:
    for edit in edits:
        check(edit)


def _check_root(root: str) -> None:
    """Raise where nothing could be recorded: then a hook would fail at every event."""
    try:
        make_private(os.path.abspath(root))
        usable = os.access(root, os.W_OK | os.X_OK)
    except OSError:
        usable = False
    if not usable:
        raise InstallError(f"{root} is not a directory that can be written; set {paths.DATA_ENV} to one")


def _show(edits: list[Edit]) -> None:
    for edit in edits:
        for line in difference(edit).splitlines():
            typer.echo(clean(line))


def _make(edit: Edit, done: str, nothing: str) -> None:
    if edit.before == edit.after:
        typer.echo(f"{nothing}: {clean(str(edit.path))}")
        return
    apply(edit)
    typer.echo(f"{done}: {clean(str(edit.path))}")
