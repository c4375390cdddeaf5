"""GitHub Copilot CLI: its hooks announce that its event log grows, which holds everything else.

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

EVENT = "event."  # the prefix of the types of an event log's lines

# Hooks that are configured by their camel-case names get payloads without a name. By a member that only this one has,
# in this order: the name. Measured on versions 1.0.60, 1.0.86 and 1.0.102.
_NAMED_BY = (
    ("errorContext", "errorOccurred"),
    ("toolResult", "postToolUse"),
    ("error", "postToolUseFailure"),
    ("toolArgs", "preToolUse"),
    ("initialPrompt", "sessionStart"),
    ("source", "sessionStart"),
    ("prompt", "userPromptSubmitted"),
    ("trigger", "preCompact"),
    ("reason", "sessionEnd"),
)


class Copilot(Harness):
    """GitHub Copilot CLI."""

    name = "copilot"
    title = "GitHub Copilot CLI"
    program = "copilot"
    session_variable = "COPILOT_AGENT_SESSION_ID"
    resumes_with = ("--resume",)
    starts_with = ("--interactive",)
    turn_ends = frozenset({"Stop", "SessionEnd", "agentStop", "sessionEnd"})

    def kind(self, document: Any) -> str:
        """As `Harness.kind`; an event without a name is recognized by its members."""
        if not isinstance(document, dict) or document.get("hook_event_name") or document.get("type"):
            return super().kind(document)
        if "hookName" in document:
            return super().kind({"type": document["hookName"]})
        if "agentName" in document:
            return "subagentStop" if "stopReason" in document else "subagentStart"
        if "stopReason" in document:
            return "agentStop"
        return next((name for member, name in _NAMED_BY if member in document), super().kind(document))

    def level(self, kind: str, document: Any) -> str:
        """As `Harness.level`; of an event log's line by what is in it."""
        if kind.startswith(EVENT):
            return line_level(document)
        if kind in ("postToolUseFailure", "PostToolUseFailure"):
            return WARN
        if kind in ("errorOccurred", "ErrorOccurred"):
            return WARN if nested(document, "recoverable") is True else ERROR
        return INFO

    def announcer(self) -> Announcer:
        """Hooks have no tokens and no ids of calls: they announce the event log of their session, which has."""
        from clankers.harnesses.copilot.event_log import announce

        return announce

    def source_at(self, session: str, path: str) -> Source | None:
        """The files of a session in the directory at a path."""
        from clankers.harnesses.copilot.event_log import EventLog, checked

        return EventLog(session, checked(session, path))

    def sources(self) -> Iterator[Source]:
        """The files of all sessions."""
        from clankers.harnesses.copilot import history

        return history.sources()

    def count(self) -> int:
        """The event logs."""
        from clankers.harnesses.copilot import history

        return sum(1 for _ in history.event_logs())

    def stores(self) -> list[str]:
        """The directory of the sessions."""
        from clankers.harnesses.copilot.event_log import sessions

        return [sessions()]

    def restorer(self) -> Restorer:
        """Makes its files."""
        from clankers.harnesses.copilot import restore

        return restore.files

    def installer(self) -> Installer:
        """A file of hooks."""
        from clankers.harnesses.copilot.install import CopilotInstaller

        return CopilotInstaller(self)

    def mcp_installers(self) -> list[Installer]:
        """As `Harness.mcp_installers`."""
        from clankers.harnesses.copilot.mcp import installers

        return installers(self)


def line_level(line: Any) -> str:
    """The level of an event log's line: an error that reached the user, a call that failed."""
    kind = nested(line, "type")
    if kind == "session.error":
        return ERROR
    if kind == "tool.execution_complete":
        code = nested(line, "data", "shellExecution", "exitCode")
        if nested(line, "data", "success") is False or code not in (None, 0, b"0"):
            return WARN
    return INFO


HARNESS = Copilot()
