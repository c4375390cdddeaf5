"""Mistral Vibe: its hooks say where a session's directory is, whose journal holds what hooks do not carry.

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

JOURNAL = "journal."  # the prefix of the types of a journal's lines


class Vibe(Harness):
    """Mistral Vibe."""

    name = "vibe"
    title = "Mistral Vibe"
    program = "vibe"
    resumes_with = ("--resume",)
    starts_with = ()
    turn_ends = frozenset({"post_agent"})

    def level(self, kind: str, document: Any) -> str:
        """As `Harness.level`; of a tool's end by its status, of a journal's line by what is in it."""
        if kind.startswith(JOURNAL):
            return line_level(document)
        if kind == "post_tool" and nested(document, "tool_status") not in ("success", None):
            return WARN
        return super().level(kind, document)

    def announcer(self) -> Announcer:
        """Hooks have no tokens, and the journal is pruned: what is new in it is read at each hook."""
        from clankers.harnesses.vibe.session_store import announce

        return announce

    def source_at(self, session: str, path: str) -> Source | None:
        """The session in the directory `path`."""
        from clankers.harnesses.vibe.old_session import OldSession, is_old
        from clankers.harnesses.vibe.session_store import SessionStore, checked

        return OldSession(session, path) if is_old(path) else SessionStore(session, checked(session, path))

    def sources(self) -> Iterator[Source]:
        """All sessions, those of 2.x and their subagents too."""
        from clankers.harnesses.vibe import history

        return history.sources()

    def count(self) -> int:
        """The sessions' directories."""
        from clankers.harnesses.vibe import history

        return sum(1 for _ in history.directories())

    def stores(self) -> list[str]:
        """The directories of sessions."""
        from clankers.harnesses.vibe import history

        return [str(history.sessions()), str(history.sessions() / history.UNIFIED)]

    def installer(self) -> Installer:
        """Hooks in a file of hooks."""
        from clankers.harnesses.vibe.install import VibeInstaller

        return VibeInstaller(self)


def line_level(line: Any) -> str:
    """The level of a journal's line: a response or a call that failed."""
    kind = nested(line, "payload", "result", "type")
    if kind == "completion_failed":
        return ERROR
    return WARN if kind == "tool_failed" else INFO


HARNESS = Vibe()
