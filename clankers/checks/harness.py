"""A client: whether it is here, whether it is recorded, when it was last, and what it has kept that nobody read."""

from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path

from clankers.checks.finding import Finding
from clankers.checks.last_events import LOOK, LastEvents
from clankers.errors import ClankersError
from clankers.formatting import counted, local_time
from clankers.harnesses.base import Harness, unreadable
from clankers.harnesses.installer import Installer, Version, client_version
from clankers.system.install_manifest import installed

NOT_FOUND = " is not on the PATH"  # the end of what is found of a client that is not here


def harness_findings(
    harness: Harness, root: str, last_events: LastEvents, *, others_recorded: bool
) -> Iterator[Finding]:
    """All of one harness.

    Args:
        harness: the harness.
        root: the data root, which lists where `clankers install` put our entries.
        last_events: when events came.
        others_recorded: whether any harness is recorded: then one that is not is no alarm.
    """
    version = client_version(harness)
    installer = harness.installer()
    if version:
        yield Finding(harness.title, True, f"version {'.'.join(map(str, version))} is on the PATH")
    else:
        yield Finding(harness.title, True, f"`{harness.program}`{NOT_FOUND}")
    there = (yield from _entries(harness, installer, version, root)) if installer else False
    last = last_events.of(harness.name)
    if last:
        yield Finding(harness.title, True, f"the last event came at {local_time(last)}")
    elif there:
        remedy = "start a session; if nothing comes, look at what the client says about hooks or plugins"
        nothing = f"nothing in the log's last {LOOK} days" if last_events.cut else "nothing was recorded yet"
        yield Finding(harness.title, True, nothing, remedy)
    yield from _servers(harness, root)
    stored = 0 if last else harness.count()
    yield from _stores(harness, stored=stored)
    if installer and not there and (version or stored):
        text = "has no entry that `clankers install` made" if last else "is not recorded"
        ok = not version or bool(last) or others_recorded
        yield Finding(harness.title, ok, text, f"clankers install {harness.name}")


def _servers(harness: Harness, root: str) -> Iterator[Finding]:
    """Our MCP server and our skill, where there are some: nobody needs them."""
    for installer in harness.mcp_installers():
        places = _places(harness, installer, root)
        files = installer.files(None)
        with suppress(ClankersError):  # a client may have none of a project
            files += installer.files(Path.cwd())
        for path in dict.fromkeys([*files, *places]):
            try:
                if installer.installed(path):
                    yield Finding(harness.title, True, f"{installer.states[0]} by {path}")
                    for obstacle in installer.obstacles(path, None):
                        yield Finding(harness.title, False, obstacle.finding, obstacle.remedy)
                elif path in places:
                    remedy = f"`clankers install {harness.name} --mcp` restores it"
                    yield Finding(harness.title, False, f"our entry in {path} is gone", remedy)
            except ClankersError as e:
                if path in places:
                    yield Finding(harness.title, False, str(e), "repair the file")


def _places(harness: Harness, installer: Installer, root: str) -> list[Path]:
    """The files in which `clankers install` noted an entry."""
    return [path for path, source in installed(root, installer.manifest).items() if source == harness.name]


def _stores(harness: Harness, *, stored: int) -> Iterator[Finding]:
    """What the client has kept itself, and nobody has read."""
    for path in unreadable(harness):
        yield Finding(
            harness.title, False, f"{path} cannot be read: its sessions are not imported", f"chmod u+rwx {path}"
        )
    if stored:
        text = f"about {counted(stored, 'session')} in its own files, and none in the log"
        yield Finding(harness.title, True, text, f"clankers backfill {harness.name}")


def _entries(
    harness: Harness, installer: Installer, version: Version | None, root: str
) -> Generator[Finding, None, bool]:
    """Our entries in the client's configuration; returns whether there is one."""
    places = _places(harness, installer, root)
    there: set[Path] = set()
    files = installer.files(None)
    with suppress(ClankersError):  # a client may have no hooks of a project
        files += installer.files(Path.cwd())
    for path in dict.fromkeys([*files, *places]):
        try:
            if installer.installed(path):
                if (place := installer.place(path)) not in there:
                    yield Finding(harness.title, True, f"is recorded by {place}")
                there.add(place)
                for obstacle in installer.obstacles(path, version):
                    yield Finding(harness.title, False, obstacle.finding, obstacle.remedy)
            elif path in places:
                remedy = (
                    f"`clankers install {harness.name}` restores it, `clankers uninstall {harness.name}` forgets it"
                )
                yield Finding(harness.title, False, f"our entry in {path} is gone", remedy)
        except ClankersError as e:
            yield Finding(harness.title, False, str(e), "repair the file")
    return bool(there)
