"""Our hooks in the settings of Qwen Code."""

from pathlib import Path

from clankers.harnesses.hook_command import hook_command
from clankers.harnesses.hooks_installer import HooksInstaller, settings_text
from clankers.harnesses.hooks_json import settings_object
from clankers.harnesses.installer import Obstacle, Version
from clankers.harnesses.qwen.history import home
from clankers.system.config_files import content

# The events at which the chat file has something new, or which say what it does not.
EVENTS = (
    *("SessionStart", "SessionEnd", "UserPromptSubmit", "PreToolUse", "PostToolUse", "PostToolUseFailure"),
    *("PostToolBatch", "SubagentStop", "PostCompact", "Stop", "StopFailure"),
)
_TIMEOUT = 10_000  # milliseconds after which the client goes on if the disk hangs


class QwenInstaller(HooksInstaller):
    """Our hooks in the settings."""

    def file(self, project: Path | None) -> Path:
        """The settings: the user's, or the project's."""
        return (project / ".qwen" if project else home()) / "settings.json"

    def hooks(self, _version: Version | None) -> dict[str, dict[str, object]]:
        """For each event, our command."""
        hook = {"type": "command", "command": hook_command(self.harness.name), "timeout": _TIMEOUT}
        return dict.fromkeys(EVENTS, hook)

    def obstacles(self, path: Path, version: Version | None) -> list[Obstacle]:
        """Settings that disable all hooks, and what every client's hooks may lack."""
        settings = settings_object(settings_text(path, content(path))).plain
        found = []
        if settings.get("disableAllHooks") is True:
            found.append(Obstacle(f"{path}: disableAllHooks is true, so no hook runs", "remove it"))
        return [*found, *super().obstacles(path, version)]
