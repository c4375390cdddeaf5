"""Where Hermes Agent keeps its database."""

from pathlib import Path

from clankers import paths
from clankers.harnesses.store_paths import named_directory


def home() -> Path:
    """The directory of Hermes' files: `HERMES_HOME`, else `~/.hermes`."""
    return named_directory("HERMES_HOME") or Path(paths.home()) / ".hermes"


def database() -> Path:
    """The database, which may not be there."""
    return home() / "state.db"
