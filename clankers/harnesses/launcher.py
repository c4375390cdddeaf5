"""The launcher: one shell script for the hooks of all harnesses, which starts the recorder of an environment.

`clankers install` writes it for the environment that it runs in, so the last one to install is the one that records.
Clients' settings name the script (`hook_command`), never an environment.
"""

import os
import shlex
import sys
from collections.abc import Collection
from importlib.resources import files
from pathlib import Path

from clankers import harnesses, paths
from clankers.errors import ClankersError
from clankers.harnesses.hook_command import LAUNCHER
from clankers.system.config_files import Edit, content
from clankers.system.install_manifest import installed


def launcher_path() -> Path:
    """Where the launcher is."""
    return Path(LAUNCHER.replace("~", paths.home(), 1))


def launcher_text() -> bytes:
    """The launcher that starts the recorder of this environment."""
    packages = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    text = files("clankers").joinpath("assets", "hook", "launcher.sh").read_text("utf-8")
    text = text.replace("@PYTHON@", shlex.quote(sys.executable), 1)
    return text.replace("@PACKAGES@", shlex.quote(packages), 1).encode("utf-8", "surrogateescape")


def install_launcher() -> Edit:
    """The change that makes hooks start the recorder of this environment.

    Raises:
        ClankersError: the file that is there cannot be read.
    """
    path = launcher_path()
    return Edit(path, content(path), launcher_text(), mode=0o600)


def uninstall_launcher() -> Edit:
    """The change that removes the launcher.

    Raises:
        ClankersError: the file that is there cannot be read.
    """
    path = launcher_path()
    return Edit(path, content(path), None, folder=True)


def launcher_needed(root: str, without: Collection[Path] = ()) -> bool:
    """Whether an entry of ours runs the launcher: the user's, or one that the data root `root` lists.

    Args:
        root: the data root.
        without: files that do not count.
    """
    places = installed(root)
    try:
        for name in harnesses.names(root):
            installer = harnesses.load(name, root).installer()
            if installer and installer.uses_launcher:
                files = {*installer.files(None), *(path for path, source in places.items() if source == name)}
                if any(installer.installed(path) for path in files.difference(without)):
                    return True
    except ClankersError:
        return True  # a file that cannot be read may hold an entry
    return False
