"""Our hooks in Kimi Code's config.toml."""

from collections.abc import Mapping
from pathlib import Path

from clankers.harnesses.hooks_toml import TOMLHooksInstaller, table_of
from clankers.harnesses.installer import InstallError
from clankers.harnesses.kimi.session_files import home

# The events at which the wire log has something new, or which say what it does not.
EVENTS = (
    *("SessionStart", "SessionEnd", "UserPromptSubmit", "PreToolUse", "PostToolUse", "PostToolUseFailure"),
    *("SubagentStop", "PostCompact", "Stop", "StopFailure", "Interrupt"),
)
_TIMEOUT = 10  # seconds after which the client goes on if the disk hangs


class KimiInstaller(TOMLHooksInstaller):
    """Our hooks in config.toml."""

    def file(self, project: Path | None) -> Path:
        """The user's settings.

        Raises:
            InstallError: those of a project are asked for.
        """
        if project:
            raise InstallError("Kimi Code has no hooks for one project; install them for all: `clankers install kimi`")
        return Path(home()) / "config.toml"

    def hooks(self) -> list[Mapping[str, str | int]]:
        """One for each event."""
        return [table_of(self.harness, event=event, timeout=_TIMEOUT) for event in EVENTS]
