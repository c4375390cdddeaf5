"""Where Cline keeps its files, as its variables say. Imported on the append path: nothing heavy here."""

from __future__ import annotations  # typing is a third of what a hook would import

import os

from clankers import paths

DATABASE = "sessions.db"


def home() -> str:
    """The client's directory: `CLINE_DIR`, else `~/.cline`."""
    return _named("CLINE_DIR") or os.path.join(paths.home(), ".cline")


def sessions() -> str:
    """The directory of the sessions: `CLINE_SESSION_DATA_DIR`, else in the data directory."""
    return _named("CLINE_SESSION_DATA_DIR") or os.path.join(data(), "sessions")


def database() -> str:
    """The database that lists the sessions: in `CLINE_DB_DATA_DIR`, else in the data directory."""
    return os.path.join(_named("CLINE_DB_DATA_DIR") or os.path.join(data(), "db"), DATABASE)


def data() -> str:
    """The data directory: `CLINE_DATA_DIR`, else in the client's."""
    return _named("CLINE_DATA_DIR") or os.path.join(home(), "data")


def _named(variable: str) -> str:
    named = os.environ.get(variable, "").strip()
    return os.path.abspath(named) if named else ""
