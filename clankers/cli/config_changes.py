"""Changes of clients' configurations, as `install` and `uninstall` plan, show and make them."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from clankers import harnesses, paths
from clankers.cli.options import known_sources
from clankers.cli.output import say
from clankers.errors import ClankersError, UsageError
from clankers.formatting import clean
from clankers.harnesses.base import Harness
from clankers.harnesses.installer import Installer
from clankers.system.config_files import Edit, apply, check, difference
from clankers.system.install_manifest import installed

_SOURCES = ", ".join(harnesses.BUILT_IN)
Sources = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="SOURCE...",
        help=f"Harnesses: {_SOURCES}, or one of another package.",
        show_default=False,
        autocompletion=known_sources,
    ),
]
Project = Annotated[bool, typer.Option("--project", help="For the current project only.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show the changes; make none.")]


class Planned(NamedTuple):
    """A change of one harness's configuration, in one or more files.

    Attributes:
        harness: whose it is.
        installer: that works it out.
        place: the path in messages about the files.
        edits: of each file.
    """

    harness: Harness
    installer: Installer
    place: Path
    edits: list[Edit]


@contextmanager
def reported(harness: Harness, failed: list[str]) -> Iterator[None]:
    """Report what cannot be done for one harness, and add its name to `failed`: the others go on."""
    try:
        yield
    except ClankersError as e:
        say(f"{harness.title}: {e}")
        failed.append(harness.name)


def installers(sources: Iterable[str], extensions: Mapping[str, str]) -> list[tuple[Harness, Installer]]:
    """The harnesses of these names, with what installs them.

    Raises:
        UsageError: there is no such harness, or nothing of it to install.
    """
    found = []
    for name in dict.fromkeys(sources):
        harness = harnesses.load(name, paths.data_root(), extensions)
        if not (installer := harness.installer()):
            raise UsageError(f"{harness.title} has no hooks or plugins; `clankers backfill` imports its sessions")
        found.append((harness, installer))
    return found


def places(root: str, harness: Harness, installer: Installer, project: Path | None) -> list[Path]:
    """The files that may hold an entry of ours: the user's and those that were installed, or only that of `project`."""
    if project:
        return installer.files(project)
    listed_here = [path for path, source in installed(root, installer.manifest).items() if source == harness.name]
    return list(dict.fromkeys([*installer.files(None), *listed_here]))


def plan(
    harness: Harness, installer: Installer, paths: Iterable[Path], edit: Callable[[Path], Edit], failed: list[str]
) -> list[Planned]:
    """The changes of the files at `paths`, those in one place together; `failed` as of `reported`."""
    found: dict[Path, list[Edit]] = {}
    for path in paths:
        with reported(harness, failed):
            one = checked(edit(path))
            found.setdefault(installer.place(path), []).append(one)
    return [Planned(harness, installer, place, edits) for place, edits in found.items()]


def checked(edit: Edit) -> Edit:
    """The change itself, if its file can be changed.

    Raises:
        FileError: the file is read-only.
    """
    check(edit)
    return edit


def show(edits: Iterable[Edit]) -> None:
    """Print what would be changed."""
    for edit in edits:
        for line in difference(edit).splitlines():
            typer.echo(clean(line))


def make(edits: Iterable[Edit], place: Path, done: str, nothing: str) -> None:
    """Make the changes and say `done`, or `nothing` if there was none to make."""
    changed = [change(edit) for edit in edits]
    typer.echo(f"{done if any(changed) else nothing}: {clean(str(place))}")


def change(edit: Edit) -> bool:
    """Make the change; whether there was one to make."""
    if edit.before == edit.after:
        return False
    apply(edit)
    return True
