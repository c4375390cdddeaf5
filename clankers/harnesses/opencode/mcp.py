"""Our MCP server in the settings of OpenCode, and of a client built on it."""

from collections.abc import Mapping
from pathlib import Path

from clankers.harnesses.base import Harness
from clankers.harnesses.installer import Installer
from clankers.harnesses.mcp_json import JSONServerInstaller
from clankers.harnesses.opencode.directories import directory


def installers(harness: Harness) -> list[Installer]:
    """Of the files that the client reads, the one that is there."""
    folder = directory(harness.name, "XDG_CONFIG_HOME", ".config")
    user = _settings(folder, harness.name)
    project = _settings(Path.cwd(), harness.name).name
    return [JSONServerInstaller(harness, user, project, key="mcp", entry=_entry)]


def _settings(folder: Path, name: str) -> Path:
    found = [folder / f"{name}.{suffix}" for suffix in ("json", "jsonc")]
    return next((path for path in found if path.exists()), found[0])


def _entry(command: list[str], variables: Mapping[str, str]) -> dict[str, object]:
    entry: dict[str, object] = {"type": "local", "command": command, "enabled": True}
    return {**entry, "environment": dict(variables)} if variables else entry
