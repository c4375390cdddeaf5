"""`project --watch`: the database follows the log, line by line, until it is told to stop."""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Callable

import anyio
import anyio.to_thread
import apsw

from clankers.log.segments import stored
from projector.replay.rebuild import checkpoint, open_live, update
from projector.replay.replay import LogChangedError, Replayed, replay
from projector.store.sqlite_writer import SqliteStore

POLL = 0.2  # seconds between two looks at the log: a new line is in the database within one second
SWEEP = 5.0  # seconds between two calls of `sweep`


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
        told(await anyio.to_thread.run_sync(lambda: update(path, root)))
        seen = [_identity(path)]
        swept = 0.0
        db = await anyio.to_thread.run_sync(open_live, path)
        try:
            while True:
                if time.monotonic() - swept > SWEEP:
                    await anyio.to_thread.run_sync(sweep)
                    swept = time.monotonic()
                if (now := [_identity(path), *stored(root)]) != seen:
                    same, seen = now[0] == seen[0], now
                    # In a thread, so that a signal is heard at once; the replay under way is finished first.
                    done, now_open = await anyio.to_thread.run_sync(_catch_up, path, root, db, same)
                    if now_open is not db:
                        # Made anew, from a log that may since have become again what it was when it was looked at.
                        db, seen = now_open, [_identity(path)]
                    if done.events or done.rejected:
                        told(done)
                await anyio.sleep(POLL)
        finally:
            db.close()


def _catch_up(path: str, root: str, db: apsw.Connection, same: bool) -> tuple[Replayed, apsw.Connection]:
    """What is new in the log, into `db`, if it is the `same` that stands at `path`; else, or after a cut, into that."""
    with contextlib.suppress(LogChangedError):
        if same:
            done = replay(SqliteStore(db), root)
            checkpoint(db)
            return done, db
    db.close()
    return update(path, root), open_live(path)


async def _stop_on_signal(scope: anyio.CancelScope) -> None:
    if sys.platform == "win32":  # asyncio has no signal receivers there: Ctrl-C raises KeyboardInterrupt
        return
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
