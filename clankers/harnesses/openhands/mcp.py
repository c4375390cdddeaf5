"""Our MCP server in the settings of OpenHands."""

from pathlib import Path

from clankers.harnesses.base import Harness
from clankers.harnesses.installer import Installer
from clankers.harnesses.mcp_json import JSONServerInstaller
from clankers.harnesses.openhands.conversation import home


def installers(harness: Harness) -> list[Installer]:
    """A file of their own."""
    return [JSONServerInstaller(harness, Path(home(), "mcp.json"))]
