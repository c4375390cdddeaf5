"""Our hooks in a TOML file of a client's, as tables of an array: `[[hooks]]`, each with a `command`.

They stand at the end of the file, and are known by their command (`is_ours`). Nothing else is changed: what the file
says besides our hooks is compared before and after.
"""

import json
import re
import tomllib
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from clankers.harnesses.base import Harness
from clankers.harnesses.hook_command import hook_command, is_ours
from clankers.harnesses.hooks_installer import settings_text
from clankers.harnesses.installer import Installer, InstallError, Obstacle, Version
from clankers.system.config_files import Edit, content

_KEY = "hooks"
_NEXT = re.compile(r"^[ \t]*[\[#]", re.MULTILINE)  # the header of any table, or a comment before it
_OURS = re.compile(r"^[ \t]*\[\[[ \t]*hooks[ \t]*\]\]", re.MULTILINE)


class TOMLHooksInstaller(Installer):
    """Our hooks, at the end of a file of `harness`."""

    uses_launcher = True

    def __init__(self, harness: Harness) -> None:
        self.harness = harness

    @abstractmethod
    def hooks(self) -> list[Mapping[str, str | int]]:
        """The tables that we add, with their `command`."""

    def install(self, path: Path) -> Edit:
        """Our hooks, and no other of ours."""
        before = content(path)
        text = settings_text(path, before)
        if self._found(path, text) == self.hooks():
            return Edit(path, before, before)
        after = self._added(path, self._removed(path, text))
        return Edit(path, before, after.encode(), keep=not self._found(path, text), mode=0o600)

    def uninstall(self, path: Path) -> Edit:
        """Our hooks removed; if nothing else changed the file since, it is what it was, byte for byte."""
        before = content(path)
        edit = Edit(path, before, before)
        text = settings_text(path, before)
        if not self._found(path, text):
            return edit
        kept = content(edit.backup)
        if kept is None and text == self._added(path, ""):
            return edit._replace(after=None)  # the file is ours alone
        if kept is not None and self._added(path, settings_text(edit.backup, kept)) == text:
            return edit._replace(after=kept)
        return edit._replace(after=self._removed(path, text).encode())

    def installed(self, path: Path) -> bool:
        """Whether a hook of ours is there."""
        return bool(self._found(path, settings_text(path, content(path))))

    def obstacles(self, path: Path, _version: Version | None) -> list[Obstacle]:
        """Hooks that are not those that would be installed now."""
        if self._found(path, settings_text(path, content(path))) == self.hooks():
            return []
        finding = f"{path}: the hooks are not those that this version of clankers installs"
        return [Obstacle(finding, f"run `clankers install {self.harness.name}` again")]

    def _found(self, path: Path, text: str) -> list[Any]:
        """Our hooks in the file at `path`, whose content is `text`.

        Raises:
            InstallError: it is not TOML.
        """
        hooks = _parsed(path, text).get(_KEY)
        return [hook for hook in hooks if self._is_ours(hook)] if isinstance(hooks, list) else []

    def _is_ours(self, hook: Any) -> bool:
        command = hook.get("command") if isinstance(hook, dict) else None
        return isinstance(command, str) and is_ours(command, self.harness.name)

    def _added(self, path: Path, text: str) -> str:
        tables = "".join(
            "[[hooks]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in hook.items()) + "\n"
            for hook in self.hooks()
        ).removesuffix("\n")
        gap = "\n" if text.endswith("\n") else "\n\n" if text else ""
        added = text + gap + tables
        _parsed(path, added)
        return added

    def _removed(self, path: Path, text: str) -> str:
        """`text` without our hooks.

        Raises:
            InstallError: they are not tables of their own.
        """
        expected = _parsed(path, text)
        hooks = expected.get(_KEY)
        if not isinstance(hooks, list) or not any(map(self._is_ours, hooks)):
            return text
        left = [hook for hook in hooks if not self._is_ours(hook)]
        expected = {name: value for name, value in expected.items() if name != _KEY} | ({_KEY: left} if left else {})
        after = text
        for header in reversed([*_OURS.finditer(text)]):
            following = _NEXT.search(text, header.end())
            end = following.start() if following else len(text)
            if self._is_table_of_ours(text[header.start() : end]):
                after = after[: header.start()] + after[end:]
        after = after.rstrip("\n") + "\n" if after.strip() else ""
        if _parsed(path, after) != expected:
            raise InstallError(f"{path}: our hooks cannot be separated from the rest; remove them by hand")
        return after

    def _is_table_of_ours(self, table: str) -> bool:
        try:
            (hook,) = tomllib.loads(table)[_KEY]
        except (tomllib.TOMLDecodeError, KeyError, ValueError):
            return False
        return self._is_ours(hook)


def _parsed(path: Path, text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as e:
        raise InstallError(f"{path}: {e}; nothing was changed") from e


def table_of(harness: Harness, **members: str | int) -> dict[str, str | int]:
    """A table with these members that runs our command."""
    return {**members, "command": hook_command(harness.name)}
