"""`clankers uninstall`: our entries out of clients' configurations again."""

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
from clankers.errors import EX_FAIL, UsageError
from clankers.harnesses.launcher import launcher_needed, uninstall_launcher
from clankers.system.config_files import drop_backup
from clankers.system.extensions import HARNESSES, listed
from clankers.system.install_manifest import note
from clankers.system.service_unit import service as the_service


def command(
    sources: Sources = None,
    project: Project = False,
    service: Annotated[bool, typer.Option("--service", help="Also remove the service of `install --service`.")] = False,
    dry_run: DryRun = False,
) -> None:
    """Remove hooks and plugins; recorded sessions stay.

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
    for harness, installer in installers(sources or (), extensions):
        files = places(root, harness, installer, Path.cwd() if project else None)
        planned += plan(harness, installer, files, installer.uninstall, failed)
    unit = checked(the_service().uninstall()) if service else None
    if dry_run:
        show([*(edit for one in planned for edit in one.edits), *filter(None, [unit])])
        if not launcher_needed(root, without={edit.path for one in planned for edit in one.edits}):
            show([uninstall_launcher()])
    else:
        for one in planned:
            with reported(one.harness, failed):
                title = one.harness.title
                make(one.edits, one.place, f"{title} is no longer recorded", f"{title} was not recorded")
                for edit in one.edits:
                    drop_backup(edit)
                    note(root, edit.path, None)
        if not launcher_needed(root):
            change(uninstall_launcher())
        if unit:
            make([unit], unit.path, "The service is removed", "There was no service")
            typer.echo(f"  stop it, if it runs: {the_service().stop}")
    if failed:
        raise typer.Exit(EX_FAIL)
