"""Our MCP server, `clankers mcp`, in clients' settings: the command, its environment, and whether it is ours."""

import os
import sys
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from clankers import paths
from clankers.errors import ClankersError
from clankers.harnesses.base import Harness
from clankers.harnesses.hooks_installer import settings_text
from clankers.harnesses.installer import Installer, InstallError, Obstacle, Version
from clankers.system import detached, install_manifest
from clankers.system.config_files import Edit, content

NAME = "clankers"  # of the server in the settings
_COMMAND = "mcp"


def server_command(options: Sequence[str] = ()) -> list[str]:
    """The command line that starts the server, in this environment."""
    return [*detached.command(_COMMAND), *options]


def server_environment() -> dict[str, str]:
    """The variables without which the server would read another data root: some clients pass none on."""
    if not any(os.environ.get(name) for name in (paths.DATA_ENV, paths.DB_ENV, "XDG_DATA_HOME")):
        return {}
    found = {paths.DATA_ENV: os.path.abspath(paths.data_root())}
    if os.environ.get(paths.DB_ENV):
        found[paths.DB_ENV] = os.path.abspath(paths.database_path())
    return found


def options_of(command: Sequence[Any]) -> list[str] | None:
    """The options with which a command line starts our server, of whatever environment; None: it starts another.

    Ours is the program `clankers`, or a Python with `-m clankers`; not a program that starts one of these elsewhere.
    """
    words = [word for word in command if isinstance(word, str)]
    if len(words) != len(command) or not words:
        return None
    if os.path.basename(words[0]) == NAME:
        rest = words[1:]
    else:
        at = 2 if words[1:2] in (["-I"], ["-P"]) else 1
        rest = words[at + 2 :] if words[at : at + 2] == ["-m", NAME] else []
    return rest[1:] if rest[:1] == [_COMMAND] else None


class ServerInstaller(Installer):
    """Our server in the settings of `harness`."""

    manifest = install_manifest.SERVERS
    states = ("can search its history", "can no longer search its history", "could not search its history")

    def __init__(self, harness: Harness, user: Path, project: str | None = None) -> None:
        """With the user's settings, and the path of a project's settings in the project; None: it has none."""
        self.harness = harness
        self._user = user
        self._project = project

    @abstractmethod
    def command_in(self, path: Path, text: str) -> list[Any] | None:
        """The command line of the server `clankers` in the settings at `path`; None where there is none.

        Raises:
            InstallError: the settings are malformed.
        """

    @abstractmethod
    def variables_in(self, path: Path, text: str) -> dict[str, Any]:
        """The environment that the settings give that server. Raises as `command_in`."""

    @abstractmethod
    def added(self, path: Path, text: str, command: list[str], variables: Mapping[str, str]) -> str:
        """`text` with our server; there is none yet. Raises as `command_in`."""

    @abstractmethod
    def updated(self, path: Path, text: str, command: list[str], variables: Mapping[str, str]) -> str:
        """`text` with this command and these variables in our server, which is there; its other settings stay.

        Raises:
            InstallError: the settings are malformed, or have another form than ours.
        """

    @abstractmethod
    def removed(self, path: Path, text: str) -> str:
        """`text` without our server, which is there. Raises as `command_in`."""

    def file(self, project: Path | None) -> Path:
        """The settings that name MCP servers: the user's, or the project's.

        Raises:
            InstallError: the client has no such settings of a project.
        """
        if project is None:
            return self._user
        if self._project is None:
            raise InstallError(
                f"{self.harness.title} has no MCP servers of a project; run it without --project: "
                f"`clankers install {self.harness.name} --mcp`"
            )
        return project / self._project

    def install(self, path: Path) -> Edit:
        """Our server; the options and settings that somebody added to it stay."""
        before = content(path)
        text = settings_text(path, before)
        found = self.command_in(path, text)
        options = [] if found is None else options_of(found)
        if options is None:
            raise InstallError(f"{path} names another MCP server {NAME!r}; give that another name first")
        write = self.added if found is None else self.updated
        after = write(path, text, server_command(options), server_environment())
        if after == text:
            return Edit(path, before, before)
        return Edit(path, before, after.encode(), keep=found is None and not self._holds_hooks(path), mode=0o600)

    def _holds_hooks(self, path: Path) -> bool:
        """Whether our hooks are in the same file: then it is not what it was before us, and that is kept already."""
        hooks = self.harness.installer()
        try:
            return hooks is not None and path in hooks.files(None) and hooks.installed(path)
        except ClankersError:
            return False

    def uninstall(self, path: Path) -> Edit:
        """Our server removed; if nothing else changed the file since, it is what it was, byte for byte."""
        before = content(path)
        edit = Edit(path, before, before)
        text = settings_text(path, before)
        found = self.command_in(path, text)
        if not found or options_of(found) is None:
            return edit
        kept = content(edit.backup)
        if kept is None and self._only_adds(path, "", text, found):
            return edit._replace(after=None)  # the file is ours alone
        if kept is not None:
            old = settings_text(edit.backup, kept)
            if self.command_in(path, old) is None and self._only_adds(path, old, text, found):
                return edit._replace(after=kept)
        return edit._replace(after=self.removed(path, text).encode())

    def _only_adds(self, path: Path, old: str, text: str, command: list[str]) -> bool:
        """Whether `text` is what became of `old` when our server, as it is in `text`, was added."""
        try:
            return self.added(path, old, command, self.variables_in(path, text)) == text
        except InstallError:  # the variables are of a form that is not ours
            return False

    def installed(self, path: Path) -> bool:
        """Whether our server is there."""
        found = self.command_in(path, settings_text(path, content(path)))
        return found is not None and options_of(found) is not None

    def obstacles(self, path: Path, _version: Version | None) -> list[Obstacle]:
        """A server of another environment, or one that lacks the protocol's package."""
        found = self.command_in(path, settings_text(path, content(path))) or []
        again = f"run `clankers install {self.harness.name} --mcp` again"
        if found[:1] != server_command()[:1]:
            gone = not os.path.exists(str(found[0])) if found else True
            finding = f"{path}: the MCP server is of another environment{', which is gone' if gone else ''}"
            return [Obstacle(finding, again)]
        if find_spec("mcp_types") is None:
            return [
                Obstacle(f"{sys.prefix} lacks the package mcp, so the server does not start", "pip install 'mcp>=2'")
            ]
        return []
