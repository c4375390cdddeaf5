"""OpenCode: a plugin hands on its events; its stores hold the past.

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
    from clankers.ingest.source import Source
    from clankers.restore.files import Restorer

PREFIXES = ("storage.", "db.", "evt_")  # how the ids of records from the stores begin
_LEVELS = {"session.error": ERROR}


class OpenCode(Harness):
    """OpenCode 1.x, and by another name what is built on it: names of directories and files follow from it."""

    name = "opencode"
    title = "OpenCode"
    program = "opencode"
    folders: tuple[str, ...] = ("~/.opencode/bin",)  # where its installer puts it
    resumes_with = ("--session",)
    starts_with = ("--prompt",)
    imports_with = ("import",)
    turn_ends = frozenset({"session.idle"})
    levels = _LEVELS

    def level(self, kind: str, document: Any) -> str:
        """As `Harness.level`; of a message, a part or a status by what is in it, live or stored."""
        if kind.startswith(("message.", "session.status")):
            return _level(nested(document, "properties"))
        if kind in ("storage.message", "db.message"):
            return _level({"info": _stored(kind, document)})
        if kind in ("storage.part", "db.part"):
            return _level({"part": _stored(kind, document)})
        return super().level(kind, document)

    def sources(self) -> Iterator[Source]:
        """The databases, then the JSON tree, which later versions leave as it was."""
        from clankers.harnesses.opencode import stores

        return stores.sources(self.name)

    def count(self) -> int:
        """The sessions in the databases and in the JSON tree."""
        from clankers.harnesses.opencode import stores

        return stores.count(self.name)

    def stores(self) -> list[str]:
        """The data directory, and the sessions of the JSON tree."""
        from clankers.harnesses.opencode import stores

        return stores.folders(self.name)

    def restorer(self) -> Restorer:
        """Makes what its own `import` takes: its store is a database."""
        from clankers.harnesses.opencode import restore

        return restore.restorer(self)

    def installer(self) -> Installer:
        """A plugin file."""
        from clankers.harnesses.opencode.install import OpenCodeInstaller

        return OpenCodeInstaller(self)

    def mcp_installers(self) -> list[Installer]:
        """As `Harness.mcp_installers`."""
        from clankers.harnesses.opencode.mcp import installers

        return installers(self)


def _stored(kind: str, document: Any) -> Any:
    """What is stored of a message or part: in a file as it is, in the database in a column."""
    return nested(document, "data") if kind.startswith("db.") else document


def _level(properties: Any) -> str:
    if nested(properties, "info", "error"):
        return ERROR
    state = nested(properties, "part", "state")
    if nested(state, "status") == "error" or nested(properties, "status", "type") == "retry":
        return WARN
    # An exit that is null is a command that was stopped; the tool "invalid" is one that does not exist.
    metadata = nested(state, "metadata")
    stopped = metadata["exit"] if isinstance(metadata, dict) and "exit" in metadata else b"0"
    return WARN if stopped not in (b"0", 0) or nested(properties, "part", "tool") == "invalid" else INFO


HARNESS = OpenCode()
