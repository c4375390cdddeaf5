"""Hermes Agent: its database holds its sessions; its hooks add what the database does not have.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

from clankers.harnesses.base import Harness
from clankers.log.envelope import WARN

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from clankers.harnesses.installer import Installer
    from clankers.ingest.source import Source


class Hermes(Harness):
    """Hermes Agent."""

    name = "hermes"
    title = "Hermes Agent"
    program = "hermes"
    resumes_with = ("--resume",)
    turn_ends = frozenset({"on_session_end", "on_session_finalize"})
    levels = {"api_request_error": WARN}  # noqa: RUF012 as `Harness.levels`

    def source_at(self, session: str, path: str) -> Source | None:
        """A session in the database at a path."""
        from clankers.harnesses.hermes import state_db

        return state_db.session_at(session, path)

    def sources(self) -> Iterator[Source]:
        """The sessions in the database."""
        from clankers.harnesses.hermes import state_db

        return state_db.sources()

    def watched(self, _root: str) -> Iterator[Source]:
        """As `Harness.watched`; what reads a database is imported only if there is one."""
        from clankers.harnesses.hermes import directories

        return self.sources() if directories.database().is_file() else iter(())

    def watched_files(self) -> list[str]:
        """The database, whose sessions take longer to look at the more messages they have."""
        from clankers.harnesses.hermes import directories
        from clankers.ingest.source import database_files

        return database_files(str(directories.database()))

    def count(self) -> int:
        """The sessions in the database."""
        from clankers.harnesses.hermes import state_db

        return state_db.count()

    def stores(self) -> list[str]:
        """The directory of the database."""
        from clankers.harnesses.hermes import directories

        return [str(directories.home())]

    def installer(self) -> Installer:
        """Hooks in config.yaml."""
        from clankers.harnesses.hermes.install import HermesInstaller

        return HermesInstaller(self)


HARNESS = Hermes()
