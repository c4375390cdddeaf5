"""Two projectors on one database, each of which believes that it is alone: its lock file was deleted under it."""

import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import apsw
import pytest

from clankers.log.base import Position
from projector.model.batch import Batch, EventType
from projector.model.changes import Rank, SessionSeen
from projector.replay.rebuild import open_live
from projector.replay.replay import Replayed, replay
from projector.store.base import ReadPosition, ReadRange, StalePositionError
from projector.store.sqlite_writer import SqliteStore
from tests.commands import POSIX_ONLY, call
from tests.faults.common import figures, meta_rows, three_a_session
from tests.feeding import append
from tests.patience import wait_for
from tests.sizes import sizes
from tests.test_project_cli import assert_whole, count, fresh_rows, remove, rows, watching

pytestmark = POSIX_ONLY


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    append(root, three_a_session(0, 20))
    return root


@pytest.fixture
def two(root: Path) -> Iterator[tuple[apsw.Connection, apsw.Connection]]:
    path = str(root / "clankers.db")
    with closing(open_live(path)) as one, closing(open_live(path)) as other:
        yield one, other


def assert_each_line_counted_once(root: Path) -> None:
    """What the two made is what a rebuild by one makes, down to how often each type was counted."""
    database = root / "clankers.db"
    assert_whole(database)
    assert rows(database) == fresh_rows(root)
    found = list(meta_rows(database))
    assert call(root, "project", "--rebuild").code == 0
    assert found == list(meta_rows(database))


def test_the_second_to_commit_what_both_read_writes_nothing(two: tuple[apsw.Connection, apsw.Connection]) -> None:
    def write(db: apsw.Connection, title: str) -> None:
        batch = Batch(types={EventType("opencode", "session.created", True): 1})
        batch.add([SessionSeen("ses_1", "opencode", 1, Rank.RECORD, {"title": title})], Position(1))
        SqliteStore(db).write(batch, ReadRange("clankers-2026-11-20.jsonl", 0, ReadPosition(100, 1, None)))

    write(two[0], "first")
    with pytest.raises(StalePositionError):
        write(two[1], "second")
    assert not two[1].in_transaction
    assert two[1].execute("SELECT events FROM event_types").fetchall() == [(1,)]
    assert two[1].execute("SELECT title FROM sessions").fetchall() == [("first",)]


class EnoughError(Exception):
    """The other projector has made its one transaction."""


@pytest.mark.parametrize("batch", [1, 2, 7, 30])
@pytest.mark.parametrize("others", [1, 5, 1000])
def test_a_replay_into_which_another_breaks_reads_on_from_where_that_one_stopped(
    root: Path, two: tuple[apsw.Connection, apsw.Connection], batch: int, others: int
) -> None:
    ours = theirs = 0

    def lines() -> int:
        return int(two[1].execute("SELECT sum(lines) FROM log_files").get)

    def enough(_: int) -> None:
        raise EnoughError

    def break_in(_: int) -> None:
        """A transaction of the other's behind every third of ours."""
        nonlocal ours, theirs
        ours += 1
        if ours % 3 == 1 and (before := lines()) < 60:
            with pytest.raises(EnoughError):
                replay(SqliteStore(two[1]), str(root), batch_lines=others, progress=enough)
            theirs += lines() - before

    done = replay(SqliteStore(two[0]), str(root), batch_lines=batch, progress=break_in)
    assert theirs >= min(others, 30)
    assert done == Replayed(events=60 - theirs)
    assert_each_line_counted_once(root)


@sizes(2, 40)
def test_watchers_that_lost_their_lock_to_each_other_count_nothing_twice(size: int, root: Path) -> None:
    """What comes at once takes them longer to read than they look away: they meet on it."""
    sessions = 20
    with ExitStack() as stack:
        watchers = []
        for _ in range(3):
            watchers.append(stack.enter_context(watching(root)))
            (root / "clankers.db.lock").unlink()
        for _ in range(size):
            append(root, three_a_session(sessions, 1000))
            sessions += 1000
            assert call(root, "project").code == 0  # a fourth, which has the lock
            assert count(root / "clankers.db") == sessions
        assert [watcher.poll() for watcher in watchers] == [None] * 3, (root.parent / "watcher.err").read_text()
    assert_each_line_counted_once(root)
    figures(f"two projectors: three watchers and {size} projects on {sessions * 3} lines, none counted twice")


def test_a_watcher_whose_database_and_lock_were_deleted_and_made_anew_by_another_follows_into_the_new_one(
    root: Path,
) -> None:
    database = root / "clankers.db"
    with watching(root) as watcher:
        append(root, three_a_session(20, 1))
        wait_for(lambda: count(database) == 21)  # so it has the database open, and is not just opening it
        watcher.send_signal(signal.SIGSTOP)
        remove(database, "", "-wal", "-shm", ".lock")
        assert call(root, "project").code == 0
        watcher.send_signal(signal.SIGCONT)
        append(root, three_a_session(21, 1))
        wait_for(lambda: count(database) == 22)
        assert watcher.poll() is None
    assert_each_line_counted_once(root)
