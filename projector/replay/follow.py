"""`project --watch`: the database follows the log, line by line, until it is told to stop."""

import contextlib
import os
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import anyio
import anyio.to_thread
import apsw

from clankers.errors import BusyError
from clankers.log.segments import disk_sizes
from projector.replay.rebuild import checkpoint, open_live, update
from projector.replay.replay import LogChangedError, Replayed, replay
from projector.store.sqlite_writer import SqliteStore

POLL = 0.2  # seconds between two looks at the log: a new line is in the database within one second
SWEEP = 5.0  # seconds between two calls of `sweep`


Result = TypeVar("Result")


async def follow(
    path: str,
    root: str,
    *,
    sweep: Callable[[], object],
    told: Callable[[Replayed], object],
) -> None:
    """Follow the log in `root` into the database at `path` until SIGINT or SIGTERM. The projector's lock must be held.

    Args:
        path: of the database.
        root: the data root.
        sweep: called now and then, to take in what clients wrote without telling.
        told: called with what each replay did.
    """
    try:
        await _follow(path, root, sweep=sweep, told=told)
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise


async def _follow(path: str, root: str, *, sweep: Callable[[], object], told: Callable[[Replayed], object]) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_stop_on_signal, tasks.cancel_scope)
        told(await _when_free(partial(update, path, root)))
        seen = [_identity(path)]
        swept = 0.0
        db = await anyio.to_thread.run_sync(open_live, path)
        try:
            while True:
                if time.monotonic() - swept > SWEEP:
                    await anyio.to_thread.run_sync(sweep)
                    swept = time.monotonic()
                if (now := [_identity(path), *disk_sizes(root)]) != seen:
                    same, seen = now[0] == seen[0], now
                    done, now_open = await _when_free(partial(_catch_up, path, root, db, same))
                    if now_open is not db:
                        # Made anew, from a log that may since have become again what it was when it was looked at.
                        db, seen = now_open, [_identity(path)]
                    if done.events or done.rejected:
                        told(done)
                await anyio.sleep(POLL)
        finally:
            db.close()


async def _when_free(work: Callable[[], Result]) -> Result:
    """Call `work` in a thread, until no other program is writing the database.

    A signal is heard at once; what is under way is finished first.
    """
    while True:
        try:
            return await anyio.to_thread.run_sync(work)
        except (BusyError, apsw.BusyError, apsw.LockedError):
            await anyio.sleep(POLL)


def _catch_up(path: str, root: str, db: apsw.Connection, same: bool) -> tuple[Replayed, apsw.Connection]:
    """What is new in the log, into `db`, if it is the `same` that stands at `path`; else, or after a cut, into that."""
    with contextlib.suppress(LogChangedError):
        if same:
            done = replay(SqliteStore(db), root)
            checkpoint(db)
            return done, db
    done, live = update(path, root), open_live(path)
    db.close()
    return done, live


async def _stop_on_signal(scope: anyio.CancelScope) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async for _ in signals:
            scope.cancel()
            return


def _identity(path: str) -> tuple[str, int]:
    """Which file is the database: another one stands there once it was deleted, and perhaps made anew by somebody."""
    try:
        return path, os.stat(path).st_ino
    except FileNotFoundError:
        return path, 0
