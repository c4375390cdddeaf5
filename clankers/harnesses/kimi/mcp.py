"""Our MCP server in the settings of Kimi Code."""

from pathlib import Path

from clankers.harnesses.base import Harness
from clankers.harnesses.installer import Installer
from clankers.harnesses.kimi.session_files import home
from clankers.harnesses.mcp_json import JSONServerInstaller


def installers(harness: Harness) -> list[Installer]:
    """A file of their own."""
    return [JSONServerInstaller(harness, Path(home(), "mcp.json"), ".kimi-code/mcp.json")]
