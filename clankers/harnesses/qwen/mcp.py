"""Our MCP server in the settings of Qwen Code, and our skill."""

from clankers.harnesses.base import Harness
from clankers.harnesses.installer import Installer
from clankers.harnesses.mcp_json import JSONServerInstaller
from clankers.harnesses.qwen.history import home
from clankers.harnesses.skill_installer import SkillInstaller


def installers(harness: Harness) -> list[Installer]:
    """Where the hooks are, too."""
    return [
        JSONServerInstaller(harness, home() / "settings.json", ".qwen/settings.json"),
        SkillInstaller(harness, home() / "skills", ".qwen/skills"),
    ]
