"""Our hooks in the settings of Gemini CLI."""

import os
from collections.abc import Iterator
from pathlib import Path

from clankers.errors import ClankersError
from clankers.harnesses.gemini.harness import HARNESS
from clankers.harnesses.gemini.history import home
from clankers.harnesses.hook_command import hook_command
from clankers.harnesses.hooks_installer import HooksInstaller, dotted, settings_text
from clankers.harnesses.hooks_json import settings_object
from clankers.harnesses.installer import Obstacle, Version
from clankers.system.config_files import content
from clankers.system.jsonc_edit import JSONCError, parse

# The events that add something to the record. Not among them: BeforeModel, AfterModel and BeforeToolSelection, which
# send the complete conversation at every request and chunk; PreCompress, which comes before each request.
EVENTS = ("SessionStart", "SessionEnd", "BeforeAgent", "AfterAgent", "BeforeTool", "AfterTool", "Notification")
_OLDEST: Version = (0, 36, 0)  # the oldest version whose hooks were measured
_NAME = "clankers"  # of our hooks, as the client lists them
_TIMEOUT = 10_000  # milliseconds after which the client goes on if the disk hangs
_UNTRUSTED = "DO_NOT_TRUST"


class GeminiInstaller(HooksInstaller):
    """Our hooks in the settings."""

    def file(self, project: Path | None) -> Path:
        """The settings: the user's, or the project's, whose hooks the client announces."""
        return (project / ".gemini" if project else home()) / "settings.json"

    def hooks(self, _version: Version | None) -> dict[str, dict[str, object]]:
        """For each event, our command: a version that does not know an event says so and skips it."""
        hook = {"type": "command", "name": _NAME, "command": hook_command(HARNESS.name), "timeout": _TIMEOUT}
        return dict.fromkeys(EVENTS, hook)

    def obstacles(self, path: Path, version: Version | None) -> list[Obstacle]:
        """What keeps our hooks from being run."""
        found = list(_disabled(path))
        if path.absolute() != (user := home() / "settings.json").absolute():
            found += _disabled(user)
        found += _untrusted(Path.cwd())
        if version and version < _OLDEST:
            finding = f"Gemini CLI {dotted(version)} is older than what was tested, and may run no hooks"
            found.append(Obstacle(finding, f"update it to {dotted(_OLDEST)} or later"))
        return [*found, *super().obstacles(path, version)]


def _disabled(path: Path) -> Iterator[Obstacle]:
    """What the settings at `path` say against hooks, ours or all."""
    settings = settings_object(settings_text(path, content(path))).plain
    config = settings.get("hooksConfig")
    if not isinstance(config, dict):
        return
    if config.get("enabled") is False:
        yield Obstacle(f"{path}: hooksConfig.enabled is false, so no hook runs", "remove it")
    named = config.get("disabled")
    for name in named if isinstance(named, list) else []:
        if name in (_NAME, hook_command(HARNESS.name)):
            yield Obstacle(f"{path}: hooksConfig.disabled names our hooks", f"remove {_NAME!r} from it")
            return


def _untrusted(folder: Path) -> Iterator[Obstacle]:
    """Whether the person declined to trust `folder`: there the client runs no hooks, the user's neither."""
    path = home() / "trustedFolders.json"
    try:
        rules = parse(settings_text(path, content(path))).plain
    except (ClankersError, JSONCError):
        return
    inside = [
        (len(place), trust)
        for place, trust in (rules.items() if isinstance(rules, dict) else ())
        if folder.is_relative_to(os.path.dirname(place) if trust == "TRUST_PARENT" else place)
    ]
    if max(inside, default=(0, ""), key=lambda rule: rule[0])[1] == _UNTRUSTED:
        finding = f"{path}: {folder} is not trusted, so no hook runs there"
        yield Obstacle(finding, "trust it with `/permissions trust` in Gemini CLI")
