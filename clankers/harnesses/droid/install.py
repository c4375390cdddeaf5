"""Our hooks in the settings of Droid."""

from pathlib import Path

from clankers.harnesses.droid.history import home
from clankers.harnesses.hook_command import hook_command
from clankers.harnesses.hooks_installer import HooksInstaller, settings_text
from clankers.harnesses.hooks_json import settings_object
from clankers.harnesses.installer import Obstacle, Version
from clankers.system.config_files import content

# The events at which the session's files have something new, or which say what they do not.
EVENTS = (
    *("SessionStart", "SessionEnd", "UserPromptSubmit", "PreToolUse", "PostToolUse"),
    *("SubagentStop", "PreCompact", "Stop"),
)
_TIMEOUT = 10  # seconds after which the client goes on if the disk hangs


class DroidInstaller(HooksInstaller):
    """Our hooks in the settings."""

    def file(self, project: Path | None) -> Path:
        """The settings: the user's, or the project's. A file of hooks alone is ignored by the client."""
        return (project / ".factory" if project else home()) / "settings.json"

    def hooks(self, _version: Version | None) -> dict[str, dict[str, object]]:
        """For each event, our command."""
        hook = {"type": "command", "command": hook_command(self.harness.name), "timeout": _TIMEOUT}
        return dict.fromkeys(EVENTS, hook)

    def obstacles(self, path: Path, version: Version | None) -> list[Obstacle]:
        """Settings that disable all hooks, and what every client's hooks may lack."""
        settings = settings_object(settings_text(path, content(path))).plain
        found = []
        if settings.get("enableHooks") is False:
            found.append(Obstacle(f"{path}: enableHooks is false, so no hook runs", "remove it"))
        return [*found, *super().obstacles(path, version)]
