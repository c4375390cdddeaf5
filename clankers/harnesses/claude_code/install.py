"""Our hooks in the settings of Claude Code."""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from clankers.errors import ClankersError
from clankers.harnesses.claude_code.harness import HARNESS
from clankers.harnesses.claude_code.history import homes
from clankers.harnesses.claude_code.status_line import add_status_line, has_status_line, remove_status_line
from clankers.harnesses.hook_command import hook_command
from clankers.harnesses.hooks_installer import HooksInstaller, dotted, settings_text
from clankers.harnesses.hooks_json import settings_object
from clankers.harnesses.installer import InstallError, Obstacle, Version
from clankers.system.config_files import Edit, content
from clankers.system.jsonc_edit import JSONCError

# The events that add something to the record, and the lowest version that was found to know each (by the list in the
# client's own code; not looked for below 2.1.0, which kept subagents' transcripts elsewhere). Older
# versions silently ignore the whole settings file if it names an unknown event. Not among them: WorktreeCreate, where a
# hook that prints no path breaks `--worktree`; MessageDisplay, one for every few words; PermissionRequest, which is
# asked for a decision; PostToolBatch, which repeats every tool's output.
_OLDEST: Version = (2, 1, 0)
EVENTS: dict[str, Version] = {
    "SessionStart": _OLDEST,
    "UserPromptSubmit": _OLDEST,
    "PreToolUse": _OLDEST,  # after a kill, with PostToolUse the only evidence of a tool
    "PostToolUse": _OLDEST,  # how long a tool took
    "PostToolUseFailure": _OLDEST,
    "PermissionDenied": (2, 1, 90),
    "Notification": _OLDEST,  # the client waited for the person
    "Stop": _OLDEST,
    "StopFailure": (2, 1, 80),
    "SubagentStart": _OLDEST,
    "SubagentStop": _OLDEST,
    "PreCompact": _OLDEST,
    "PostCompact": (2, 1, 80),
    "TaskCreated": (2, 1, 90),
    "TaskCompleted": (2, 1, 38),
    "SessionEnd": _OLDEST,
}
# Where a policy for all users of a machine lies (Claude Code's documentation, "Settings").
_POLICY = Path("/Library/Application Support/ClaudeCode" if sys.platform == "darwin" else "/etc/claude-code")
_TIMEOUT = 10  # seconds after which the client goes on if the disk hangs
_END_TIMEOUT = 30  # SessionEnd's: without one of its own it is killed after 1.5 s


class ClaudeCodeInstaller(HooksInstaller):
    """Our hooks in the settings, and our status line, if that is asked for or there already."""

    status_line = False

    def file(self, project: Path | None) -> Path:
        """The settings: a project's local ones, which are not shared, for not everybody in it records."""
        return project / ".claude" / "settings.local.json" if project else homes()[0] / "settings.json"

    def hooks(self, version: Version | None) -> dict[str, dict[str, object]]:
        """For each event that `version` knows, our command; a version that is not known is taken for the oldest."""
        if version and version < _OLDEST:
            raise InstallError(f"Claude Code {dotted(version)} is too old to be recorded; update it to 2.1 or later")
        command = hook_command(HARNESS.name)
        return {
            event: {
                "type": "command",
                "command": command,
                "timeout": _END_TIMEOUT if event == "SessionEnd" else _TIMEOUT,
            }
            for event, since in EVENTS.items()
            if since <= (version or _OLDEST)
        }

    def added(self, text: str, hooks: Mapping[str, Mapping[str, object]]) -> str:
        """As `HooksInstaller.added`."""
        text = super().added(text, hooks)
        return add_status_line(text) if self.status_line else text

    def removed(self, text: str) -> str:
        """As `HooksInstaller.removed`."""
        return super().removed(remove_status_line(text))

    def uninstall(self, path: Path) -> Edit:
        """As `HooksInstaller.uninstall`; another status line is what it was."""
        self.status_line = self._shows_status_line(path)
        return super().uninstall(path)

    def installed(self, path: Path) -> bool:
        """Whether a hook or the status line of ours is there."""
        return super().installed(path) or self._shows_status_line(path)

    def _shows_status_line(self, path: Path) -> bool:
        try:
            return has_status_line(settings_text(path, content(path)))
        except JSONCError as e:
            raise InstallError(f"{path}: {e}; nothing was changed") from e

    def obstacles(self, path: Path, version: Version | None) -> list[Obstacle]:
        """What keeps our hooks from being run."""
        if version and version < _OLDEST:
            return [Obstacle(f"Claude Code {dotted(version)} is too old to be recorded", "update it to 2.1 or later")]
        text = settings_text(path, content(path))
        found = []
        try:
            json.loads(text.removeprefix("\ufeff"))
        except json.JSONDecodeError as e:
            finding = f"{path}, line {e.lineno}, column {e.colno}: not plain JSON, so Claude Code ignores the file"
            found.append(Obstacle(finding, "remove the comment or the comma there"))
        if hooks_disabled(text):
            found.append(Obstacle(f"{path}: disableAllHooks is set, so no hook runs", "remove it"))
        return [*found, *_disabled_elsewhere(path), *super().obstacles(path, version)]


def hooks_disabled(text: str) -> bool:
    """Whether `disableAllHooks` is true in the settings: then Claude Code runs no hooks at all.

    Raises:
        JSONCError: the text is malformed, or not an object.
    """
    return settings_object(text).plain.get("disableAllHooks") is True


def _disabled_elsewhere(path: Path) -> Iterator[Obstacle]:
    """What other settings that hold here say against our hooks in `path`: the user's, the project's, a policy's."""
    home, project = homes()[0], Path.cwd() / ".claude"
    for file in (home / "settings.json", project / "settings.json", project / "settings.local.json"):
        if file.absolute() != path.absolute() and _settings(file).get("disableAllHooks") is True:
            yield Obstacle(f"{file}: disableAllHooks is set, so no hook of yours runs here", "remove it")
    # The last is the client's copy of the settings that an organization sends.
    policies = [_POLICY / "managed-settings.json", *sorted((_POLICY / "managed-settings.d").glob("*.json"))]
    for file in (*policies, home / "remote-settings.json"):
        settings = _settings(file)
        plugins_only = settings.get("strictPluginOnlyCustomization")
        against = {
            "disableAllHooks": settings.get("disableAllHooks") is True,
            "allowManagedHooksOnly": settings.get("allowManagedHooksOnly") is True,
            "strictPluginOnlyCustomization": plugins_only is True
            or (isinstance(plugins_only, list) and "hooks" in plugins_only),
        }
        for key in (key for key, is_set in against.items() if is_set):
            yield Obstacle(f"{file}: {key} is set, so no hook of yours runs here", "ask who manages this machine")


def _settings(file: Path) -> dict[str, object]:
    """The settings in `file`; empty where there are none, or none that Claude Code can read."""
    try:
        settings = json.loads(settings_text(file, content(file)).removeprefix("\ufeff") or "{}")
    except (ValueError, RecursionError, ClankersError):
        return {}
    return settings if isinstance(settings, dict) else {}
