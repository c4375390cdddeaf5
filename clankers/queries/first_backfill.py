"""Recorded sessions are imported once in the background: after `install`, and where the database lacks the mark."""

import os
from collections.abc import Callable

from clankers import paths
from clankers.system.locks import is_locked
from projector.store.meta import BACKFILL, read_meta

_STARTED = "importing the sessions of the last 30 days in the background; `clankers doctor` says when it is done"


def lock_path() -> str:
    """The lock that a backfill holds."""
    return os.path.join(paths.data_root(), "backfill.lock")


def start_first_backfill(note: Callable[[str], object], *, again: bool = False) -> None:
    """Start it where harnesses record into this root, it is not done and not under way.

    Args:
        note: called when it was started.
        again: also where the database says that it was done.
    """
    root = paths.data_root()
    if not os.access(root, os.W_OK) or (not again and read_meta(paths.database_path(), BACKFILL)):
        return
    from clankers.system import detached  # with what they import, only where it is not done yet
    from clankers.system.install_manifest import installed

    if not installed(root) or under_way():
        return
    try:
        detached.start("backfill")
    except OSError:
        return  # the next command tries again
    note(_STARTED)


def under_way() -> bool:
    """Whether a backfill is at work."""
    return is_locked(lock_path())
