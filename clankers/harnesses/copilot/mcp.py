"""Our MCP server in the settings of GitHub Copilot CLI."""

from collections.abc import Mapping
from pathlib import Path

from clankers.harnesses.base import Harness
from clankers.harnesses.copilot.event_log import home
from clankers.harnesses.installer import Installer
from clankers.harnesses.mcp_json import JSONServerInstaller, stdio_entry


def installers(harness: Harness) -> list[Installer]:
    """A file of their own."""
    return [JSONServerInstaller(harness, Path(home(), "mcp-config.json"), entry=_entry)]


def _entry(command: list[str], variables: Mapping[str, str]) -> dict[str, object]:
    """Without `tools` the client offers none."""
    return {"type": "local", **stdio_entry(command, variables), "tools": ["*"]}
