"""Our hooks in Codex' hooks.json."""

import json
import os
import re
import tomllib
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

from clankers.harnesses.base import nested
from clankers.harnesses.codex.harness import HARNESS
from clankers.harnesses.codex.history import home
from clankers.harnesses.hook_command import hook_command, is_ours
from clankers.harnesses.hooks_installer import HooksInstaller, dotted, settings_text
from clankers.harnesses.installer import Obstacle, Version
from clankers.system.config_files import content

# The events that add something to the record. Codex ignores those that a version does not know, so one file serves all
# versions, and what the user reviewed once stays reviewed. Not among them: PreModelRequest, one more for each request.
EVENTS = (
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PermissionRequest",
    "PostToolUse",
    "PostModelRequest",  # retries, and the only tokens of `--ephemeral`
    "PreCompact",
    "PostCompact",
    "SubagentStart",
    "SubagentStop",
    "Stop",
    "Interrupt",
    "SessionEnd",
)
_TIMEOUT = 10  # seconds after which the client goes on if the disk hangs
_END_TIMEOUTS = dict.fromkeys(("Interrupt", "SessionEnd"), 3)  # more is cut, with a warning
_NO_HOOKS: Version = (0, 116, 0)  # the last version that was found to run none, unless an experiment is turned on
_REVIEWED: Version = (0, 129, 0)  # the first that was found to run only what the user reviewed


class CodexInstaller(HooksInstaller):
    """Our hooks in hooks.json; config.toml, which has the user's settings and reviews, is only read."""

    def file(self, project: Path | None) -> Path:
        """The user's hooks.json, or the project's."""
        return (project / ".codex" if project else home()) / "hooks.json"

    def hooks(self, _version: Version | None) -> dict[str, dict[str, object]]:
        """The same for every version."""
        command = hook_command(HARNESS.name)
        return {
            event: {"type": "command", "command": command, "timeout": _END_TIMEOUTS.get(event, _TIMEOUT)}
            for event in EVENTS
        }

    def obstacles(self, path: Path, version: Version | None) -> list[Obstacle]:
        """What keeps our hooks from being run: an old version, the settings, or that the user has not reviewed them."""
        if version and version <= _NO_HOOKS:
            finding = f"Codex {dotted(version)} runs no hooks: `clankers backfill {HARNESS.name}` imports its sessions"
            return [Obstacle(finding, "update it")]
        try:
            document = json.loads(settings_text(path, content(path)) or "{}")
        except json.JSONDecodeError as e:
            finding = f"{path}, line {e.lineno}, column {e.colno}: not plain JSON, so Codex ignores the file"
            return [Obstacle(finding, "remove the comment or the comma there")]
        return [*_in_settings(path, document, version), *super().obstacles(path, version)]


def _in_settings(path: Path, document: Any, version: Version | None) -> Iterator[Obstacle]:
    """What Codex' settings say against our hooks in `path`, whose content is `document`."""
    file = home() / "config.toml"
    try:
        settings = tomllib.loads(settings_text(file, content(file)))
    except tomllib.TOMLDecodeError as e:
        yield Obstacle(f"{file}: {e}, so it is not known whether Codex runs our hooks", "repair it")
        return
    for feature in ("hooks", "codex_hooks"):  # the second is what 0.124 calls it
        if nested(settings, "features", feature) is False:
            yield Obstacle(f"{file}: {feature} is false in [features], so no hook runs", "remove it")
    if version and version < _REVIEWED:
        return
    known = nested(settings, "hooks", "state")
    ours = [(_state(known, path, place), hash) for place, hash in _ours(document)]
    unreviewed = sum(nested(state, "trusted_hash") != hash for state, hash in ours)
    if unreviewed:
        finding = f"{path}: {unreviewed} of our {len(ours)} hooks are not reviewed yet, so Codex does not run them"
        yield Obstacle(finding, "start `codex`, type /hooks, and trust them")
    if any(nested(state, "enabled") is False for state, _ in ours):
        yield Obstacle(f"{file}: hooks of ours are turned off", "start `codex`, type /hooks, and turn them on")


def _ours(document: Any) -> Iterator[tuple[str, str]]:
    """Where our hooks are in hooks.json, as Codex' settings name it: event, group, definition; and their hashes."""
    events = nested(document, "hooks")
    for event, groups in events.items() if isinstance(events, dict) else ():
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", event).lower()
        for i, group in enumerate(groups if isinstance(groups, list) else ()):
            definitions = nested(group, "hooks")
            for j, definition in enumerate(definitions if isinstance(definitions, list) else ()):
                command = nested(definition, "command")
                if isinstance(command, str) and is_ours(command, HARNESS.name):
                    yield f"{name}:{i}:{j}", _hash(name, definition)


def _hash(event: str, definition: Any) -> str:
    """What Codex writes down of a hook that the user reviewed: found in 0.129.0, 0.144.6 and 0.171.0."""
    identity = {"event_name": event, "hooks": [{"async": False, **definition}]}
    text = json.dumps(identity, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f"sha256:{sha256(text.encode()).hexdigest()}"


def _state(known: Any, path: Path, place: str) -> Any:
    """What the settings say of the hook at `place` in `path`; None where they say nothing."""
    for file in (os.path.abspath(path), os.path.realpath(path)):
        if state := nested(known, f"{file}:{place}"):
            return state
    return None
