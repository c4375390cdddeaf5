"""Our MCP server in the settings of Droid."""

from clankers.harnesses.base import Harness
from clankers.harnesses.droid.history import home
from clankers.harnesses.installer import Installer
from clankers.harnesses.mcp_json import JSONServerInstaller


def installers(harness: Harness) -> list[Installer]:
    """A file of their own."""
    return [JSONServerInstaller(harness, home() / "mcp.json", ".factory/mcp.json")]
