"""Our hooks in a client's settings, where these have the form that `hooks_json` describes."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path

from clankers.harnesses.base import Harness
from clankers.harnesses.hook_command import hook_command
from clankers.harnesses.hooks_json import add_hooks, our_hooks, remove_hooks, settings_object
from clankers.harnesses.installer import Installer, InstallError, Obstacle, Version, client_version
from clankers.system.config_files import Edit, content
from clankers.system.jsonc_edit import JSONCError


class HooksInstaller(Installer):
    """Our hooks, merged into the settings of `harness`."""

    uses_launcher = True

    def __init__(self, harness: Harness) -> None:
        self.harness = harness

    @abstractmethod
    def hooks(self, version: Version | None) -> Mapping[str, Mapping[str, object]]:
        """The definition for each event that `version` of the client knows; None: its version is not known.

        Raises:
            InstallError: that version cannot be recorded.
        """

    def install(self, path: Path) -> Edit:
        """Our hooks, merged into the settings."""
        before = content(path)
        hooks = self.hooks(client_version(self.harness))
        text = settings_text(path, before)
        try:
            after = self.added(text, hooks).encode()
            # With an entry of ours in it, the file is not what it was before us.
            keep = not our_hooks(text, self.harness.name)
        except JSONCError as e:
            raise InstallError(f"{path}: {e}; nothing was changed") from e
        return Edit(path, before, after, keep=keep, mode=0o600)

    def uninstall(self, path: Path) -> Edit:
        """Our hooks removed; if nothing else changed the file since, it is what it was, byte for byte."""
        source = self.harness.name
        before = content(path)
        edit = Edit(path, before, before)
        if before is None:
            return edit
        text = settings_text(path, before)
        try:
            ours = {event: hooks[0] for event, hooks in our_hooks(text, source).items()}
            without = self.removed(text)
            if without == text:
                return edit
            kept = content(edit.backup)
            if kept is None and text == self.added("", ours):
                return edit._replace(after=None)  # the file is ours alone
            if kept is not None:
                old = self.removed(settings_text(edit.backup, kept))
                if self.added(old, ours) == text:
                    return edit._replace(after=old.encode())
            return edit._replace(after=without.encode())
        except JSONCError as e:
            raise InstallError(f"{path}: {e}; nothing was changed") from e

    def added(self, text: str, hooks: Mapping[str, Mapping[str, object]]) -> str:
        """The settings in `text` with these hooks of ours; raises as `hooks_json.add_hooks`."""
        return add_hooks(text, hooks, self.harness.name)

    def removed(self, text: str) -> str:
        """The settings in `text` without anything of ours; raises as `hooks_json.remove_hooks`."""
        return remove_hooks(text, self.harness.name)

    def installed(self, path: Path) -> bool:
        """Whether a hook of ours is there."""
        try:
            return bool(our_hooks(settings_text(path, content(path)), self.harness.name))
        except JSONCError as e:
            raise InstallError(f"{path}: {e}") from e

    def obstacles(self, path: Path, version: Version | None) -> list[Obstacle]:
        """Hooks that are not those that would be installed now; for an unknown version, only their command counts."""
        name = self.harness.name
        found = our_hooks(settings_text(path, content(path)), name)
        again = f"run `clankers install {name}` again"
        if any(hook.get("command") != hook_command(name) for hooks in found.values() for hook in hooks):
            return [Obstacle(f"{path}: hooks of an earlier version, which fail when its environment is gone", again)]
        if version and found != {event: [hook] for event, hook in self.hooks(version).items()}:
            client = f"{self.harness.title} {dotted(version)}"
            return [Obstacle(f"{path}: the hooks are not those that this version installs for {client}", again)]
        return []


def one_hook(harness: Harness, events: Iterable[str], timeout: int) -> dict[str, dict[str, object]]:
    """Our command for each of `events`.

    Args:
        harness: whose client runs it.
        events: by the client's names.
        timeout: after which the client goes on if the disk hangs, in the client's unit.
    """
    command = hook_command(harness.name)
    return {event: {"type": "command", "command": command, "timeout": timeout} for event in events}


def turned_off(path: Path, setting: str, value: bool) -> list[Obstacle]:
    """Whether the settings at `path` turn off all hooks: `setting` has this `value` then."""
    if settings_object(settings_text(path, content(path))).plain.get(setting) is not value:
        return []
    return [Obstacle(f"{path}: {setting} is {str(value).lower()}, so no hook runs", "remove it")]


def settings_text(path: Path, data: bytes | None) -> str:
    """The text of the settings at `path`, whose content is `data`.

    Raises:
        InstallError: it is not UTF-8.
    """
    try:
        return (data or b"").decode()
    except UnicodeDecodeError as e:
        line = data.count(b"\n", 0, e.start) + 1 if data else 1
        raise InstallError(f"{path}, line {line}: not UTF-8 ({e.reason}); nothing was changed") from e


def dotted(version: Version) -> str:
    """A version as people write it."""
    return ".".join(map(str, version))
