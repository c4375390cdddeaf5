"""How our entry gets into a client's configuration, and out of it."""

import os
import re
import shutil
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import NamedTuple

from clankers.errors import ClankersError
from clankers.harnesses.base import Harness
from clankers.system import install_manifest
from clankers.system.config_files import Edit

Version = tuple[int, int, int]
_VERSION_SECONDS = 10.0  # for a client to say which it is


class InstallError(ClankersError):
    """Something cannot be installed; the message says what, where, and what to do."""


class Obstacle(NamedTuple):
    """What keeps our entry from working, and what to do."""

    finding: str
    remedy: str


class Installer(ABC):
    """Works out changes of one client's configuration. It makes none.

    Attributes:
        uses_launcher: our entry runs `hook_command`, so the launcher has to be there.
        status_line: whether our status line is installed too; None: the client runs no command for one.
        manifest: the list in the data root that says where our entries are.
        states: what is then said of the client: with our entry, once it is removed, and where there was none.
    """

    uses_launcher = False
    status_line: bool | None = None
    manifest = install_manifest.NAME
    states = ("is recorded", "is no longer recorded", "was not recorded")

    @abstractmethod
    def file(self, project: Path | None) -> Path:
        """The file that our entry belongs into: the user's, or that of the project in the directory `project`."""

    def files(self, project: Path | None) -> list[Path]:
        """All such files, for a client that needs several."""
        return [self.file(project)]

    def place(self, path: Path) -> Path:
        """The path in messages about the file at `path`; for a client that needs several, their directory."""
        return path

    @abstractmethod
    def install(self, path: Path) -> Edit:
        """The change that puts our entry into the file at `path`; without effect where it is there.

        Raises:
            ClankersError: it cannot be put there; the message says why.
        """

    @abstractmethod
    def uninstall(self, path: Path) -> Edit:
        """The change that takes our entry, in whatever form, out of the file at `path`; without effect without one.

        Raises:
            ClankersError: the file cannot be read.
        """

    @abstractmethod
    def installed(self, path: Path) -> bool:
        """Whether an entry of ours is in the file at `path`.

        Raises:
            ClankersError: the file cannot be read.
        """

    @abstractmethod
    def obstacles(self, path: Path, version: Version | None) -> list[Obstacle]:
        """What keeps our entry in the file at `path` from working.

        Raises:
            ClankersError: the file cannot be read.
        """


def client_program(harness: Harness) -> str | None:
    """The client's program; None where it is not found."""
    places = [os.environ.get("PATH", os.defpath), *map(os.path.expanduser, harness.folders)]
    return shutil.which(harness.program, path=os.pathsep.join(places))


def client_version(harness: Harness) -> Version | None:
    """The client's version; None where it is not found, or does not say."""
    if not (program := client_program(harness)):
        return None
    try:
        done = subprocess.run(
            [program, "--version"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_VERSION_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    found = re.search(r"(\d{1,6})\.(\d{1,6})\.(\d{1,6})", done.stdout)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None
