"""Gemini CLI: its hooks say where the chat files are, which hold what hooks do not carry.

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

_LEVELS = {"error": ERROR, "warning": WARN}
_FAILED = ("error", "cancelled")  # the status of a tool call that did not succeed


class Gemini(Harness):
    """Gemini CLI."""

    name = "gemini"
    title = "Gemini CLI"
    program = "gemini"
    resumes_with = ("--resume",)
    starts_with = ("--prompt-interactive",)
    turn_ends = frozenset({"AfterAgent", "SessionEnd"})
    hooks_may_fail = False  # found in 0.61.0: a prompt is not answered if a hook fails

    def level(self, kind: str, document: Any) -> str:
        """As `Harness.level`; of a tool's end by its error."""
        if kind == "AfterTool" and nested(document, "tool_response", "error"):
            return WARN
        return super().level(kind, document)

    def announcer(self) -> Announcer:
        """Hooks have no tokens and no ids: they announce the files of their session, which have."""
        from clankers.harnesses.gemini.chat_files import announce

        return announce

    def source_at(self, session: str, path: str) -> Source | None:
        """The chat files of a session in the directory `path`."""
        from clankers.harnesses.gemini.chat_files import Chats, checked

        return Chats(session, checked(path))

    def sources(self) -> Iterator[Source]:
        """The chat files of all sessions."""
        from clankers.harnesses.gemini import history

        return history.sources()

    def count(self) -> int:
        """The chat files."""
        from clankers.harnesses.gemini import history

        return sum(1 for _ in history.chats())

    def stores(self) -> list[str]:
        """The directories of the projects."""
        from clankers.harnesses.gemini import history

        return history.folders()

    def restorer(self) -> Restorer:
        """Makes its files."""
        from clankers.harnesses.gemini import restore

        return restore.files

    def installer(self) -> Installer:
        """Hooks in the settings."""
        from clankers.harnesses.gemini.install import GeminiInstaller

        return GeminiInstaller(self)

    def mcp_installers(self) -> list[Installer]:
        """As `Harness.mcp_installers`."""
        from clankers.harnesses.gemini.mcp import installers

        return installers(self)


def message_level(message: dict[str, Any]) -> str:
    """The level of a message of a chat file."""
    kind = message.get("type")
    if isinstance(kind, str) and kind in _LEVELS:
        return _LEVELS[kind]
    calls = message.get("toolCalls")
    if isinstance(calls, list) and any(nested(call, "status") in _FAILED for call in calls):
        return WARN
    return INFO


HARNESS = Gemini()
