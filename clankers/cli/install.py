"""`clankers install` and `clankers uninstall`: our entry into a harness's configuration, and out of it again."""

import os
import shlex
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from clankers import harnesses, paths
from clankers.cli.options import known_sources
from clankers.cli.output import say
from clankers.errors import EX_FAIL, ClankersError, UsageError
from clankers.formatting import clean
from clankers.harnesses.base import Harness
from clankers.harnesses.installer import Installer, InstallError, client_program, client_version
from clankers.harnesses.launcher import install_launcher, launcher_needed, uninstall_launcher
from clankers.paths import make_private
from clankers.queries.first_backfill import start_first_backfill
from clankers.system.config_files import Edit, apply, check, difference, drop_backup
from clankers.system.extensions import HARNESSES, discover, listed, write
from clankers.system.install_manifest import installed, note
from clankers.system.service_unit import service as the_service
from clankers.system.throwaway import origin, throwaway_directory

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
    """Have harnesses record their sessions; without a SOURCE, ask about each client that is on the PATH.

    Safe to repeat. The sessions of the last 30 days are imported once, in the background.
    """
    root = paths.data_root()
    place = Path.cwd() if project else None
    extensions = discover(harnesses.BUILT_IN)
    if not sources and not service:
        sources = _found(root, extensions[HARNESSES])
    chosen = _chosen(sources, extensions[HARNESSES])
    _check_environment()
    failed: list[str] = []
    planned: list[_Planned] = []
    for harness, installer in chosen:
        with _reported(harness, failed):
            planned.append(_Planned(harness, installer, _checked(installer.install(installer.file(place)))))
    unit = _checked(the_service().install()) if service else None
    launcher = None
    if any(one.installer.uses_launcher for one in planned):
        launcher = _checked(install_launcher())
    if dry_run:
        _show([*filter(None, [launcher]), *(one.edit for one in planned), *filter(None, [unit])])
    elif planned or unit:
        _check_root(root)
        write(root, extensions)
        if launcher:
            _change(launcher)
        for one in planned:
            with _reported(one.harness, failed):
                _install(root, one, in_project=project)
        if launcher and launcher.before not in (None, launcher.after):
            typer.echo(f"Hooks run the recorder of {clean(sys.prefix)} from now on")
        if unit:
            _make(unit, "The service is written", "The service is written already")
            typer.echo(f"  start it: {the_service().start}")
        if planned:
            typer.echo(f"Sessions that begin from now on are in {clean(root)}")
            if os.environ.get(paths.DATA_ENV):
                typer.echo(f"  as long as {paths.DATA_ENV} is set for the harnesses as it is here")
            start_first_backfill(say, again=any(one.edit.before != one.edit.after for one in planned))
    if failed:
        raise typer.Exit(EX_FAIL)


