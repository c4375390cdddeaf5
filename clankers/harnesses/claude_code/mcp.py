"""Our MCP server in the settings of Claude Code, and our skill."""

import os
from pathlib import Path

from clankers import paths
from clankers.harnesses.base import Harness
from clankers.harnesses.claude_code.history import homes
from clankers.harnesses.installer import Installer
from clankers.harnesses.mcp_json import JSONServerInstaller
from clankers.harnesses.skill_installer import SkillInstaller


def installers(harness: Harness) -> list[Installer]:
    """The user's servers are in `.claude.json`, which is in the home directory unless the variable names another."""
    home = homes()[0]
    settings = home if os.environ.get("CLAUDE_CONFIG_DIR") else Path(paths.home())
    return [
        JSONServerInstaller(harness, settings / ".claude.json", ".mcp.json"),
        SkillInstaller(harness, home / "skills", ".claude/skills"),
    ]
