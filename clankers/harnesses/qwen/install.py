"""Our hooks in the settings of Qwen Code."""

from pathlib import Path

from clankers.harnesses.hooks_installer import HooksInstaller, one_hook, turned_off
from clankers.harnesses.installer import Obstacle, Version
from clankers.harnesses.qwen.history import home

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
        return one_hook(self.harness, EVENTS, _TIMEOUT)

    def obstacles(self, path: Path, version: Version | None) -> list[Obstacle]:
        """Settings that disable all hooks, and what every client's hooks may lack."""
        return [*turned_off(path, "disableAllHooks", True), *super().obstacles(path, version)]
