"""Where things are. Imported on the append path: nothing heavy here."""

import os
import sys

DATA_ENV = "CLANKERS_DATA_PATH"
DB_ENV = "CLANKERS_DB_PATH"


def data_root() -> str:
    """The directory that holds the logs: `CLANKERS_DATA_PATH`, else the platform's data directory for `clankers`."""
    if root := _from_environment(DATA_ENV):
        return root
    home = os.path.expanduser("~")
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Application Support", "clankers")
    # XDG base directory specification: a relative path in the variable must be ignored.
    base = os.environ.get("XDG_DATA_HOME", "")
    return os.path.join(base if os.path.isabs(base) else os.path.join(home, ".local", "share"), "clankers")


def database_path() -> str:
    """The SQLite database: `CLANKERS_DB_PATH`, else `clankers.db` in the data root."""
    return _from_environment(DB_ENV) or os.path.join(data_root(), "clankers.db")


def _from_environment(variable: str) -> str:
    """The path in an environment variable; empty if it is not set.

    A relative path is relative to the project: Claude Code runs hooks in any directory, and passes the project's.
    """
    path = os.environ.get(variable, "")
    project = os.environ.get("CLAUDE_PROJECT_DIR", "")
    return os.path.join(project, path) if path and os.path.isabs(project) else path


def make_private(directory: str) -> None:
    """Make `directory`, and missing parents, for its owner alone (0700).

    Raises:
        OSError: it cannot be made.
    """
    if not os.path.isdir(directory):
        parent = os.path.dirname(directory.rstrip(os.sep))
        if parent:
            make_private(parent)
        try:
            os.mkdir(directory, 0o700)
        except FileExistsError:
            if not os.path.isdir(directory):
                raise
