"""aider: no event announces its sessions, so each command that reads looks at the chat history of the repository.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

from clankers.harnesses.base import Harness

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from clankers.ingest.source import Source


class Aider(Harness):
    """aider."""

    name = "aider"
    title = "aider"
    program = "aider"

    def source_at(self, session: str, path: str) -> Source | None:
        """The chat history at a path."""
        from clankers.harnesses.aider.chat_history import ChatHistory, checked

        return ChatHistory(checked(session, path))

    def sources(self) -> Iterator[Source]:
        """The chat histories."""
        from clankers.harnesses.aider import history

        return history.sources()

    def watched(self, root: str) -> Iterator[Source]:
        """The chat histories of this directory, and those that were read before."""
        from clankers.harnesses.aider import history

        return history.watched(root)

    def count(self) -> int:
        """The chat histories."""
        from clankers.harnesses.aider import history

        return len(history.files())


HARNESS = Aider()
