"""Our MCP server in the settings of Gemini CLI."""

from clankers.harnesses.base import Harness
from clankers.harnesses.gemini.history import home
from clankers.harnesses.installer import Installer
from clankers.harnesses.mcp_json import JSONServerInstaller


def installers(harness: Harness) -> list[Installer]:
    """Where the hooks are, too."""
    return [JSONServerInstaller(harness, home() / "settings.json", ".gemini/settings.json")]
