"""Our hooks in the settings of Hermes Agent."""

import json
from pathlib import Path

from clankers.harnesses.base import Harness, nested
from clankers.harnesses.hermes.directories import home
from clankers.harnesses.hook_command import LAUNCHER, hook_command
from clankers.harnesses.hooks_installer import settings_text
from clankers.harnesses.hooks_yaml import YAMLError, add_hooks, events_that_run, remove_hooks
from clankers.harnesses.installer import Installer, InstallError, Obstacle, Version
from clankers.system.config_files import Edit, content

# What the database does not have, and the end of a turn. Hermes asks the user about each of them.
EVENTS = ("post_api_request", "api_request_error", "post_tool_call", "on_session_end")
_TIMEOUT = 10  # seconds after which the client goes on if the disk hangs


class HermesInstaller(Installer):
    """Our hooks in `config.yaml`."""

    uses_launcher = True

    def __init__(self, harness: Harness) -> None:
        self._source = harness.name
        # Hermes runs no shell. Its text never changes, because the user allows each new one.
        self._command = f'sh -c "{hook_command(harness.name)}"'
        self._core = f"{LAUNCHER} {harness.name}; exit 0"

    def file(self, project: Path | None) -> Path:
        """The user's settings.

        Raises:
            InstallError: those of a project are asked for.
        """
        if project:
            raise InstallError(
                "Hermes Agent has no hooks for one project; install them for all: `clankers install hermes`"
            )
        return home() / "config.yaml"

    def install(self, path: Path) -> Edit:
        """Our hooks, one for each event."""
        before = content(path)
        text = settings_text(path, before)
        ours = events_that_run(text, self._core)
        if ours == set(EVENTS):
            return Edit(path, before, before)
        try:
            after = self._added(remove_hooks(text, self._core))
        except YAMLError as e:
            hooks = self._added("")
            raise InstallError(f"{path}: {e}; nothing was changed. Add these lines by hand:\n{hooks}") from e
        return Edit(path, before, after.encode(), keep=not ours, mode=0o600)

    def uninstall(self, path: Path) -> Edit:
        """Our hooks removed; if nothing else changed the file since, it is what it was, byte for byte."""
        before = content(path)
        edit = Edit(path, before, before)
        text = settings_text(path, before)
        try:
            after = remove_hooks(text, self._core)
        except YAMLError as e:
            if self._core not in text:
                return edit
            raise InstallError(f"{path}: {e}; remove our hooks by hand") from e
        if after == text:
            return edit
        kept = content(edit.backup)
        if kept is None and text == self._added(""):
            return edit._replace(after=None)  # the file is ours alone
        if kept is not None and self._added(settings_text(edit.backup, kept)) == text:
            return edit._replace(after=kept)
        return edit._replace(after=after.encode())

    def installed(self, path: Path) -> bool:
        """Whether a hook of ours is there."""
        return bool(events_that_run(settings_text(path, content(path)), self._core))

    def obstacles(self, path: Path, _version: Version | None) -> list[Obstacle]:
        """Events without a hook of ours, and hooks that the user has not allowed yet."""
        text = settings_text(path, content(path))
        missing = [event for event in EVENTS if event not in events_that_run(text, self._core)]
        if missing:
            finding = f"{path}: no hook of ours for {', '.join(missing)}"
            return [Obstacle(finding, f"run `clankers install {self._source}` again")]
        if "hooks_auto_accept: true" in text or not (waiting := set(EVENTS) - self._allowed()):
            return []
        finding = f"{path}: {len(waiting)} of our {len(EVENTS)} hooks are not allowed yet, so Hermes does not run them"
        return [Obstacle(finding, "start `hermes` in a terminal and allow them, or once with --accept-hooks")]

    def _allowed(self) -> set[str]:
        """The events for which Hermes has noted that the user allows our hook."""
        file = home() / "shell-hooks-allowlist.json"
        try:
            approvals = nested(json.loads(settings_text(file, content(file)) or "{}"), "approvals")
        except (json.JSONDecodeError, RecursionError):
            return set()
        ours = [one for one in approvals or () if nested(one, "command") == self._command]
        return {event for one in ours if isinstance(event := one.get("event"), str)}

    def _added(self, text: str) -> str:
        return add_hooks(text, {event: {"command": self._command, "timeout": _TIMEOUT} for event in EVENTS})
