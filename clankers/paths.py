"""Where things are. Imported on the append path: nothing heavy here."""

import os
import sys

DATA_ENV = "CLANKERS_DATA_PATH"
DB_ENV = "CLANKERS_DB_PATH"


def data_root() -> str:
    """The directory that holds the logs: `CLANKERS_DATA_PATH`, else the platform's data directory for `clankers`."""
    if root := _told(DATA_ENV):
        return root
    home = os.path.expanduser("~")
    if sys.platform == "darwin":
        return os.path.join(home, "Library", "Application Support", "clankers")
    if sys.platform == "win32":
        return os.path.join(os.environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local"), "clankers")
    # The XDG base directory specification: a relative path in the variable is to be ignored.
    base = os.environ.get("XDG_DATA_HOME", "")
    return os.path.join(base if os.path.isabs(base) else os.path.join(home, ".local", "share"), "clankers")


def database_path() -> str:
    """The SQLite database: `CLANKERS_DB_PATH`, else `clankers.db` in the data root."""
    return _told(DB_ENV) or os.path.join(data_root(), "clankers.db")


def _told(variable: str) -> str:
    """The path in an environment variable; empty where it is not set.

    A relative one is the project's, wherever in it a hook is run: Claude Code changes directory and says the project's.
    """
    path = os.environ.get(variable, "")
    project = os.environ.get("CLAUDE_PROJECT_DIR", "")
    return os.path.join(project, path) if path and os.path.isabs(project) else path


def make_private(directory: str) -> None:
    """Make `directory`, and what is missing above it, for its owner alone (0700).

    Raises:
        OSError: it cannot be made.
    """
    if not os.path.isdir(directory):
        above = os.path.dirname(directory.rstrip(os.sep))
        if above:
            make_private(above)
        try:
            os.mkdir(directory, 0o700)
        except FileExistsError:
            if not os.path.isdir(directory):
                raise
