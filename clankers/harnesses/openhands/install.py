"""Our hooks in OpenHands's file of hooks."""

from pathlib import Path

from clankers.harnesses.hooks_installer import HooksInstaller, one_hook
from clankers.harnesses.installer import Version
from clankers.harnesses.openhands.conversation import home

EVENTS = ("SessionStart", "SessionEnd", "UserPromptSubmit", "PreToolUse", "PostToolUse", "Stop")  # all that there are
_TIMEOUT = 10  # seconds after which the client goes on if the disk hangs


class OpenHandsInstaller(HooksInstaller):
    """Our hooks in `hooks.json`."""

    def file(self, project: Path | None) -> Path:
        """The file of hooks: the user's, or the project's."""
        return (project / ".openhands" if project else Path(home())) / "hooks.json"

    def hooks(self, _version: Version | None) -> dict[str, dict[str, object]]:
        """For each event, our command."""
        return one_hook(self.harness, EVENTS, _TIMEOUT)
