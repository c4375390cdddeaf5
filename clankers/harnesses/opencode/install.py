"""Our plugin, a file of our own in the configuration directory of OpenCode, or of a client built on it."""

import json
import re
from importlib.resources import files
from pathlib import Path

from clankers.harnesses.installer import Obstacle, Version, client_version
from clankers.harnesses.opencode.directories import directory
from clankers.harnesses.own_file_installer import OwnFileInstaller
from clankers.system import detached

_NAME = "clankers.js"
# The directory's name is `plugin`: 1.0 does not start where there is one named `plugins`, later versions read both.
_FOLDER = "plugin"
# 2.x loads it from a directory below `plugins`, where no 1.x looks.
_FOLDER_2, _NAME_2 = "plugins/clankers", "index.js"
_ENTRY = "export const clankers"


class PluginInstaller(OwnFileInstaller):
    """Our plugin, for the client `harness`."""

    begins = b"// Records what happens in OpenCode"

    def file(self, project: Path | None) -> Path:
        """The plugin, a file of our own."""
        name = self.harness.name
        configuration = project / f".{name}" if project else directory(name, "XDG_CONFIG_HOME", ".config")
        return configuration / _FOLDER / _NAME

    def text(self, path: Path) -> bytes:
        """The plugin, with the client's name and the command that brings the database up to date."""
        assets = files("clankers").joinpath("assets", "opencode", _FOLDER)
        text = assets.joinpath(_NAME).read_text("utf-8")
        if path.name == _NAME_2:
            text = text[: text.index(_ENTRY)] + assets.joinpath("entry-2.js").read_text("utf-8")
        for name, value in (("SOURCE", self.harness.name), ("CATCH_UP", detached.command("catch-up"))):
            line = f"const {name} = {json.dumps(value)}"
            text = re.sub(rf"^const {name} = .*", line.replace("\\", r"\\"), text, count=1, flags=re.MULTILINE)
        return text.encode()


class OpenCodeInstaller(PluginInstaller):
    """Our plugin for OpenCode itself, with another file for 2.x."""

    def files(self, project: Path | None) -> list[Path]:
        """The file for the version that is there, and the other one if it is there."""
        old = self.file(project)
        new = old.parent.parent / _FOLDER_2 / _NAME_2
        version = client_version(self.harness)
        wanted, other = (new, old) if version and version[0] >= 2 else (old, new)
        return [wanted, *([other] if other.exists() else [])]

    def obstacles(self, path: Path, version: Version | None) -> list[Obstacle]:
        """A plugin of another version, and what is not known of 2.x."""
        found = super().obstacles(path, version)
        if path.name == _NAME_2:
            finding = "OpenCode 2.x is not recorded yet: its events are logged, but make no sessions"
            found.append(Obstacle(finding, "use OpenCode 1.x for sessions with messages and tokens"))
        elif version and version[0] >= 2 and not (path.parent.parent / _FOLDER_2 / _NAME_2).exists():
            found.append(Obstacle(f"OpenCode 2.x does not load {path}", f"clankers install {self.harness.name}"))
        return found
