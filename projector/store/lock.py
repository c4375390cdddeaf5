"""One projector at a time: a lock file beside the database.

The database file itself is never locked this way, nor opened by anything but SQLite: closing such a handle would drop
SQLite's own locks.
"""

from clankers.system.locks import NamedLock

PATIENCE = 30.0  # seconds to wait for a short catch-up in the background


class ProjectorLock(NamedLock):
    """The right to write the database at `path`: `with ProjectorLock(path, "project"):`.

    Args:
        path: of the database.
        purpose: the command that takes it.
        patience: seconds to wait for another projector that will soon be done.
    """

    def __init__(self, path: str, purpose: str, *, patience: float = 0) -> None:
        super().__init__(path + ".lock", purpose, "another projector is at work on this database", patience=patience)
