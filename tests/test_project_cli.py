"""`clankers project` as people run it: real processes, real kills, real SQLite."""

import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import apsw
import pytest
from anyio.lowlevel import checkpoint

from clankers.errors import EX_BUSY, EX_FAIL, EX_USAGE
from clankers.log import envelope
from clankers.log.writer import Log
from projector.replay import follow
from projector.replay import rebuild as rebuilding
from projector.replay.replay import Replayed
from projector.store import sqlite_file as db_file
from projector.store.lock import ProjectorLock
from tests import feeding
from tests.commands import POSIX_ONLY, Result, call, command, environment, event, run, session, work
from tests.feeding import Record, append, feed_transcripts, opencode_records
from tests.patience import BUSY_MS, DEADLINE, wait_for
from tests.sizes import sizes


def append_at(root: Path, stamp: str, records: list[Record]) -> None:
    """Append to the log as of `stamp`, `YYYY-MM-DDTHH:MM:SSZ`."""
    now = round(time.mktime(time.strptime(stamp, "%Y-%m-%dT%H:%M:%SZ")) - time.timezone) * 10**9
    with Log(str(root)) as log:
        log.write(stamp[:10], [envelope.line(s, kind, payload, now_ns=now) for s, kind, payload in records])


def reading(path: Path) -> "closing[apsw.Connection]":
    """A patient reader."""
    db = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)
    db.set_busy_timeout(BUSY_MS)
    return closing(db)


def count(path: Path, table: str = "sessions") -> int:
    with reading(path) as db:
        return int(db.execute(f"SELECT count(*) FROM {table}").get)


def rows(path: Path) -> dict[str, list[dict[str, Any]]]:
    with reading(path) as db:
        return feeding.rows(db)


