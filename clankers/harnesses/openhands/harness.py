"""OpenHands (the command line): its hooks say which conversation has new files of events, which hold everything else.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

from clankers.harnesses.base import MAX_KIND, UNKNOWN, Harness, nested
from clankers.log.envelope import ERROR, INFO, WARN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from clankers.harnesses.installer import Installer
    from clankers.ingest.live import Announcer
    from clankers.ingest.source import Source

EVENT = "event."  # the prefix of the types of a conversation's events


class OpenHands(Harness):
    """OpenHands."""

    name = "openhands"
    title = "OpenHands"
    program = "openhands"
    resumes_with = ("--resume",)
    starts_with = ("--task",)

    def kind(self, document: Any) -> str:
        """As `Harness.kind`: hooks name their event `event_type`."""
        name = nested(document, "event_type")
        return name[:MAX_KIND] if isinstance(name, str) and name else UNKNOWN

    def announcer(self) -> Announcer:
        """Hooks have neither tokens nor ids of calls: they announce the conversation's files, which have."""
        from clankers.harnesses.openhands.conversation import announce

        return announce

    def source_at(self, session: str, path: str) -> Source | None:
        """The conversation in the directory `path`."""
        from clankers.harnesses.openhands.conversation import OpenHandsConversation, checked

        return OpenHandsConversation(session, checked(session, path))

    def sources(self) -> Iterator[Source]:
        """All conversations, with their subagents."""
        from clankers.harnesses.openhands import history

        return history.sources()

    def count(self) -> int:
        """The conversations."""
        from clankers.harnesses.openhands import history

        return sum(1 for _ in history.folders())

    def stores(self) -> list[str]:
        """The directory of the conversations."""
        from clankers.harnesses.openhands.conversation import conversations

        return [conversations()]

    def installer(self) -> Installer:
        """Hooks in a file of hooks."""
        from clankers.harnesses.openhands.install import OpenHandsInstaller

        return OpenHandsInstaller(self)

    def mcp_installers(self) -> list[Installer]:
        """As `Harness.mcp_installers`."""
        from clankers.harnesses.openhands.mcp import installers

        return installers(self)


def event_level(event: Any) -> str:
    """The level of a conversation's event: a conversation that failed, a call that failed."""
    if nested(event, "kind") == "ConversationErrorEvent":
        return ERROR
    failed = nested(event, "kind") == "AgentErrorEvent" or nested(event, "observation", "is_error") is True
    return WARN if failed else INFO


HARNESS = OpenHands()
