"""Factory's Droid: its hooks say where the session file is, beside which its settings have the tokens.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

from clankers.harnesses.base import Harness, nested
from clankers.log.envelope import ERROR, INFO, WARN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from clankers.harnesses.installer import Installer
    from clankers.ingest.live import Announcer
    from clankers.ingest.source import Source
    from clankers.restore.files import Restorer

LINE = "line."  # the prefix of the types of a session file's lines


class Droid(Harness):
    """Factory's Droid."""

    name = "droid"
    title = "Droid"
    program = "droid"
    folders = ("~/.local/bin",)  # where its own installer puts it
    resumes_with = ("--resume",)
    starts_with = ()

    def level(self, kind: str, document: Any) -> str:
        """As `Harness.level`; of a session file's line by what is in it."""
        return line_level(document) if kind.startswith(LINE) else super().level(kind, document)

    def announcer(self) -> Announcer:
        """Hooks have no tokens and no ids: they announce the files of their session, which have."""
        from clankers.harnesses.droid.session_files import announce

        return announce

    def source_at(self, session: str, path: str) -> Source | None:
        """The session file at a path, and the settings beside it."""
        from clankers.harnesses.droid.session_files import DroidSession, checked

        return DroidSession(session, checked(session, path))

    def sources(self) -> Iterator[Source]:
        """The files of all sessions."""
        from clankers.harnesses.droid import history

        return history.sources()

    def count(self) -> int:
        """The session files."""
        from clankers.harnesses.droid import history

        return sum(1 for _ in history.files())

    def stores(self) -> list[str]:
        """The directory of the sessions."""
        from clankers.harnesses.droid import history

        return [str(history.sessions())]

    def restorer(self) -> Restorer:
        """Makes its files."""
        from clankers.harnesses.droid import restore

        return restore.files

    def installer(self) -> Installer:
        """Hooks in the settings."""
        from clankers.harnesses.droid.install import DroidInstaller

        return DroidInstaller(self)

    def mcp_installers(self) -> list[Installer]:
        """As `Harness.mcp_installers`."""
        from clankers.harnesses.droid.mcp import installers

        return installers(self)


def line_level(line: Any) -> str:
    """The level of a session file's line: a turn that failed, a call that failed."""
    if nested(line, "reason") not in (None, "completed"):
        return ERROR
    content = nested(line, "message", "content")
    failed = isinstance(content, list) and any(nested(part, "is_error") is True for part in content)
    return WARN if failed else INFO


HARNESS = Droid()
