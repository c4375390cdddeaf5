"""What is to be known of a harness to record it: where its things are, and how our entry gets there and away again."""

import os
import re
import shutil
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from clankers.errors import ClankersError
from clankers.ingest.backfill import Past
from clankers.system.config_files import Edit

Version = tuple[int, int, int]
_VERSION_SECONDS = 10.0  # for a client to say which it is


class InstallError(ClankersError):
    """Something cannot be installed; the message says what, where, and what to do."""


class Harness(ABC):
    """One harness. Nothing here changes a file: `install` and `uninstall` say what is to be changed."""

    name: ClassVar[str]
    title: ClassVar[str]
    program: ClassVar[str]
    elsewhere: ClassVar[tuple[str, ...]] = ()  # directories where the program is, off the PATH too

    @abstractmethod
    def file(self, project: Path | None) -> Path:
        """The file that our entry belongs into: the user's, or that of the project in the directory `project`."""

    @abstractmethod
    def install(self, path: Path) -> Edit:
        """The change that puts our entry into the file at `path`; without effect where it is there.

        Raises:
            ClankersError: it cannot be put there; the message says why.
        """

    @abstractmethod
    def uninstall(self, path: Path) -> Edit:
        """The change that takes our entry out of the file at `path`; without effect where there is none.

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
    def obstacles(self, path: Path, version: Version | None) -> list[str]:
        """What keeps our entry in the file at `path` from working, each with its remedy.

        Raises:
            ClankersError: the file cannot be read.
        """

    @abstractmethod
    def past(self, root: str, *, afresh: bool) -> Iterator[Past]:
        """The sessions in the harness's own stores; `root` is where our log is, `afresh` as in `clankers backfill`."""

    @abstractmethod
    def count(self) -> int:
        """How many sessions `past` gives, about."""

    def version(self) -> Version | None:
        """The client's version; None where it is not found, or does not say."""
        places = [os.environ.get("PATH", os.defpath), *map(os.path.expanduser, self.elsewhere)]
        if not (program := shutil.which(self.program, path=os.pathsep.join(places))):
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
