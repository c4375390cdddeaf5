"""Our extension, a file of our own in pi's directory of extensions."""

import json
from importlib.resources import files
from pathlib import Path

from clankers.harnesses.hook_command import hook_command
from clankers.harnesses.own_file_installer import OwnFileInstaller
from clankers.harnesses.pi.history import agent_home

_FOLDER, _NAME = "extensions", "clankers.js"
_PLACEHOLDER = 'const COMMAND = ""'


class ExtensionInstaller(OwnFileInstaller):
    """Our extension."""

    begins = b"// Records what happens in pi"
    uses_launcher = True

    def file(self, project: Path | None) -> Path:
        """The extension of the user, or of a project that pi trusts."""
        return (project / ".pi" if project else agent_home()) / _FOLDER / _NAME

    def text(self, _path: Path) -> bytes:
        """The extension, with the command that it runs."""
        text = files("clankers").joinpath("assets", "pi", _FOLDER, _NAME).read_text("utf-8")
        return text.replace(_PLACEHOLDER, f"const COMMAND = {json.dumps(hook_command(self.harness.name))}", 1).encode()
