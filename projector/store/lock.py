"""The lock file beside the database that keeps a second projector from writing it.

Only SQLite opens or locks the database file itself: closing another handle would drop SQLite's own locks.
"""

from clankers.system.locks import NamedLock

PATIENCE = 30.0  # seconds to wait for a short update in the background


class ProjectorLock(NamedLock):
    """The lock for writing the database at `path`: `with ProjectorLock(path, "project"):`.

    Args:
        path: of the database.
        purpose: the command that takes it.
        patience: seconds to wait for another projector.
    """

    def __init__(self, path: str, purpose: str, *, patience: float = 0) -> None:
        super().__init__(path + ".lock", purpose, "another projector is at work on this database", patience=patience)
