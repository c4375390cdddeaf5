"""`clankers install`: adds our entries to the clients' configurations."""

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from clankers import harnesses, paths
from clankers.cli.config_changes import (
    DryRun,
    Planned,
    Project,
    Sources,
    change,
    checked,
    installers,
    make,
    places,
    plan,
    reported,
    show,
)
from clankers.cli.output import say
from clankers.errors import EX_FAIL, UsageError
from clankers.formatting import clean
from clankers.harnesses.base import Harness
from clankers.harnesses.installer import Installer, InstallError, client_program, client_version
from clankers.harnesses.launcher import install_launcher
from clankers.paths import make_private
from clankers.queries.first_backfill import start_first_backfill
from clankers.system.extensions import HARNESSES, discover, write
from clankers.system.install_manifest import note
from clankers.system.service_unit import service as the_service
from clankers.system.throwaway import origin, throwaway_directory


def command(
    sources: Sources = None,
    project: Project = False,
    service: Annotated[
        bool, typer.Option("--service", help="Also write a service that runs `project --watch`.")
    ] = False,
    statusline: Annotated[
        bool, typer.Option("--statusline", help="Also show `clankers statusline` in the client; keeps another one.")
    ] = False,
    mcp: Annotated[
        bool, typer.Option("--mcp", help="Also let the agent search its history: `clankers mcp`, and a skill.")
    ] = False,
    dry_run: DryRun = False,
) -> None:
    """Set up harnesses, so that their sessions are recorded.

    Without SOURCE, clankers asks about each client that it finds. Safe to
    repeat. Sessions of the last 30 days are imported in the background.

    Examples:
        clankers install
        clankers install claude-code codex
        clankers install claude-code --project --dry-run
        clankers install claude-code --mcp
    """
    root = paths.data_root()
    place = Path.cwd() if project else None
    extensions = discover(harnesses.BUILT_IN)
    if not sources and not service:
        sources = _found(root, extensions[HARNESSES])
    chosen = installers(sources or (), extensions[HARNESSES])
    if statusline:
        _add_status_lines(chosen)
    servers = [(harness, one) for harness, _ in chosen for one in _servers(harness)] if mcp else []
    _check_environment()
    failed: list[str] = []
    planned: list[Planned] = []
    for harness, installer in chosen:
        asked = installer.files(place)
        with reported(harness, failed):
            # An older version's hooks are replaced everywhere.
            files = [p for p in places(root, harness, installer, place) if p in asked or installer.installed(p)]
            planned += plan(harness, installer, files, installer.install, failed)
    unit = checked(the_service().install()) if service else None
    launcher = None
    if any(one.installer.uses_launcher for one in planned):
        launcher = checked(install_launcher())
    if dry_run:
        show([*filter(None, [launcher]), *(edit for one in planned for edit in one.edits), *filter(None, [unit])])
    elif planned or unit:
        _check_root(root)
        write(root, extensions)
        if launcher:
            change(launcher)
        for one in planned:
            with reported(one.harness, failed):
                _install(root, one, in_project=project)
        if launcher and launcher.before not in (None, launcher.after):
            typer.echo(f"Hooks run the recorder of {clean(sys.prefix)} from now on")
        if unit:
            make([unit], unit.path, "The service is written", "The service is written already")
            typer.echo(f"  start it: {the_service().start}")
        if planned:
            typer.echo(f"Sessions that begin from now on are in {clean(root)}")
            if os.environ.get(paths.DATA_ENV):
                typer.echo(f"  as long as {paths.DATA_ENV} is set for the harnesses as it is here")
            start_first_backfill(say, again=any(edit.before != edit.after for one in planned for edit in one.edits))
    # After the hooks, which may be in the same file.
    for harness, installer in servers:
        with reported(harness, failed):
            for one in plan(harness, installer, installer.files(place), installer.install, failed):
                if dry_run:
                    show(one.edits)
                else:
                    _install(root, one, in_project=project)
    if failed:
        raise typer.Exit(EX_FAIL)


def _found(root: str, extensions: Mapping[str, str]) -> list[str]:
    """The harnesses to record, of those whose client or sessions are here: what the user answers.

    Raises:
        UsageError: there is none, or nobody to ask.
    """
    known = [harnesses.load(name, root, extensions) for name in (*harnesses.BUILT_IN, *extensions)]
    found = [harness for harness in known if harness.installer() and (client_program(harness) or harness.count())]
    if not found:
        raise UsageError(f"found no known client; name at least one: {', '.join(h.name for h in known)}")
    if sys.stdin.isatty() and sys.stdout.isatty():
        return [harness.name for harness in found if typer.confirm(f"Record {harness.title}?", default=True)]
    titles = " and ".join(harness.title for harness in found)
    raise UsageError(f"found {titles}; to record, run `clankers install {' '.join(h.name for h in found)}`")


def _add_status_lines(chosen: list[tuple[Harness, Installer]]) -> None:
    """Have the status line installed where the client has one.

    Raises:
        UsageError: none of them has.
    """
    able = [installer for _, installer in chosen if installer.status_line is not None]
    if not able:
        names = " or ".join(harness.title for harness, _ in chosen)
        raise UsageError(f"no command prints the status line of {names}; leave out --statusline")
    for installer in able:
        installer.status_line = True


def _servers(harness: Harness) -> list[Installer]:
    if found := harness.mcp_installers():
        return found
    raise UsageError(
        f"{harness.title} has no settings for MCP servers; `clankers docs mcp` says how to add one by hand"
    )


def _install(root: str, planned: Planned, *, in_project: bool) -> None:
    harness, installer, place, edits = planned
    state = f"{harness.title} {installer.states[0]}"
    make(edits, place, state, f"{state} already")
    for edit in edits:
        note(root, edit.path, harness.name, installer.manifest)
        if edit.backup.exists():
            typer.echo(f"  the previous file is kept in {clean(str(edit.backup))}")
    if in_project:
        typer.echo("  it is for this machine: keep it out of version control")
    version = client_version(harness)
    for obstacle in (obstacle for edit in edits for obstacle in installer.obstacles(edit.path, version)):
        typer.echo(f"  but: {clean(obstacle.finding)}; {clean(obstacle.remedy)}", err=True)


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