def fresh_rows(root: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of the log in `root`, replayed where nothing else is."""
    elsewhere = root.parent / "elsewhere"
    shutil.rmtree(elsewhere, ignore_errors=True)
    elsewhere.mkdir()
    for path in root.glob("clankers-*.jsonl"):
        shutil.copy(path, elsewhere)
    with closing(feeding.project(elsewhere)) as db:
        return feeding.rows(db)


def assert_whole(path: Path) -> None:
    with closing(apsw.Connection(str(path))) as db:
        db.set_busy_timeout(BUSY_MS)  # behind a kill, a reader may be recovering the WAL
        assert db.pragma("integrity_check") == "ok"
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []


def remove(path: Path, *suffixes: str) -> None:
    for suffix in suffixes:
        Path(str(path) + suffix).unlink(missing_ok=True)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def database(root: Path) -> Path:
    """The database of a log with three sessions, brought up to date."""
    append(root, work(0, 3))
    assert call(root, "project").code == 0
    return root / "clankers.db"


def test_project_prints_one_line_of_totals_and_the_second_time_nothing_new(root: Path) -> None:
    append(root, work(0, 3))
    first = run(root, "project")
    assert first.code == 0
    assert first.err == ""
    assert first.out.count("\n") == 1
    assert first.out.startswith("3 sessions, 3 messages, 0 tools, 0 errors; 9 new events in ")
    second = run(root, "project")
    assert second.code == 0
    assert second.out.startswith("3 sessions, 3 messages, 0 tools, 0 errors; 0 new events in ")


def test_the_totals_tell_of_lines_that_could_not_be_used_and_of_unknown_types(root: Path) -> None:
    append(root, [*work(0, 1), event("session.from.the.future", sessionID="ses_000000")])
    with next(root.glob("*.jsonl")).open("ab") as log:
        log.write(b"no JSON\n")
    done = call(root, "project")
    assert done.code == 0
    assert "4 new events, 1 of unknown type, 1 rejected in" in done.out


def test_a_last_line_in_flight_is_left_for_the_next_time(root: Path) -> None:
    append(root, work(0, 2))
    log = next(root.glob("*.jsonl"))
    whole = log.read_bytes()
    log.write_bytes(whole[:-20])
    assert "5 new events in" in call(root, "project").out
    log.write_bytes(whole)
    assert "1 new events in" in call(root, "project").out
    assert rows(root / "clankers.db") == fresh_rows(root)


def test_without_a_log_the_database_is_empty(root: Path) -> None:
    done = call(root, "project")
    assert done.code == 0
    assert done.out.startswith("0 sessions, 0 messages, 0 tools, 0 errors; 0 new events in ")


def test_a_rebuild_gives_the_rows_of_many_increments(root: Path, tmp_path: Path) -> None:
    path = root / "clankers.db"
    records = [r for name in feeding.OPENCODE[:6] for r in opencode_records(name)]
    step = 40
    for at in range(0, len(records), step):
        append(root, records[at : at + step])
        assert call(root, "project").code == 0
    for name in ("tools", "subagent", "compact"):
        feed_transcripts(name, root, tmp_path / name)
        assert call(root, "project").code == 0
    incremental = rows(path)
    assert len(incremental["tools"]) > 20
    done = run(root, "project", "--rebuild")
    assert done.code == 0
    assert done.out.count("\n") == 1
    assert rows(path) == incremental
    assert not list(root.glob("*.rebuild*"))


def test_what_is_said_of_a_newer_clankers_database_helps(root: Path, database: Path) -> None:
    with closing(apsw.Connection(str(database))) as db:
        db.execute("DROP TABLE todos")
        db.pragma("user_version", db_file.VERSION + 1)
    remedy = "clankers project --rebuild"
    for args in (("sessions",), ("verify",), ("doctor",)):
        done = call(root, *args)
        assert done.code == EX_FAIL
        assert "update clankers, or" in done.out + done.err
        assert remedy in done.out + done.err
    assert call(root, *remedy.split()[1:]).code == 0
    assert rows(database) == fresh_rows(root)


def test_a_reader_keeps_its_rows_during_a_rebuild_and_a_new_one_sees_the_new(root: Path, database: Path) -> None:
    append(root, work(3, 400))
    counted = "SELECT count(*) FROM sessions"
    with closing(apsw.Connection(str(database))) as old:
        old.execute("BEGIN")
        assert old.execute(counted).get == 3
        process = subprocess.Popen(command("project", "--rebuild"), env=environment(root), stdout=subprocess.DEVNULL)
        with process:
            seen = set()
            while process.poll() is None:
                assert old.execute(counted).get == 3
                with closing(apsw.Connection(str(database))) as new:  # no busy timeout: it must never have to wait
                    seen.add(new.execute(counted).get)
        assert process.returncode == 0
        assert seen <= {3, 403}
        assert count(database) == 403
        assert old.execute(counted).get == 3
        old.execute("COMMIT")
        assert old.execute(counted).get == 403
    assert_whole(database)


@POSIX_ONLY
def test_a_kill_at_any_moment_of_a_rebuild_leaves_a_complete_database(tmp_path: Path) -> None:
    before = tmp_path / "before"
    append(before, work(0, 400))
    assert call(before, "project").code == 0
    append(before, work(400, 200))

    def rebuild_until(root: Path, moment: float) -> float:
        """Kill it `moment` seconds after it got its lock; returns the seconds that it ran from there."""
        shutil.copytree(before, root)
        lock = root / "clankers.db.lock"
        with subprocess.Popen(
            command("project", "--rebuild"), env=environment(root), stdout=subprocess.DEVNULL
        ) as process:
            wait_for(lock.read_bytes)
            begun = time.monotonic()
            while process.poll() is None and time.monotonic() - begun < moment:
                time.sleep(0.001)  # until the moment of the kill
            process.kill()
            ran = time.monotonic() - begun
        killed.append(process.returncode == -signal.SIGKILL)
        return ran

    killed: list[bool] = []
    left_behind = []
    duration = rebuild_until(tmp_path / "undisturbed", 30)
    assert killed == [False]
    chance = random.Random(20261120)
    while sum(killed) < 12:  # one that had ended before its kill is drawn again
        assert len(killed) < 100, f"only {sum(killed)} were killed"
        root = tmp_path / f"killed-{len(killed)}"
        # The swap is the last and shortest piece: half of the moments are near it.
        rebuild_until(root, chance.choice((chance.uniform(0, 0.7), chance.uniform(0.7, 1))) * duration)
        path = root / "clankers.db"
        assert_whole(path)
        assert count(path) in {400, 600}
        assert count(path, "messages") == count(path)
        done = call(root, "project")
        assert done.code == 0, done.err
        assert count(path) == 600
        left_behind += [str(p) for p in root.glob("*.rebuild*")]
        shutil.rmtree(root)
    assert left_behind == [], "the run after a killed one did not clean up"


def test_a_rebuild_removes_what_a_killed_one_left(root: Path, database: Path) -> None:
    for suffix in (".rebuild", ".rebuild-journal"):
        Path(str(database) + suffix).write_bytes(b"half a database")
    assert call(root, "project", "--rebuild").code == 0
    assert not list(root.glob("*.rebuild*"))
    assert rows(database) == fresh_rows(root)


def test_the_next_project_removes_what_a_killed_rebuild_left(root: Path, database: Path) -> None:
    for suffix in (".rebuild", ".rebuild-journal", ".new", ".new-wal", ".0123456789abcdef.tmp"):
        Path(str(database) + suffix).write_bytes(b"half a database")
    before = {database, *root.glob("clankers.db-*"), *root.glob("*.lock")}
    assert call(root, "project").code == 0
    assert set(root.glob("clankers.db*")) <= before


def test_a_rebuild_under_another_writer_keeps_the_old_rows(
    root: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rebuilding, "_SWAP_SECONDS", 0.1)
    monkeypatch.setattr(rebuilding, "BUSY_MS", 10)
    monkeypatch.setattr(db_file, "BUSY_MS", 10)
    append(root, work(3, 1))
    with closing(apsw.Connection(str(database))) as writer:
        writer.execute("BEGIN IMMEDIATE")
        done = call(root, "project", "--rebuild")
    assert done.code == EX_FAIL
    assert "another program is writing" in done.err
    assert str(database) in done.err
    assert count(database) == 3
    assert not list(root.glob("*.rebuild*"))
    assert call(root, "project", "--rebuild").code == 0
    assert count(database) == 4


def test_another_writer_that_does_not_end_is_reported(
    root: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db_file, "BUSY_MS", 10)
    append(root, work(3, 1))
    with closing(apsw.Connection(str(database))) as writer:
        writer.execute("BEGIN IMMEDIATE")
        done = call(root, "project")
    assert done.code in {EX_FAIL, EX_BUSY}
    assert done.err.startswith("clankers: ")
    assert str(database) in done.err
    assert call(root, "project").code == 0
    assert count(database) == 4


def _garbage(path: Path) -> None:
    remove(path, "-wal", "-shm")
    path.write_bytes(random.Random(1).randbytes(20_000))


def _broken_pages(path: Path) -> None:
    """The head says SQLite, and ours; the pages behind it are noise."""
    remove(path, "-wal", "-shm")
    whole = path.read_bytes()
    path.write_bytes(whole[:4096] + random.Random(1).randbytes(len(whole) - 4096))


def _broken_rows(path: Path) -> None:
    """The tables are there, what they hold is noise."""
    with closing(apsw.Connection(str(path))) as db:
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        pages = [n for (n,) in db.execute("SELECT rootpage FROM sqlite_schema WHERE rootpage > 0")]
        size = db.pragma("page_size")
    remove(path, "-wal", "-shm")
    content = bytearray(path.read_bytes())
    for page in pages:
        content[(page - 1) * size : page * size] = random.Random(page).randbytes(size)
    path.write_bytes(content)


def _cut(path: Path) -> None:
    remove(path, "-wal", "-shm")
    path.write_bytes(path.read_bytes()[:6000])


@pytest.mark.parametrize("damage", [_garbage, _broken_pages, _broken_rows, _cut])
def test_a_damaged_database_is_reported_with_the_remedy_and_a_rebuild_repairs_it(
    root: Path, database: Path, damage: Callable[[Path], None]
) -> None:
    damage(database)
    damaged = database.read_bytes()
    append(root, work(3, 1))
    for args in (("project",), ("query", "SELECT * FROM sessions"), ("sessions",)):
        done = call(root, *args)
        assert done.code == EX_FAIL
        assert done.out == ""
        assert done.err.startswith("clankers: ")
        assert str(database) in done.err
        assert "clankers project --rebuild" in done.err
    assert database.read_bytes() == damaged
    healed = call(root, "project", "--rebuild")
    assert healed.code == 0, healed.err
    assert_whole(database)
    assert rows(database) == fresh_rows(root)
    assert call(root, "project").code == 0


def test_an_empty_file_becomes_the_database(root: Path, database: Path) -> None:
    remove(database, "-wal", "-shm")
    database.write_bytes(b"")
    assert call(root, "project").code == 0
    assert rows(database) == fresh_rows(root)


@pytest.mark.parametrize("args", [("project",), ("project", "--rebuild"), ("sessions",)])
def test_another_programs_database_is_left_alone(root: Path, args: tuple[str, ...]) -> None:
    append(root, work(0, 1))
    path = root / "clankers.db"
    with closing(sqlite3.connect(path)) as theirs, theirs:
        theirs.execute("CREATE TABLE photos (name TEXT)")
        theirs.execute("INSERT INTO photos VALUES ('cat.jpg')")
    before = path.read_bytes()
    done = call(root, *args)
    assert done.code == EX_FAIL
    assert done.err.startswith(f"clankers: {path} is another program's database")
    assert "CLANKERS_DB_PATH" in done.err
    assert path.read_bytes() == before
    assert not list(root.glob("*.rebuild*"))


def test_an_older_clankers_database_is_rebuilt(root: Path, database: Path) -> None:
    with closing(apsw.Connection(str(database))) as db:
        db.execute("UPDATE sessions SET title = 'as the old version had it'; DROP TABLE todos")
        db.pragma("user_version", db_file.VERSION - 1)
    done = call(root, "project")
    assert done.code == 0
    assert "3 sessions" in done.out
    assert "9 new events" in done.out
    assert rows(database) == fresh_rows(root)
    with closing(apsw.Connection(str(database))) as db:
        assert db.pragma("user_version") == db_file.VERSION


def test_an_older_clankers_database_is_rebuilt_for_reading_commands_and_the_watcher_too(
    root: Path, database: Path
) -> None:
    for args in (("sessions",), ("query", "SELECT count(*) FROM todos")):
        with closing(apsw.Connection(str(database))) as db:
            db.execute("DROP TABLE todos")
            db.pragma("user_version", db_file.VERSION - 1)
        assert call(root, *args).code == 0
        assert rows(database) == fresh_rows(root)


@pytest.mark.parametrize("args", [("project",), ("query", "SELECT 1")])
def test_a_newer_clankers_database_is_left_alone(root: Path, database: Path, args: tuple[str, ...]) -> None:
    with closing(apsw.Connection(str(database))) as db:
        db.pragma("user_version", db_file.VERSION + 1)
    done = call(root, *args)
    assert done.code == EX_FAIL
    assert "newer clankers" in done.err
    assert str(database) in done.err
    with closing(apsw.Connection(str(database))) as db:
        assert db.pragma("user_version") == db_file.VERSION + 1
    assert count(database) == 3
    assert not list(root.glob("*.rebuild*"))


@pytest.mark.parametrize("gone", [("",), ("", "-wal"), ("", "-shm"), ("", "-wal", "-shm"), ("-wal", "-shm")])
def test_a_deleted_database_is_made_again(root: Path, database: Path, gone: tuple[str, ...]) -> None:
    remove(database, *gone)
    assert call(root, "project").code == 0
    assert_whole(database)
    assert rows(database) == fresh_rows(root)


@pytest.fixture
def three_days(root: Path) -> Path:
    """The database of three days of log, brought up to date."""
    for i, day in enumerate(("2026-11-18", "2026-11-19", "2026-11-20")):
        append_at(root, f"{day}T12:00:00Z", work(10 * i, 10))
    assert call(root, "project").code == 0
    return root / "clankers.db"


@pytest.mark.parametrize("day", ["2026-11-18", "2026-11-19", "2026-11-20"])
@pytest.mark.parametrize("what", ["cut", "emptied", "removed"])
def test_a_log_that_lost_lines_is_rebuilt_from_what_is_left(root: Path, three_days: Path, day: str, what: str) -> None:
    log = root / f"clankers-{day}.jsonl"
    lines = log.read_bytes().splitlines(keepends=True)
    if what == "removed":
        log.unlink()
    else:
        log.write_bytes(b"".join(lines[:16]) if what == "cut" else b"")
    assert call(root, "project").code == 0
    assert rows(three_days) == fresh_rows(root)
    assert count(three_days) == (26 if what == "cut" else 20)
    assert "0 new events" in call(root, "project").out


def test_until_gives_the_state_as_of_then_in_a_database_of_its_own(
    root: Path, three_days: Path, tmp_path: Path
) -> None:
    append_at(root, "2026-11-20T18:00:00Z", [session("ses_late")])
    live = three_days.read_bytes()
    then = tmp_path / "not made yet" / "then.db"
    done = run(root, "project", "--until", "2026-11-20T12:00:00Z", "--db", str(then))
    assert done.code == 0, done.err
    assert done.out.count("\n") == 1
    assert done.out.startswith("30 sessions, 30 messages, 0 tools, 0 errors; 90 new events in ")
    assert_whole(then)
    assert rows(then) == rows(three_days)
    assert three_days.read_bytes() == live
    assert [p.name for p in then.parent.iterdir()] == ["then.db"]
    for moment, sessions in (
        ("2026-11-20T11:59:59.999Z", 20),
        ("2026-11-20T12:59:59+01:00", 20),
        ("2026-11-19T12:00:00+00:00", 20),
        ("2026-11-17T00:00:00Z", 0),
        ("2026-11-20T18:00:00Z", 31),
    ):
        path = tmp_path / f"{sessions}-{moment[8:19]}.db"
        assert call(root, "project", "--until", moment, "--db", str(path)).code == 0
        assert count(path) == sessions, moment


def test_until_without_a_zone_is_local_time(root: Path, tmp_path: Path) -> None:
    append_at(root, "2026-11-20T02:00:00Z", [session("ses_1")])
    for zone, sessions in (("UTC", 0), ("Etc/GMT+5", 1)):  # five hours behind: midnight there is 05:00 in UTC
        path = tmp_path / f"{sessions}.db"
        assert run(root, "project", "--until", "2026-11-19", "--db", str(path), TZ=zone).code == 0
        assert count(path) == sessions


def test_until_works_beside_a_projector(root: Path, three_days: Path, tmp_path: Path) -> None:
    then = tmp_path / "then.db"
    with ProjectorLock(str(three_days), "project --watch"):
        assert call(root, "project", "--until", "2026-11-19T00:00:00Z", "--db", str(then)).code == 0
    assert count(then) == 10


def test_until_refuses_the_live_database_an_existing_file_and_what_is_no_time(
    root: Path, database: Path, tmp_path: Path
) -> None:
    noon = "2026-11-20T12:00:00Z"
    link = tmp_path / "link.db"
    link.symlink_to(database)
    theirs = tmp_path / "theirs.db"
    theirs.write_text("precious")
    live = database.read_bytes()
    for path, reason in ((database, "live database"), (link, "live database"), (theirs, "exists already")):
        done = call(root, "project", "--until", noon, "--db", str(path))
        assert done.code == EX_USAGE
        assert reason in done.err
        assert str(path) in done.err
    assert theirs.read_text() == "precious"
    for bad in ("soon", "", "2026-13-01", "25:00", "1700000000000000000000"):
        done = call(root, "project", "--until", bad, "--db", str(tmp_path / "new.db"))
        assert done.code == EX_USAGE
        assert "is not a time; write one like" in done.err
        assert not (tmp_path / "new.db").exists()
    assert database.read_bytes() == live


def test_until_refuses_the_live_database_that_is_not_there_yet(root: Path) -> None:
    append(root, work(0, 1))
    path = root / "clankers.db"
    assert call(root, "project", "--until", "2026-11-20T12:00:00Z", "--db", str(path)).code == EX_USAGE
    assert not path.exists()


@pytest.mark.parametrize(
    "args",
    [
        ("--until", "2026-11-20T12:00:00Z"),
        ("--db", "somewhere.db"),
        ("--rebuild", "--watch"),
        ("--rebuild", "--until", "2026-11-20T12:00:00Z", "--db", "somewhere.db"),
        ("--watch", "--until", "2026-11-20T12:00:00Z", "--db", "somewhere.db"),
    ],
)
def test_options_that_make_no_sense_together_are_refused(root: Path, args: tuple[str, ...]) -> None:
    done = call(root, "project", *args)
    assert done.code == EX_USAGE
    assert done.out == ""
    assert done.err.startswith("clankers: ")
    assert not root.exists()


@pytest.mark.parametrize("option", [(), ("--rebuild",), ("--watch",)])
def test_a_second_projector_is_refused_with_the_name_of_the_first(
    root: Path, database: Path, option: tuple[str, ...]
) -> None:
    with ProjectorLock(str(database), "project --watch"):
        done = run(root, "project", *option)
    assert done.code == EX_BUSY
    assert f"process {os.getpid()}, clankers project --watch" in done.err
    assert call(root, "project").code == 0


def test_the_lock_file_of_a_dead_process_is_no_obstacle(root: Path, database: Path) -> None:
    lock = Path(str(database) + ".lock")
    lock.write_text("process 4194305, clankers project --watch, and more that is longer than what comes")
    assert call(root, "project").code == 0
    assert lock.read_bytes() == b""


@contextmanager
def watching(root: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`clankers project --watch`, from the moment on when it has caught up."""
    told = root.parent / "watcher.out"
    with (
        told.open("wb") as out,
        (root.parent / "watcher.err").open("wb") as err,
        subprocess.Popen(command("project", "--watch"), env=environment(root), stdout=out, stderr=err) as process,
    ):
        try:
            wait_for(lambda: b"new events" in told.read_bytes() or process.poll() is not None)
            assert process.poll() is None
            yield process
        finally:
            process.kill()


def _has(db: apsw.Connection, sessions: int) -> bool:
    return bool(db.execute("SELECT count(*) FROM sessions").get == sessions)


def test_a_watcher_has_each_new_line_in_the_database(root: Path, database: Path) -> None:
    with watching(root), reading(database) as db:
        for expected in (4, 5, 6):
            append(root, [session(f"ses_new_{expected}")])
            wait_for(partial(_has, db, expected))
    assert "1 new events" in (root.parent / "watcher.out").read_text()


def test_a_watcher_sleeps_less_than_a_second_before_it_sees_a_new_line(
    root: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []  # since the last line was appended; not the clock, so a busy machine changes nothing
    found: list[float] = []  # how long it slept before it saw each line

    async def sleep(seconds: float) -> None:
        if not slept:
            append(root, [session(f"ses_new_{len(found)}")])
        slept.append(seconds)
        await checkpoint()

    def report(_: Replayed) -> None:
        if slept:
            found.append(sum(slept))
            slept.clear()
        if len(found) == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(anyio, "sleep", sleep)
    with ProjectorLock(str(database), "test"):
        anyio.run(partial(follow.follow, str(database), str(root), sweep=lambda: None, report=report))
    assert len(found) >= 3
    assert max(found) <= 0.5


def test_a_watcher_starts_before_there_is_anything(root: Path) -> None:
    with watching(root):
        append(root, [session("ses_first")])
        wait_for(lambda: count(root / "clankers.db") == 1)


@POSIX_ONLY
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_watcher_ends_well_on_a_signal(root: Path, database: Path, number: signal.Signals) -> None:
    with watching(root) as process:
        append(root, work(3, 2))
        process.send_signal(number)
        assert process.wait(timeout=DEADLINE) == 0
    assert (root.parent / "watcher.err").read_text() == ""
    assert_whole(database)
    assert call(root, "project").code == 0
    assert rows(database) == fresh_rows(root)


def test_beside_a_watcher_projectors_are_refused_and_queries_answered(root: Path, database: Path) -> None:
    with watching(root) as process:
        for option in ("--watch", "--rebuild"):
            done = run(root, "project", option)
            assert done.code == EX_BUSY
            assert f"process {process.pid}, clankers project --watch" in done.err
        append(root, [session("ses_new")])
        wait_for(lambda: count(database) == 4)
        done = run(root, "query", "--json", "SELECT id FROM sessions WHERE id = 'ses_new'")
        assert done == Result(0, '[{"id": "ses_new"}]\n', "")
        assert process.poll() is None


@POSIX_ONLY
def test_a_killed_watcher_is_no_obstacle(root: Path, database: Path) -> None:
    with watching(root) as process:
        process.kill()
        process.wait()
        append(root, work(3, 1))
        assert call(root, "project").code == 0
    assert count(database) == 4


@pytest.mark.parametrize("what", ["cut", "removed"])
def test_a_watcher_follows_a_log_that_lost_lines(root: Path, three_days: Path, what: str) -> None:
    log = root / "clankers-2026-11-20.jsonl"
    with watching(root) as process:
        if what == "cut":
            log.write_bytes(b"".join(log.read_bytes().splitlines(keepends=True)[:3]))
        else:
            log.unlink()
        wait_for(lambda: count(three_days) == (21 if what == "cut" else 20))
        append(root, [session("ses_new")])
        wait_for(lambda: count(three_days) == (22 if what == "cut" else 21))
        assert process.poll() is None
    assert rows(three_days) == fresh_rows(root)


@pytest.mark.parametrize("what", ["garbage", "newer", "not ours"])
def test_a_watcher_that_cannot_begin_says_why(root: Path, database: Path, what: str) -> None:
    if what == "garbage":
        _garbage(database)
    else:
        with closing(apsw.Connection(str(database))) as db:
            db.pragma("user_version" if what == "newer" else "application_id", db_file.VERSION + 1)
    done = run(root, "project", "--watch")
    assert done.code == EX_FAIL
    assert done.out == ""
    assert done.err.startswith(f"clankers: {database} ")
    assert done.err.count("\n") == 1


def test_a_watcher_makes_a_deleted_database_again(root: Path, database: Path) -> None:
    def made_again() -> bool:
        if process.poll() is not None:
            pytest.fail(f"the watcher gave up: {(root.parent / 'watcher.err').read_text()}")
        with suppress(apsw.CantOpenError, apsw.SQLError):  # not there yet, or without its tables yet
            return count(database) == 4
        return False

    with watching(root) as process:
        remove(database, "", "-wal", "-shm")
        append(root, work(3, 1))
        wait_for(made_again)
    assert rows(database) == fresh_rows(root)


def test_a_reader_with_an_open_transaction_does_not_stop_the_projector(root: Path, database: Path) -> None:
    with closing(apsw.Connection(str(database))) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM sessions").get == 3
        for i in range(3, 6):
            append(root, work(i, 1))
            done = run(root, "project")
            assert done.code == 0, done.err
            assert count(database) == i + 1
        assert reader.execute("SELECT count(*) FROM sessions").get == 3


READER = """
import sqlite3, sys
from pathlib import Path

database, stop, kind, timeout = sys.argv[1:]

def connect():
    return sqlite3.connect(database, timeout=float(timeout), isolation_level=None)

kept = connect() if kind == "kept" else None
reads, last = 0, 0
while not Path(stop).exists():
    db = kept or connect()
    try:
        (found,) = db.execute("SELECT count(*) FROM sessions").fetchone()
    except sqlite3.Error as e:
        print(e.sqlite_errorname, file=sys.stderr)
    else:
        if found < last:
            sys.exit(f"rows went away: {last}, {found}")
        reads, last = reads + 1, found
        if reads == 1:
            print("reading", flush=True)
    if not kept:
        db.close()
print(reads, last)
"""
# When nobody has the database open, the first to open it looks through the WAL; SQLite offers no way around that, and
# a second that opens in this moment and will not wait at all hears of it. Python's module waits, and so does our code.
UNAVOIDABLE = {"SQLITE_BUSY_RECOVERY"}


@sizes(15, 50)
@pytest.mark.parametrize(
    ("kind", "timeout", "allowed"), [("kept", 0, set()), ("fresh", 5, set()), ("fresh", 0, UNAVOIDABLE)]
)
def test_a_reader_sees_no_error_while_the_log_is_replayed(
    root: Path, database: Path, kind: str, timeout: int, allowed: set[str], size: int
) -> None:
    stop, told, errors = (root.parent / name for name in ("stop", "reader.out", "reader.err"))
    arguments = [str(database), str(stop), kind, str(timeout)]
    with (
        told.open("wb") as out,
        errors.open("wb") as err,
        subprocess.Popen([sys.executable, "-c", READER, *arguments], stdout=out, stderr=err) as reader,
    ):
        try:
            wait_for(told.read_bytes)
            for i in range(3, 3 + size):
                append(root, work(i, 1))
                assert call(root, "project").code == 0
        finally:
            stop.touch()
        reader.wait(timeout=DEADLINE)
    assert reader.returncode == 0, errors.read_text()
    assert set(errors.read_text().split()) <= allowed
    reads, last = told.read_text().splitlines()[1].split()
    assert int(reads) > 50
    assert int(last) in {2 + size, 3 + size}


@POSIX_ONLY
def test_files_are_for_their_owner_alone(root: Path, tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        append(root, work(0, 3))
        assert call(root, "project").code == 0
        assert call(root, "project", "--rebuild").code == 0
        then = tmp_path / "then.db"
        assert call(root, "project", "--until", "2999-01-01T00:00:00Z", "--db", str(then)).code == 0
    finally:
        os.umask(old)
    assert root.stat().st_mode & 0o777 == 0o700
    modes = {p.name: oct(p.stat().st_mode & 0o777) for p in [*root.iterdir(), then] if p.is_file()}
    assert modes.keys() >= {"clankers.db", "clankers.db.lock", "then.db"}
    assert set(modes.values()) == {"0o600"}, modes


def test_the_database_may_be_elsewhere(root: Path, tmp_path: Path) -> None:
    append(root, work(0, 2))
    elsewhere = tmp_path / "db" / "my.db"
    assert call(root, "project", CLANKERS_DB_PATH=str(elsewhere)).code == 0
    assert count(elsewhere) == 2
    assert [p.suffix for p in root.iterdir()] == [".jsonl"]
