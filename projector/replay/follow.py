"""`project --watch`: keeps the database up to date with the log until a signal stops it."""

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
    report: Callable[[Replayed], object],
) -> None:
    """Keep the database at `path` up to date with the log in `root` until SIGINT or SIGTERM.

    The projector's lock must be held.

    Args:
        path: of the database.
        root: the data root.
        sweep: called regularly, to import what clients wrote without a hook.
        report: called with what each replay did.
    """
    try:
        await _follow(path, root, sweep=sweep, report=report)
    except BaseExceptionGroup as group:
        if len(group.exceptions) == 1:
            raise group.exceptions[0] from None
        raise


async def _follow(path: str, root: str, *, sweep: Callable[[], object], report: Callable[[Replayed], object]) -> None:
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_stop_on_signal, tasks.cancel_scope)
        report(await _when_free(partial(update, path, root)))
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
                        # Rebuilt, from a log that may have changed back meanwhile: look again.
                        db, seen = now_open, [_identity(path)]
                    if done.events or done.rejected:
                        report(done)
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
    """Replay what is new into `db` if it is the `same` file as at `path`; else, or if the log changed, update that."""
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
    """Identifies the database file: another one is there after somebody deleted and rebuilt it."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return path, 0
    return f"{path} on {status.st_dev}", status.st_ino  # another disk may have the same number
