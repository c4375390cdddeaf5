"""Our hooks in the settings of Claude Code."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from clankers.errors import ClankersError
from clankers.harnesses.claude_code.harness import HARNESS
from clankers.harnesses.claude_code.history import homes
from clankers.harnesses.claude_code.settings_json import add_hooks, hooks_disabled, our_hooks, remove_hooks
from clankers.harnesses.hook_command import hook_command
from clankers.harnesses.installer import Installer, InstallError, Obstacle, Version, client_version
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


class HooksInstaller(Installer):
    """Our hooks in the settings."""

    def file(self, project: Path | None) -> Path:
        """The settings: a project's local ones, which are not shared, for the hook names a path of this machine."""
        return project / ".claude" / "settings.local.json" if project else homes()[0] / "settings.json"

    def install(self, path: Path) -> Edit:
        """Our hooks, merged into the settings."""
        before = content(path)
        version = client_version(HARNESS)
        if version and version < _OLDEST:
            raise InstallError(f"Claude Code {_dotted(version)} is too old to be recorded; update it to 2.1 or later")
        try:
            after = add_hooks(_text(path, before), _hooks(version)).encode()
        except JSONCError as e:
            raise InstallError(f"{path}: {e}; nothing was changed") from e
        edit = Edit(path, before, after, mode=0o600)
        # The backup of an earlier install is what the file was before us, still.
        return edit._replace(keep=not our_hooks(_text(path, before)) or not edit.backup.exists())

    def uninstall(self, path: Path) -> Edit:
        """Our hooks taken out; where nothing else was changed since, the file is what it was, byte for byte."""
        before = content(path)
        edit = Edit(path, before, before)
        if before is None:
            return edit
        text = _text(path, before)
        try:
            ours = {event: hooks[0] for event, hooks in our_hooks(text).items()}
            if not ours:
                return edit
            old = content(edit.backup)
            if old is not None and add_hooks(_text(edit.backup, old), ours) == text:
                return edit._replace(after=old)
            after = remove_hooks(text)
        except JSONCError as e:
            raise InstallError(f"{path}: {e}; nothing was changed") from e
        if old is None and text == add_hooks("", ours):
            return edit._replace(after=None)  # the file is ours alone
        return edit._replace(after=after.encode())

    def installed(self, path: Path) -> bool:
        """Whether a hook of ours is there."""
        try:
            return bool(our_hooks(_text(path, content(path))))
        except JSONCError as e:
            raise InstallError(f"{path}: {e}") from e

    def obstacles(self, path: Path, version: Version | None) -> list[Obstacle]:
        """What keeps our hooks from being run."""
        text = _text(path, content(path))
        found = []
        try:
            json.loads(text.removeprefix("\ufeff"))
        except json.JSONDecodeError as e:
            finding = f"{path}, line {e.lineno}, column {e.colno}: not plain JSON, so Claude Code ignores the file"
            found.append(Obstacle(finding, "remove the comment or the comma there"))
        if hooks_disabled(text):
            found.append(Obstacle(f"{path}: disableAllHooks is set, so no hook runs", "remove it"))
        found += _disabled_elsewhere(path)
        if version and our_hooks(text) != {event: [hook] for event, hook in _hooks(version).items()}:
            finding = f"{path}: the hooks are not those that this version installs for Claude Code {_dotted(version)}"
            found.append(Obstacle(finding, f"run `clankers install {HARNESS.name}` again"))
        return found


def _disabled_elsewhere(path: Path) -> Iterator[Obstacle]:
    """What other settings that hold here say against our hooks in `path`: the project's, and those of a policy."""
    project = Path.cwd() / ".claude"
    policy = [_POLICY / "managed-settings.json", *sorted((_POLICY / "managed-settings.d").glob("*.json"))]
    for file in (project / "settings.json", project / "settings.local.json", *policy):
        if file.absolute() == path.absolute():
            continue
        try:
            settings = json.loads(_text(file, content(file)) or "{}")
        except (ValueError, ClankersError):
            continue  # Claude Code ignores a file that it cannot read
        keys = ("disableAllHooks", "allowManagedHooksOnly") if file in policy else ("disableAllHooks",)
        for key in keys:
            if isinstance(settings, dict) and settings.get(key) is True:
                who = "ask who manages this machine" if file in policy else "remove it"
                yield Obstacle(f"{file}: {key} is set, so no hook of yours runs here", who)


def _text(path: Path, data: bytes | None) -> str:
    try:
        return (data or b"").decode()
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1 if data else 1
        raise InstallError(f"{path}, line {line}: not UTF-8 ({e.reason}); nothing was changed") from e


def _hooks(version: Version | None) -> dict[str, dict[str, object]]:
    """What is to be in the settings: for each event that `version` knows, our command.

    Where the version is not known, it is taken for the oldest.
    """
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


def _dotted(version: Version | None) -> str:
    return ".".join(map(str, version or ()))
