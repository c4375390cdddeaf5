"""Our hooks in the settings of Droid."""

from pathlib import Path

from clankers.harnesses.droid.history import home
from clankers.harnesses.hooks_installer import HooksInstaller, one_hook, turned_off
from clankers.harnesses.installer import Obstacle, Version

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
        return one_hook(self.harness, EVENTS, _TIMEOUT)

    def obstacles(self, path: Path, version: Version | None) -> list[Obstacle]:
        """Settings that disable all hooks, and what every client's hooks may lack."""
        return [*turned_off(path, "enableHooks", False), *super().obstacles(path, version)]
