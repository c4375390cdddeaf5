"""The session files below Droid's directory."""

from collections.abc import Iterator
from pathlib import Path

from clankers import paths
from clankers.harnesses.droid.session_files import ENDING, DroidSession
from clankers.harnesses.store_paths import changed_at, named_directory
from clankers.ingest.source import Source


def home() -> Path:
    """The directory of Droid's files: `.factory` in `FACTORY_HOME_OVERRIDE`, else in the home directory."""
    return (named_directory("FACTORY_HOME_OVERRIDE") or Path(paths.home())) / ".factory"


def sessions() -> Path:
    """The directory of the sessions."""
    return home() / "sessions"


def files() -> Iterator[Path]:
    """The sessions' files."""
    return sessions().glob(f"*/*{ENDING}")


def sources() -> Iterator[Source]:
    """The sessions, the last changed first."""
    for file in sorted(files(), key=changed_at, reverse=True):
        yield DroidSession(file.stem, str(file))
