"""Our plugin, a file of our own in the configuration directory of OpenCode, or of a client built on it."""

import json
import re
from importlib.resources import files
from pathlib import Path

from clankers.harnesses.installer import Obstacle, Version
from clankers.harnesses.opencode.directories import directory
from clankers.harnesses.own_file_installer import OwnFileInstaller
from clankers.system import detached

_NAME = "clankers.js"
# The directory's name is `plugin`: 1.0 does not start where there is one named `plugins`, later versions read both.
_FOLDER = "plugin"


class PluginInstaller(OwnFileInstaller):
    """Our plugin, for the client `harness`."""

    begins = b"// Records what happens in OpenCode"

    def file(self, project: Path | None) -> Path:
        """The plugin, a file of our own."""
        name = self.harness.name
        configuration = project / f".{name}" if project else directory(name, "XDG_CONFIG_HOME", ".config")
        return configuration / _FOLDER / _NAME

    def text(self) -> bytes:
        """The plugin, with the client's name and the command that brings the database up to date."""
        text = files("clankers").joinpath("assets", "opencode", _FOLDER, _NAME).read_text("utf-8")
        for name, value in (("SOURCE", self.harness.name), ("CATCH_UP", detached.command("catch-up"))):
            line = f"const {name} = {json.dumps(value)}"
            text = re.sub(rf"^const {name} = .*", line.replace("\\", r"\\"), text, count=1, flags=re.MULTILINE)
        return text.encode()


class OpenCodeInstaller(PluginInstaller):
    """Our plugin for OpenCode itself."""

    def obstacles(self, path: Path, version: Version | None) -> list[Obstacle]:
        """A plugin of another version, or a client of one that does not load it."""
        if version and version[0] >= 2:
            finding = f"OpenCode {version[0]}.x is not recorded yet, for its plugins have another shape"
            return [Obstacle(finding, "use OpenCode 1.x")]
        return super().obstacles(path, version)