def uninstall(
    sources: Sources = None,
    project: Project = False,
    service: Annotated[bool, typer.Option("--service", help="Also the service that follows the log.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Remove our entries; restores each file byte for byte if nothing else changed it. No record is removed.

    The user's entry, and those that were installed for a project, whichever version or environment installed them.
    """
    root = paths.data_root()
    extensions = listed(root, HARNESSES)
    if not sources and not service:
        raise UsageError(f"name at least one harness: {', '.join((*harnesses.BUILT_IN, *extensions))}")
    failed: list[str] = []
    planned: list[_Planned] = []
    for harness, installer in _chosen(sources, extensions):
        for path in _places(root, harness, installer, Path.cwd() if project else None):
            with _reported(harness, failed):
                planned.append(_Planned(harness, installer, _checked(installer.uninstall(path))))
    unit = _checked(the_service().uninstall()) if service else None
    launcher = _checked(uninstall_launcher())
    if launcher_needed(root, without={one.edit.path for one in planned}):
        launcher = launcher._replace(after=launcher.before)
    if dry_run:
        _show([*(one.edit for one in planned), launcher, *filter(None, [unit])])
    else:
        for one in planned:
            with _reported(one.harness, failed):
                _make(one.edit, f"{one.harness.title} is no longer recorded", f"{one.harness.title} was not recorded")
                drop_backup(one.edit)
                note(root, one.edit.path, None)
        _change(launcher)
        if unit:
            _make(unit, "The service is removed", "There was no service")
            typer.echo(f"  stop it, if it runs: {the_service().stop}")
    if failed:
        raise typer.Exit(EX_FAIL)


class _Planned(NamedTuple):
    """A change of one harness's configuration."""

    harness: Harness
    installer: Installer
    edit: Edit


@contextmanager
def _reported(harness: Harness, failed: list[str]) -> Iterator[None]:
    """Report what cannot be done for one harness, and add its name to `failed`: the others go on."""
    try:
        yield
    except ClankersError as e:
        say(f"{harness.title}: {e}")
        failed.append(harness.name)


def _found(root: str, extensions: Mapping[str, str]) -> list[str]:
    """The harnesses to record, of those whose client is on the PATH: what the user answers.

    Raises:
        UsageError: there is none, or nobody to ask.
    """
    known = [harnesses.load(name, root, extensions) for name in (*harnesses.BUILT_IN, *extensions)]
    found = [harness for harness in known if client_program(harness) and harness.installer()]
    if not found:
        raise UsageError(f"no known client is on the PATH; name at least one: {', '.join(h.name for h in known)}")
    if sys.stdin.isatty() and sys.stdout.isatty():
        return [harness.name for harness in found if typer.confirm(f"Record {harness.title}?", default=True)]
    titles = " and ".join(harness.title for harness in found)
    raise UsageError(f"found {titles}; to record, run `clankers install {' '.join(h.name for h in found)}`")


def _chosen(sources: list[str] | None, extensions: Mapping[str, str]) -> list[tuple[Harness, Installer]]:
    chosen = [harnesses.load(name, paths.data_root(), extensions) for name in dict.fromkeys(sources or ())]
    installers = []
    for harness in chosen:
        if not (installer := harness.installer()):
            raise UsageError(f"{harness.title} has no hooks or plugins; `clankers backfill` imports its sessions")
        installers.append((harness, installer))
    return installers


def _places(root: str, harness: Harness, installer: Installer, project: Path | None) -> list[Path]:
    """The files that may hold an entry of ours; those of `project` alone, if it is given."""
    if project:
        return [installer.file(project)]
    listed_here = [path for path, source in installed(root).items() if source == harness.name]
    return list(dict.fromkeys([installer.file(None), *listed_here]))


def _install(root: str, planned: _Planned, *, in_project: bool) -> None:
    harness, installer, edit = planned
    _make(edit, f"{harness.title} is recorded", f"{harness.title} is recorded already")
    note(root, edit.path, harness.name)
    if edit.backup.exists():
        typer.echo(f"  what it was before is kept in {clean(str(edit.backup))}")
    if in_project:
        typer.echo("  it is for this machine: keep it out of version control")
    for obstacle in installer.obstacles(edit.path, client_version(harness)):
        typer.echo(f"  but: {clean(obstacle.finding)}; {clean(obstacle.remedy)}", err=True)


def _checked(edit: Edit) -> Edit:
    check(edit)
    return edit


def _check_environment() -> None:
    """Raise where this environment does not last: hooks would record for some hours, and then nothing."""
    if place := throwaway_directory():
        what = shlex.quote(origin())
        raise InstallError(
            f"this clankers is in {sys.prefix}, and what is in {place} does not last; install it elsewhere, for "
            f"example by `uv tool install {what}` or `pipx install {what}`, then run `clankers install` again"
        )


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
    typer.echo(f"{done if _change(edit) else nothing}: {clean(str(edit.path))}")


def _change(edit: Edit) -> bool:
    """Make the change; whether there was one to make."""
    if edit.before == edit.after:
        return False
    apply(edit)
    return True
