"""Codex: its hooks say where the rollouts are, which hold what hooks do not carry.

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

ROLLOUT = "rollout."  # the prefix of the types of a rollout's lines

_FAILED = ("failed", "declined")  # a status of a call


class Codex(Harness):
    """Codex CLI."""

    name = "codex"
    title = "Codex"
    program = "codex"
    mcp_session_key = "threadId"
    resumes_with = ("resume",)
    starts_with = ()
    turn_ends = frozenset({"Stop", "Interrupt", "SessionEnd"})

    def level(self, kind: str, document: Any) -> str:
        """As `Harness.level`; of a request and a rollout's line by what is in it."""
        if kind == "PostModelRequest":  # one for each attempt
            return WARN if nested(document, "status") == "failed" else INFO
        if kind.startswith(ROLLOUT):
            return rollout_level(document)
        return super().level(kind, document)

    def announcer(self) -> Announcer:
        """Hooks carry neither answers nor how a call ended: they announce rollouts, which do."""
        from clankers.harnesses.codex.rollout_files import announce

        return announce

    def source_at(self, session: str, path: str) -> Source | None:
        """The rollouts of a thread in a home of Codex."""
        from clankers.harnesses.codex.rollout_files import Rollouts

        return Rollouts(session, path)

    def sources(self) -> Iterator[Source]:
        """The rollouts of all threads."""
        from clankers.harnesses.codex import history

        return history.sources()

    def count(self) -> int:
        """The threads."""
        from clankers.harnesses.codex import history

        return len(history.threads())

    def stores(self) -> list[str]:
        """The rollouts, and the archived ones."""
        from clankers.harnesses.codex import history

        return history.folders()

    def restorer(self) -> Restorer:
        """Makes its files."""
        from clankers.harnesses.codex import restore

        return restore.files

    def installer(self) -> Installer:
        """Hooks in hooks.json."""
        from clankers.harnesses.codex.install import CodexInstaller

        return CodexInstaller(self)

    def mcp_installers(self) -> list[Installer]:
        """As `Harness.mcp_installers`."""
        from clankers.harnesses.codex.mcp import installers

        return installers(self)


def rollout_level(line: Any) -> str:
    """The level of a line of a rollout: an error that ended a turn, a call that failed, a retry."""
    payload = nested(line, "payload")
    kind, error = nested(payload, "type"), nested(payload, "error")
    if kind == "error" or (error and isinstance(error, dict | str)):
        return ERROR
    failed = nested(payload, "status") in _FAILED or nested(payload, "item", "status") in _FAILED
    return WARN if failed or kind == "stream_error" or nested(payload, "success") is False else INFO


HARNESS = Codex()
