"""Our MCP server in the settings of Cline."""

from pathlib import Path

from clankers import paths
from clankers.harnesses.base import Harness
from clankers.harnesses.cline.directories import data
from clankers.harnesses.installer import Installer
from clankers.harnesses.mcp_json import JSONServerInstaller


def installers(harness: Harness) -> list[Installer]:
    """A file of their own."""
    named = paths.named_directory("CLINE_MCP_SETTINGS_PATH")
    settings = Path(named) if named else Path(data(), "settings", "cline_mcp_settings.json")
    return [JSONServerInstaller(harness, settings)]
