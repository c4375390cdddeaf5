"""Our hooks in Vibe's file of hooks."""

from collections.abc import Mapping
from pathlib import Path

from clankers.harnesses.hooks_toml import TOMLHooksInstaller, table_of
from clankers.harnesses.installer import Obstacle, Version
from clankers.harnesses.vibe.history import home

EVENTS = ("pre_tool", "post_tool", "post_agent")  # all that the client has
_TIMEOUT = 10  # seconds after which the client goes on if the disk hangs
_OLDEST: Version = (3, 0, 0)  # 2.18.4 ran none by default


class VibeInstaller(TOMLHooksInstaller):
    """Our hooks in `hooks.toml`."""

    def file(self, project: Path | None) -> Path:
        """The file of hooks: the user's, or the project's, whose hooks run once its folder is trusted."""
        return (project / ".vibe" if project else home()) / "hooks.toml"

    def hooks(self) -> list[Mapping[str, str | int]]:
        """One for each event."""
        return [table_of(self.harness, name=f"clankers-{one}", type=one, timeout=_TIMEOUT) for one in EVENTS]

    def obstacles(self, path: Path, version: Version | None) -> list[Obstacle]:
        """A version that runs no hooks, and what every client's hooks may lack."""
        found = super().obstacles(path, version)
        if version and version < _OLDEST:
            finding = "Mistral Vibe 2.x runs no hooks by default"
            found.append(Obstacle(finding, "update it to 3.0.0 or later, or import with `clankers backfill vibe`"))
        return found
