"""Our plugin, a file of our own in the configuration directory of OpenCode."""

import json
from importlib.resources import files
from pathlib import Path

from clankers.harnesses.installer import Installer, InstallError, Obstacle, Version
from clankers.harnesses.opencode.directories import directory
from clankers.system import detached
from clankers.system.config_files import Edit, content

_NAME = "clankers.js"
# The directory's name is `plugin`: 1.0 does not start where there is one named `plugins`, later versions read both.
_FOLDER = "plugin"
_OURS = b"// Records what happens in OpenCode"  # how the plugin begins, in whatever version
_PLACEHOLDER = "const CATCH_UP = []"


class PluginInstaller(Installer):
    """Our plugin."""

    def file(self, project: Path | None) -> Path:
        """The plugin, a file of our own."""
        return (project / ".opencode" if project else directory("XDG_CONFIG_HOME", ".config")) / _FOLDER / _NAME

    def install(self, path: Path) -> Edit:
        """Our plugin."""
        before = content(path)
        if before is not None and not before.startswith(_OURS):
            raise InstallError(f"{path} is there and not ours; move it away first")
        return Edit(path, before, _plugin())

    def uninstall(self, path: Path) -> Edit:
        """No plugin of ours."""
        before = content(path)
        ours = before is not None and before.startswith(_OURS)
        return Edit(path, before, None if ours else before, folder=True)

    def installed(self, path: Path) -> bool:
        """Whether our plugin is there."""
        return (content(path) or b"").startswith(_OURS)

    def obstacles(self, path: Path, version: Version | None) -> list[Obstacle]:
        """A plugin of another version, or a client of one that does not load it."""
        if version and version[0] >= 2:
            finding = f"OpenCode {version[0]}.x is not recorded yet, for its plugins have another shape"
            return [Obstacle(finding, "use OpenCode 1.x")]
        if content(path) != _plugin():
            return [Obstacle(f"{path} is from another version of clankers", "run `clankers install opencode` again")]
        return []


def _plugin() -> bytes:
    text = files("clankers").joinpath("assets", "opencode", _FOLDER, _NAME).read_text("utf-8")
    command = json.dumps(detached.command("catch-up"))
    return text.replace(_PLACEHOLDER, f"const CATCH_UP = {command}", 1).encode()
