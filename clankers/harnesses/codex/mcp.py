"""Our MCP server in the settings of Codex, and our skill."""

from clankers.harnesses.base import Harness
from clankers.harnesses.codex.history import home
from clankers.harnesses.installer import Installer
from clankers.harnesses.mcp_toml import TOMLServerInstaller
from clankers.harnesses.skill_installer import SkillInstaller


def installers(harness: Harness) -> list[Installer]:
    """A table in config.toml."""
    return [
        TOMLServerInstaller(harness, home() / "config.toml", ".codex/config.toml"),
        SkillInstaller(harness, home() / "skills", ".codex/skills"),
    ]
