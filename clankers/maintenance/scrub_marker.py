"""The note in the data root that a scrub was begun: after a kill the log alone may have nothing to find any more."""

import os
from contextlib import suppress

from clankers import paths
from clankers.system.durable import sync_directory

NAME = "scrub.unfinished"


def begin(root: str) -> None:
    """Note that the log is being changed; `end` says that the database has followed."""
    os.close(paths.open_private(os.path.join(root, NAME), os.O_WRONLY))
    sync_directory(root)


def is_unfinished(root: str) -> bool:
    """Whether a scrub of the log in `root` was killed."""
    return os.path.exists(os.path.join(root, NAME))


def end(root: str) -> None:
    """Forget the note of `begin`."""
    with suppress(FileNotFoundError):
        os.unlink(os.path.join(root, NAME))
        sync_directory(root)
