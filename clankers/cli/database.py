"""The database for a command: notes go to stderr, and a bar shows a replay that takes long. And `clankers catch-up`."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from typing import TYPE_CHECKING

import apsw

from clankers.cli.output import progress_bar, say
from clankers.queries import connect

if TYPE_CHECKING:
    from projector.replay.replay import Replayed  # what replays is imported when there is something to replay


def open_current() -> apsw.Connection:
    """The database as of now, for reading only; raises as `connect.open_current`."""
    return connect.open_current(say, _replaying)


def bring_up_to_date(purpose: str, *, patience: float = 0) -> Replayed:
    """Import what clients wrote without a hook, then replay; raises as `connect.bring_up_to_date`."""
    return connect.bring_up_to_date(purpose, patience=patience, note=say, progress=_replaying)


def replay(purpose: str, *, patience: float = 0) -> None:
    """Replay what is new in the log, if anything is; raises as `connect.replay`."""
    connect.replay(purpose, patience=patience, progress=_replaying)


def catch_up() -> None:
    """Update the database after a turn; hooks start this."""
    from clankers.cli.spending import note_spending

    with closing(open_current()) as db:
        note_spending(db)


def _replaying(size: int) -> AbstractContextManager[Callable[[int], object]]:
    return progress_bar("Replaying the log", size)
