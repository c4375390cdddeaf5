"""Claude Code: its hooks say where the transcripts are, which hold what hooks do not carry.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

from clankers.harnesses.base import Harness
from clankers.harnesses.claude_code.cursor import is_of_cursor, without_address
from clankers.log.envelope import ERROR, INFO, WARN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from clankers.harnesses.installer import Installer
    from clankers.ingest.live import Announcer
    from clankers.ingest.source import Source
    from clankers.restore.files import Restorer


class ClaudeCode(Harness):
    """Claude Code."""

    name = "claude-code"
    title = "Claude Code"
    program = "claude"
    folders = ("~/.claude/local", "~/.local/bin")
    session_variable = "CLAUDE_CODE_SESSION_ID"
    mcp_call_key = "claudecode/toolUseId"
    resumes_with = ("--resume",)
    starts_with = ()

    def level(self, kind: str, document: Any) -> str:
        """As `Harness.level`; of a transcript's line by what is in it."""
        if kind.startswith("transcript.") and isinstance(document, dict):
            return transcript_level(document)
        return super().level(kind, document)

    def announcer(self) -> Announcer:
        """Hooks carry neither tokens nor the answers' structure: they announce transcripts, which do."""
        from clankers.harnesses.claude_code.transcript_files import announce

        return announce

    def payload(self, raw: bytes, document: Any) -> bytes:
        """As `Harness.payload`; Cursor's hooks name the user's address."""
        return without_address(raw, document) if is_of_cursor(document) else raw

    def source_at(self, session: str, path: str) -> Source | None:
        """The transcripts of a session."""
        from clankers.harnesses.claude_code.transcript_files import Transcripts, checked

        return Transcripts(session, checked(session, path))

    def sources(self) -> Iterator[Source]:
        """The transcripts of all sessions."""
        from clankers.harnesses.claude_code import history

        return history.sources()

    def count(self) -> int:
        """The transcripts."""
        from clankers.harnesses.claude_code import history

        return sum(1 for _ in history.transcripts())

    def stores(self) -> list[str]:
        """The projects of each configuration directory."""
        from clankers.harnesses.claude_code import history

        return [str(home / "projects") for home in history.homes()]

    def restorer(self) -> Restorer:
        """Makes its files."""
        from clankers.harnesses.claude_code import restore

        return restore.files

    def installer(self) -> Installer:
        """Hooks in the settings."""
        from clankers.harnesses.claude_code.install import ClaudeCodeInstaller

        return ClaudeCodeInstaller(self)

    def mcp_installers(self) -> list[Installer]:
        """As `Harness.mcp_installers`."""
        from clankers.harnesses.claude_code.mcp import installers

        return installers(self)


def transcript_level(line: dict[str, Any]) -> str:
    """The level of a line of a transcript."""
    if line.get("isApiErrorMessage") is True:
        return ERROR
    if line.get("subtype") == "api_error":
        return WARN
    message = line.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        for block in content:
            if isinstance(block, dict) and block.get("is_error") is True:
                return WARN
    return INFO


HARNESS = ClaudeCode()
