"""The session files below Continue's directory."""

from collections.abc import Iterator
from pathlib import Path

from clankers import paths
from clankers.harnesses.store_paths import changed_at, named_directory
from clankers.ingest.source import Source

INDEX = "sessions.json"  # the list of all sessions


def folder() -> Path:
    """The directory of the session files: in `CONTINUE_GLOBAL_DIR`, else in `~/.continue`."""
    return (named_directory("CONTINUE_GLOBAL_DIR") or Path(paths.home()) / ".continue") / "sessions"


def files() -> list[Path]:
    """The session files, the last changed first."""
    return sorted((file for file in folder().glob("*.json") if file.name != INDEX), key=changed_at, reverse=True)


def sources() -> Iterator[Source]:
    """The sessions, the last changed first."""
    for file in files():
        from clankers.harnesses.continue_cli.history_file import HistoryFile  # only where Continue is used

        yield HistoryFile(file.stem, str(file))
