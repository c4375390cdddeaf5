"""Our hooks: an executable for each event, in Cline's directory of hooks.

The client runs every file there whose name is an event's, with or without the ending of a script.
"""

from pathlib import Path

from clankers.harnesses.cline.directories import home
from clankers.harnesses.hook_command import hook_command
from clankers.harnesses.own_file_installer import OwnFileInstaller

# Not among them: PreCompact, which no version runs.
EVENTS = (
    *("TaskStart", "TaskResume", "TaskCancel", "TaskComplete", "TaskError"),
    *("PreToolUse", "PostToolUse", "UserPromptSubmit", "SessionShutdown"),
)


class ClineInstaller(OwnFileInstaller):
    """Our hooks."""

    begins = b"#!/bin/sh\n# Records what happens in Cline"
    uses_launcher = True
    mode = 0o755
    aside = "add .sh to its name: Cline runs both"

    def file(self, project: Path | None) -> Path:
        """The first of `files`."""
        return self.files(project)[0]

    def files(self, project: Path | None) -> list[Path]:
        """A file for each event: the user's, or the project's."""
        folder = project / ".clinerules" / "hooks" if project else Path(home()) / "hooks"
        return [folder / event for event in EVENTS]

    def place(self, path: Path) -> Path:
        """Their directory."""
        return path.parent

    def text(self, _path: Path) -> bytes:
        """What each file holds."""
        command = hook_command(self.harness.name)
        return self.begins + f"; `clankers uninstall {self.harness.name}` removes it.\n{command}\n".encode()
