"""`clankers uninstall`: removes our entries from the clients' configurations."""

from contextlib import suppress
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
from clankers.errors import EX_FAIL, ClankersError, UsageError
from clankers.harnesses.base import Harness
from clankers.harnesses.installer import Installer, InstallError
from clankers.harnesses.launcher import launcher_needed, uninstall_launcher
from clankers.system.config_files import drop_backup
from clankers.system.extensions import HARNESSES, listed
from clankers.system.install_manifest import installed, note
from clankers.system.service_unit import service as the_service


def command(
    sources: Sources = None,
    project: Project = False,
    service: Annotated[bool, typer.Option("--service", help="Also remove the service of `install --service`.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Remove hooks, plugins and MCP servers; recorded sessions stay.

    Each file is restored byte for byte if nothing else changed it. Entries
    that were installed for a project, or by another version, go too.

    Examples:
        clankers uninstall codex
        clankers uninstall claude-code opencode --dry-run
    """
    root = paths.data_root()
    extensions = listed(root, HARNESSES)
    if not sources and not service:
        raise UsageError(f"name at least one harness: {', '.join((*harnesses.BUILT_IN, *extensions))}")
    failed: list[str] = []
    planned: list[Planned] = []
    place = Path.cwd() if project else None
    chosen = installers(sources or (), extensions)
    for harness, installer in chosen:
        planned += plan(harness, installer, places(root, harness, installer, place), installer.uninstall, failed)
    unit = checked(the_service().uninstall()) if service else None
    if dry_run:
        show([*(edit for one in planned for edit in one.edits), *filter(None, [unit])])
        if not launcher_needed(root, without={edit.path for one in planned for edit in one.edits}):
            show([uninstall_launcher()])
    else:
        for one in planned:
            with reported(one.harness, failed):
                _remove(root, one)
    # After the hooks, which may be in the same file.
    for harness, _ in chosen:
        for installer in harness.mcp_installers():
            for one in plan(harness, installer, _servers(root, harness, installer, place), installer.uninstall, failed):
                if dry_run:
                    show(one.edits)
                else:
                    with reported(harness, failed):
                        _remove(root, one)
    if not dry_run:
        if not launcher_needed(root):
            change(uninstall_launcher())
        if unit:
            make([unit], unit.path, "The service is removed", "There was no service")
            typer.echo(f"  stop it, if it runs: {the_service().stop}")
    if failed:
        raise typer.Exit(EX_FAIL)


def _servers(root: str, harness: Harness, installer: Installer, project: Path | None) -> list[Path]:
    """The files that hold an MCP server or a skill of ours: few have one."""
    try:
        files = places(root, harness, installer, project)
    except InstallError:  # the client has none of a project
        return []
    listed_here = installed(root, installer.manifest)
    found = []
    for path in files:
        with suppress(ClankersError):  # a file that cannot be read, in which nothing was installed
            if path in listed_here or installer.installed(path):
                found.append(path)
    return found


def _remove(root: str, planned: Planned) -> None:
    harness, installer, place, edits = planned
    _, removed, was_not = installer.states
    make(edits, place, f"{harness.title} {removed}", f"{harness.title} {was_not}")
    for edit in edits:
        if not _holds_another(harness, edit.path):
            drop_backup(edit)
        note(root, edit.path, None, installer.manifest)


def _holds_another(harness: Harness, path: Path) -> bool:
    """Whether the file still holds an entry of ours: hooks and an MCP server may be in one."""
    for installer in filter(None, [harness.installer(), *harness.mcp_installers()]):
        with suppress(ClankersError):  # it is none of this installer's files
            if installer.installed(path):
                return True
    return False
