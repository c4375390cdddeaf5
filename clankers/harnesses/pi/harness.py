"""pi: our extension reports when its session file has new lines, which hold everything else.

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

ENTRY = "entry."  # the prefix of the types of a session file's lines


class Pi(Harness):
    """pi, the coding agent."""

    name = "pi"
    title = "pi"
    program = "pi"
    resumes_with = ("--session",)
    starts_with = ()
    turn_ends = frozenset({"turn_end", "session_shutdown"})

    def level(self, kind: str, document: Any) -> str:
        """As `Harness.level`; of a session file's line by what is in it."""
        return entry_level(document) if kind.startswith(ENTRY) else super().level(kind, document)

    def announcer(self) -> Announcer:
        """The extension's events carry only prompts: they announce the session file, which has the rest."""
        from clankers.harnesses.pi.session_file import announce

        return announce

    def source_at(self, session: str, path: str) -> Source | None:
        """The session file at a path."""
        from clankers.harnesses.pi.session_file import SessionFile

        return SessionFile(session, path)

    def sources(self) -> Iterator[Source]:
        """The session files."""
        from clankers.harnesses.pi import history

        return history.sources()

    def count(self) -> int:
        """The session files."""
        from clankers.harnesses.pi import history

        return sum(1 for _ in history.files())

    def stores(self) -> list[str]:
        """The directories of session files."""
        from clankers.harnesses.pi import history

        return [str(folder) for folder in history.folders()]

    def restorer(self) -> Restorer:
        """Makes its files."""
        from clankers.harnesses.pi import restore

        return restore.files

    def installer(self) -> Installer:
        """Our extension."""
        from clankers.harnesses.pi.install import ExtensionInstaller

        return ExtensionInstaller(self)


def entry_level(entry: Any) -> str:
    """The level of a session file's line: a response that failed, a call that failed."""
    if nested(entry, "message", "stopReason") == "error":
        return ERROR
    return WARN if nested(entry, "message", "isError") is True else INFO


HARNESS = Pi()
