"""The sessions below Kimi Code's directory."""

from collections.abc import Iterator
from pathlib import Path

from clankers.harnesses.kimi.session_files import SessionFolder, sessions
from clankers.harnesses.store_paths import changed_at
from clankers.ingest.source import Source


def folders() -> Iterator[Path]:
    """The directories of the sessions, in those of their workspaces."""
    return Path(sessions()).glob("*/session_*/")


def sources() -> Iterator[Source]:
    """The sessions, the last changed first."""
    for folder in sorted(folders(), key=lambda folder: changed_at(folder / "state.json"), reverse=True):
        yield SessionFolder(folder.name, str(folder))
