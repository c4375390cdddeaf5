"""`clankers install` and `clankers uninstall`: our entry into a harness's configuration, and out of it again."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from clankers import harnesses, paths
from clankers.cli.options import known_sources
from clankers.cli.output import say
from clankers.errors import UsageError
from clankers.formatting import clean
from clankers.harnesses.base import Harness
from clankers.harnesses.installer import Installer, InstallError, client_version
from clankers.paths import make_private
from clankers.queries.first_backfill import start_first_backfill
from clankers.system.config_files import Edit, apply, check, difference, drop_backup
from clankers.system.extensions import HARNESSES, discover, listed, write
from clankers.system.install_manifest import installed, note
from clankers.system.service_unit import service as the_service

_SOURCES = ", ".join(harnesses.BUILT_IN)
Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SOURCE...",
        help=f"Of {_SOURCES}, or another package's.",
        show_default=False,
        autocompletion=known_sources,
    ),
]
Project = Annotated[bool, typer.Option("--project", help="For the current project only.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the difference; change nothing.")]


def install(
    sources: Sources = None,
    project: Project = False,
    service: Annotated[bool, typer.Option("--service", help="Also a service that follows the log.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Have harnesses record their sessions.

    Safe to repeat. The sessions of the last 30 days are imported once, in the background.
    """
    root = paths.data_root()
    place = Path.cwd() if project else None
    extensions = discover(harnesses.BUILT_IN)
    chosen = _chosen(sources, extensions[HARNESSES], or_else=service)
    # All changes are worked out before the first is made: one that cannot be made stops them all.
    edits = [installer.install(installer.file(place)) for _, installer in chosen]
    unit = the_service().install() if service else None
    _check(edits)
    if dry_run:
        _show(edits + ([unit] if unit else []))
        return
    _check_root(root)
    write(root, extensions)
    for (harness, installer), edit in zip(chosen, edits, strict=True):
        _make(edit, f"{harness.title} is recorded", f"{harness.title} is recorded already")
        note(root, edit.path, harness.name)
        if edit.backup.exists():
            typer.echo(f"  what it was before is kept in {clean(str(edit.backup))}")
        if place:
            typer.echo("  it names paths of this machine: keep it out of version control")
        for obstacle in installer.obstacles(edit.path, client_version(harness)):
            typer.echo(f"  but: {clean(obstacle.finding)}; {clean(obstacle.remedy)}", err=True)
    if unit:
        _make(unit, "The service is written", "The service is written already")
        typer.echo(f"  start it: {the_service().start}")
    if edits:
        typer.echo(f"Sessions that begin from now on are in {clean(root)}")
        if os.environ.get(paths.DATA_ENV):
            typer.echo(f"  as long as {paths.DATA_ENV} is set for the harnesses as it is here")
        start_first_backfill(say, again=any(edit.before != edit.after for edit in edits))


def uninstall(
    sources: Sources = None,
    project: Project = False,
    service: Annotated[bool, typer.Option("--service", help="Also the service that follows the log.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Remove our entry; restores the file byte for byte if nothing else changed it. No record is removed."""
    root = paths.data_root()
    place = Path.cwd() if project else None
    chosen = _chosen(sources, listed(root, HARNESSES), or_else=service)
    edits = [installer.uninstall(installer.file(place)) for _, installer in chosen]
    unit = the_service().uninstall() if service else None
    _check(edits)
    if dry_run:
        _show(edits + ([unit] if unit else []))
        return
    for (harness, installer), edit in zip(chosen, edits, strict=True):
        _make(edit, f"{harness.title} is no longer recorded", f"{harness.title} was not recorded")
        drop_backup(edit)
        if installer.installed(edit.path):
            typer.echo("  but entries of ours from before `install` are back; run it again to remove them too")
        note(root, edit.path, None)
        for path, source in installed(root).items():
            if source == harness.name and not path.exists():  # with its project, perhaps
                note(root, path, None)
    if unit:
        _make(unit, "The service is removed", "There was no service")
        typer.echo(f"  stop it, if it runs: {the_service().stop}")


def _chosen(
    sources: list[str] | None, extensions: Mapping[str, str], *, or_else: bool
) -> list[tuple[Harness, Installer]]:
    if not sources and not or_else:
        raise UsageError(f"name at least one harness: {', '.join((*harnesses.BUILT_IN, *extensions))}")
    chosen = [harnesses.load(name, paths.data_root(), extensions) for name in dict.fromkeys(sources or ())]
    installers = []
    for harness in chosen:
        if not (installer := harness.installer()):
            raise UsageError(f"{harness.title} has no hooks or plugins; `clankers backfill` imports its sessions")
        installers.append((harness, installer))
    return installers


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
