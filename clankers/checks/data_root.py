"""The data root beside the log: what its disk cannot do, owners, locks, small files."""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from clankers import paths
from clankers.checks.finding import Finding
from clankers.errors import ClankersError
from clankers.formatting import counted
from clankers.log.reader import log_files
from clankers.queries.budgets import load_budgets
from clankers.sync.acknowledged import FILE, unusable
from clankers.sync.settings import SettingsError, load
from clankers.system import extensions, install_manifest
from clankers.system.config_files import content
from clankers.system.durable import sync_directory, sync_file
from clankers.system.file_system import weaknesses
from clankers.system.locks import holder


def data_root_findings(root: str, database: str) -> Iterator[Finding]:
    """All of it, for the data root `root` and the database `database`.

    Raises:
        OSError: a file cannot be read.
    """
    yield from _file_system(root)
    yield from _owners(root)
    yield from _locks(root, database)
    yield from _lists(root)
    try:
        load(root)
    except SettingsError as e:
        yield Finding("Settings", False, str(e))
    try:
        load_budgets(root)
    except ClankersError as e:
        yield Finding("Budgets", False, str(e))
    if problem := unusable(os.path.join(root, FILE)):
        yield Finding("Sync", False, problem, "clankers sync reset")


def _file_system(root: str) -> Iterator[Finding]:
    for file in log_files(root)[-1:]:
        try:
            fd = os.open(os.path.join(root, file.name), os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return  # archived
        try:
            found = weaknesses(fd, root, synced=sync_file(fd), directory_synced=sync_directory(root))
            for text in found:
                yield Finding("Log", True, text, f"set {paths.DATA_ENV} to a directory on a local disk")
        finally:
            os.close(fd)


def _owners(root: str) -> Iterator[Finding]:
    """Files that the owner of the data root cannot use, as root made them."""
    if not os.path.isdir(root):
        return
    owner = os.stat(root)
    foreign = [entry.path for entry in os.scandir(root) if entry.stat(follow_symlinks=False).st_uid != owner.st_uid]
    if foreign:
        text = f"{counted(len(foreign), 'file')} of another owner than the data root, such as {foreign[0]}"
        yield Finding("Log", False, text, f"sudo chown -R {owner.st_uid}:{owner.st_gid} {root}")


def _locks(root: str, database: str) -> Iterator[Finding]:
    """Who holds a lock, so that others wait or are refused."""
    names = ("backfill.lock", "patch.lock", "serve.lock", "sync.lock")
    for path in (*(os.path.join(root, name) for name in names), database + ".lock"):
        if who := holder(path):
            yield Finding("Locks", True, f"{path} is held by {who}")


def _lists(root: str) -> Iterator[Finding]:
    """The lists that `clankers install` writes; a command that reads one takes a damaged one for empty."""
    for name in (install_manifest.NAME, install_manifest.SERVERS, install_manifest.SKILLS, extensions.NAME):
        path = Path(root, name)
        again = "remove it, then run `clankers install` again for each harness"
        try:
            if (text := content(path)) is not None:
                msgspec.json.decode(text, type=dict[str, str | dict[str, str]])
        except msgspec.MsgspecError as e:
            yield Finding("Hooks", False, f"{path} is not the list that `clankers install` writes: {e}", again)
        except ClankersError as e:
            yield Finding("Hooks", False, str(e), again)
