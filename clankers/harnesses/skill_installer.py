"""A skill, `SKILL.md` in a directory of its own, that tells an agent when to search its history and how to cite it."""

from importlib.resources import files
from pathlib import Path

from clankers.harnesses.base import Harness
from clankers.harnesses.own_file_installer import OwnFileInstaller
from clankers.system import install_manifest

_NAME = "session-history"


class SkillInstaller(OwnFileInstaller):
    """Our skill in the directory of skills `user`, or in that of a project, `project` in its directory."""

    # The name alone may be that of a skill of the user's.
    begins = b"---\nname: session-history\ndescription: Search what coding agents did and said on this machine before."
    options = " --mcp"
    manifest = install_manifest.SKILLS
    states = ("knows when to search its history", "no longer has our skill", "did not have our skill")

    def __init__(self, harness: Harness, user: Path, project: str) -> None:
        super().__init__(harness)
        self._user = user
        self._project = project

    def file(self, project: Path | None) -> Path:
        """The skill."""
        return (project / self._project if project else self._user) / _NAME / "SKILL.md"

    def text(self, _path: Path) -> bytes:
        """The same for every client."""
        return files("clankers").joinpath("assets", "skill", "SKILL.md").read_bytes()
