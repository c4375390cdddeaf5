"""Kimi Code: its hooks tell when the wire log of an agent has new lines, which hold everything else.

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

WIRE = "wire."  # the prefix of the types of a wire log's lines


class Kimi(Harness):
    """Kimi Code."""

    name = "kimi"
    title = "Kimi Code"
    program = "kimi"
    resumes_with = ("--session",)

    def level(self, kind: str, document: Any) -> str:
        """As `Harness.level`; of a wire log's line by what is in it."""
        return line_level(document) if kind.startswith(WIRE) else super().level(kind, document)

    def announcer(self) -> Announcer:
        """Hooks have no tokens: they announce the files of their session, which have."""
        from clankers.harnesses.kimi.session_files import announce

        return announce

    def source_at(self, session: str, path: str) -> Source | None:
        """The files of a session in a directory."""
        from clankers.harnesses.kimi.session_files import SessionFolder, checked

        return SessionFolder(session, checked(session, path))

    def sources(self) -> Iterator[Source]:
        """The sessions."""
        from clankers.harnesses.kimi import history

        return history.sources()

    def count(self) -> int:
        """The directories of sessions."""
        from clankers.harnesses.kimi import history

        return sum(1 for _ in history.folders())

    def stores(self) -> list[str]:
        """The directory of all sessions."""
        from clankers.harnesses.kimi.session_files import sessions

        return [sessions()]

    def restorer(self) -> Restorer:
        """Makes its files."""
        from clankers.harnesses.kimi import restore

        return restore.files

    def installer(self) -> Installer:
        """Hooks in config.toml."""
        from clankers.harnesses.kimi.install import KimiInstaller

        return KimiInstaller(self)

    def mcp_installers(self) -> list[Installer]:
        """As `Harness.mcp_installers`."""
        from clankers.harnesses.kimi.mcp import installers

        return installers(self)


def line_level(line: Any) -> str:
    """The level of a wire log's line: a turn that failed, a call that failed, a request that is tried again."""
    if nested(line, "type") == "turn.ended" and nested(line, "reason") == "failed":
        return ERROR
    failed = nested(line, "event", "result", "isError") is True
    return WARN if failed or nested(line, "type") == "turn.step.retrying" else INFO


HARNESS = Kimi()
