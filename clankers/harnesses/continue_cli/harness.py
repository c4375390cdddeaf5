"""Continue: no event announces its sessions, so each command that reads looks at its files.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

from clankers.harnesses.base import Harness, nested
from clankers.log.envelope import INFO, WARN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from clankers.ingest.source import Source
    from clankers.restore.files import Restorer


class Continue(Harness):
    """Continue, the command-line client and what writes the same files."""

    name = "continue"
    title = "Continue"
    program = "cn"
    starts_with = ()

    def source_at(self, session: str, path: str) -> Source | None:
        """The file of a session at a path."""
        from clankers.harnesses.continue_cli.history_file import HistoryFile

        return HistoryFile(session, path)

    def sources(self) -> Iterator[Source]:
        """The session files."""
        from clankers.harnesses.continue_cli import history

        return history.sources()

    def count(self) -> int:
        """The session files."""
        from clankers.harnesses.continue_cli import history

        return len(history.files())

    def stores(self) -> list[str]:
        """The directory of the session files."""
        from clankers.harnesses.continue_cli import history

        return [str(history.folder())]

    def restorer(self) -> Restorer:
        """Makes its files."""
        from clankers.harnesses.continue_cli import restore

        return restore.files


def entry_level(entry: dict[str, Any]) -> str:
    """The level of an entry of the history: whether one of its calls failed."""
    states = entry.get("toolCallStates")
    failed = isinstance(states, list) and any(nested(state, "status") == "errored" for state in states)
    return WARN if failed else INFO


HARNESS = Continue()
