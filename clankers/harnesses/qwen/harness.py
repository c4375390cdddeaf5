"""Qwen Code: its hooks say where the chat file is, which holds what hooks do not carry.

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

CHAT = "chat."  # the prefix of the types of a chat file's lines

_API_ERROR = "qwen-code.api_error"


class Qwen(Harness):
    """Qwen Code."""

    name = "qwen"
    title = "Qwen Code"
    program = "qwen"
    session_variable = "QWEN_CODE_SESSION_ID"
    resumes_with = ("--resume",)
    starts_with = ("--prompt-interactive",)

    def level(self, kind: str, document: Any) -> str:
        """As `Harness.level`; of a chat file's line by what is in it."""
        return line_level(document) if kind.startswith(CHAT) else super().level(kind, document)

    def announcer(self) -> Announcer:
        """Hooks have no tokens: they announce the chat files of their session, which have."""
        from clankers.harnesses.qwen.chat_files import announce

        return announce

    def source_at(self, session: str, path: str) -> Source | None:
        """The chat file of a session at a path, and its subagents'."""
        from clankers.harnesses.qwen.chat_files import ChatFiles, checked

        return ChatFiles(session, checked(session, path))

    def sources(self) -> Iterator[Source]:
        """The chat files of all sessions."""
        from clankers.harnesses.qwen import history

        return history.sources()

    def count(self) -> int:
        """The chat files."""
        from clankers.harnesses.qwen import history

        return sum(1 for _ in history.chats())

    def stores(self) -> list[str]:
        """The directory of the projects."""
        from clankers.harnesses.qwen import history

        return [str(history.projects())]

    def restorer(self) -> Restorer:
        """Makes its files."""
        from clankers.harnesses.qwen import restore

        return restore.files

    def installer(self) -> Installer:
        """Hooks in the settings."""
        from clankers.harnesses.qwen.install import QwenInstaller

        return QwenInstaller(self)

    def mcp_installers(self) -> list[Installer]:
        """As `Harness.mcp_installers`."""
        from clankers.harnesses.qwen.mcp import installers

        return installers(self)


def line_level(line: Any) -> str:
    """The level of a chat file's line: a request that failed, a call that failed."""
    if nested(line, "systemPayload", "uiEvent", "event.name") == _API_ERROR:
        return ERROR
    return WARN if nested(line, "toolCallResult", "status") == "error" else INFO


HARNESS = Qwen()
