"""Our hooks, a file of our own in GitHub Copilot CLI's directory of hooks."""

import json
from pathlib import Path

from clankers.harnesses.copilot.event_log import home
from clankers.harnesses.hook_command import hook_command
from clankers.harnesses.hooks_installer import dotted, turned_off
from clankers.harnesses.installer import Obstacle, Version
from clankers.harnesses.own_file_installer import OwnFileInstaller

# By the names with capitals, payloads name their event. Left out are the hooks for which a tool waits (PreToolUse and
# PermissionRequest, which comes even where everything is allowed): nothing is in the event log by then that the next
# hook would not find; and SubagentStart and PreCompact, for the same reason.
EVENTS = (
    *("SessionStart", "SessionEnd", "UserPromptSubmit", "PostToolUse", "PostToolUseFailure", "ErrorOccurred"),
    *("Stop", "SubagentStop"),
)
_NAME = "clankers.json"
_DESCRIPTION = "Records what happens in GitHub Copilot CLI (clankers)"
_TIMEOUT = 10  # seconds after which the client goes on if the disk hangs
_OLDEST: Version = (1, 0, 21)  # whose hooks have names with capitals


class CopilotInstaller(OwnFileInstaller):
    """Our file of hooks."""

    begins = b'{\n  "description": "Records what happens in GitHub Copilot CLI'
    uses_launcher = True

    def file(self, project: Path | None) -> Path:
        """The user's, or that of a project."""
        return (project / ".github" if project else Path(home())) / "hooks" / _NAME

    def text(self, _path: Path) -> bytes:
        """For each event, our command."""
        hook = {"type": "command", "command": hook_command(self.harness.name), "timeout": _TIMEOUT}
        hooks = {event: [hook] for event in EVENTS}
        return json.dumps({"description": _DESCRIPTION, "version": 1, "hooks": hooks}, indent=2).encode() + b"\n"

    def obstacles(self, path: Path, version: Version | None) -> list[Obstacle]:
        """Settings that disable all hooks, and a version that does not know these."""
        found = super().obstacles(path, version)
        found += turned_off(Path(home()) / "settings.json", "disableAllHooks", True)
        if version and version < _OLDEST:
            finding = f"{self.harness.title} {dotted(version)} does not know these hooks"
            found.append(Obstacle(finding, f"update it to {dotted(_OLDEST)} or later"))
        return found
