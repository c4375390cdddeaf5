"""Cline: its hooks name the session, whose files hold what hooks do not carry.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

from clankers.harnesses.base import MAX_KIND, Harness, nested
from clankers.log.envelope import ERROR, INFO, WARN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from clankers.harnesses.installer import Installer
    from clankers.ingest.live import Announcer
    from clankers.ingest.source import Source
    from clankers.log.writer import Log
    from clankers.restore.files import Restorer

_LEVELS = {"agent_error": ERROR}
_AWAITED = frozenset({"tool_call", "tool_result"})


class Cline(Harness):
    """Cline, the command-line client."""

    name = "cline"
    title = "Cline"
    program = "cline"
    resumes_with = ("--tui", "--id")
    starts_with = ("--tui",)
    turn_ends = frozenset({"agent_end", "agent_error", "agent_abort", "session_shutdown"})
    levels = _LEVELS

    def kind(self, document: Any) -> str:
        """As `Harness.kind`; Cline has a member of its own for it."""
        name = nested(document, "hookName")
        return name[:MAX_KIND] if isinstance(name, str) and name else super().kind(document)

    def level(self, kind: str, document: Any) -> str:
        """As `Harness.level`; of a call's end by its results: the client says that all succeeded."""
        if kind == "tool_result":
            result = nested(document, "tool_result")
            return WARN if nested(result, "error") is not None or has_failure(nested(result, "output")) else INFO
        return super().level(kind, document)

    def announcer(self) -> Announcer:
        """Hooks have no tokens: they announce the files of their session, which have."""
        from clankers.harnesses.cline.session_files import announce

        return announce

    def follow(self, log: Log, documents: list[Any]) -> None:
        """As `Harness.follow`, except after hooks for which the client waits: the end of the turn reads it all."""
        if ended := [document for document in documents if self.kind(document) not in _AWAITED]:
            super().follow(log, ended)

    def source_at(self, session: str, path: str) -> Source | None:
        """The files of a session in the directory `path`."""
        from clankers.harnesses.cline.session_files import SessionFiles, checked

        return SessionFiles(session, checked(session, path))

    def sources(self) -> Iterator[Source]:
        """The directories of all sessions."""
        from clankers.harnesses.cline import history

        return history.sources()

    def count(self) -> int:
        """The directories of sessions."""
        from clankers.harnesses.cline import history

        return len(history.folders())

    def stores(self) -> list[str]:
        """The directory of the sessions."""
        from clankers.harnesses.cline.directories import sessions

        return [sessions()]

    def restorer(self) -> Restorer:
        """Makes its files."""
        from clankers.harnesses.cline import restore

        return restore.files

    def installer(self) -> Installer:
        """Executables in the directory of hooks."""
        from clankers.harnesses.cline.install import ClineInstaller

        return ClineInstaller(self)

    def mcp_installers(self) -> list[Installer]:
        """As `Harness.mcp_installers`."""
        from clankers.harnesses.cline.mcp import installers

        return installers(self)


def message_level(message: dict[str, Any]) -> str:
    """The level of a message: an error, a call of which something failed."""
    if nested(message, "metadata", "displayRole") == "error":
        return ERROR
    content = message.get("content")
    for block in content if isinstance(content, list) else ():
        if nested(block, "type") == "tool_result" and (
            nested(block, "is_error") is True or has_failure(nested(block, "content"))
        ):
            return WARN
    return INFO


def has_failure(results: Any) -> bool:
    """Whether one of the results of a call failed."""
    return any(nested(one, "success") is False for one in (results if isinstance(results, list) else [results]))


HARNESS = Cline()
