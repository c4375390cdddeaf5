"""A data root that may only be read, by permissions: a backup, another user's, one that was locked by mistake."""

import json
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from tests.commands import POSIX_ONLY, call, session, work
from tests.faults.common import Ended, clankers, numbered, run
from tests.feeding import append
from tests.test_project_cli import count

pytestmark = POSIX_ONLY
# Root may do everything: without these, what a file's bits say holds for root as for everybody.
BOUND = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner"]


def as_anybody() -> list[str]:
    """What stands before a command so that permissions hold for it."""
    if os.geteuid():
        return []
    if not shutil.which("setpriv") or subprocess.run([*BOUND, "true"], capture_output=True, check=False).returncode:
        pytest.skip("we are root, and there is no way to be less")  # some containers forbid setpriv
    return BOUND


def bound(root: Path, *args: str, data: bytes = b"", database: Path | None = None) -> Ended:
    env = {"CLANKERS_DB_PATH": str(database)} if database else {}
    return run(root, [*as_anybody(), *clankers(*args)], data, seconds=120, **env)


def lock(root: Path) -> None:
    for path in root.iterdir():
        path.chmod(0o400)
    root.chmod(0o500)


def unlock(root: Path) -> None:
    root.chmod(0o700)
    for path in root.iterdir():
        path.chmod(0o600)


@pytest.fixture
def root(tmp_path: Path) -> Iterator[Path]:
    root = tmp_path / "root"
    append(root, [session("ses_before")])
    assert call(root, "project").code == 0
    yield root
    unlock(root)


def content(root: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in root.iterdir()}


def assert_told(done: Ended) -> None:
    """One line that says where, what, and what to do."""
    assert done.err.count(b"\n") == 1, done.err
    assert done.err.startswith(b"clankers")
    assert b"cannot be" in done.err or b"Permission denied; check" in done.err, done.err


@pytest.mark.parametrize("day", ["begun", "new"])
@pytest.mark.parametrize("args", [("opencode",), ("opencode", "--stream"), ("claude-code",)])
def test_append_says_that_it_cannot_write_and_nothing_else(args: tuple[str, ...], day: str, root: Path) -> None:
    if day == "new":
        next(root.glob("*.jsonl")).unlink()
    lock(root)
    before = content(root)
    hook = b'{"hook_event_name":"Stop","session_id":"s1","transcript_path":"/nowhere/s1.jsonl"}'
    done = bound(root, "append", *args, data=hook if args[0] == "claude-code" else numbered(1))
    assert (done.code, done.out) == (74, b"")
    assert done.err.count(b"\n") == 1
    assert done.err.startswith(b"clankers append: cannot write the log ")
    assert b": Permission denied; check the directory's owner" in done.err
    assert content(root) == before
    unlock(root)
    assert bound(root, "append", "opencode", data=numbered(2)).code == 0


def test_append_below_a_directory_that_is_not_ours_says_so(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        done = bound(tmp_path / "root", "append", "opencode", data=numbered(1))
    finally:
        tmp_path.chmod(0o700)
    assert (done.code, done.out, done.err.count(b"\n")) == (74, b"", 1)


@pytest.mark.parametrize(
    "args",
    [
        ("project",),
        ("project", "--rebuild"),
        ("project", "--watch"),
        ("backfill",),
        ("scrub",),
        ("forget", "--yes", "ses_before"),
    ],
)
def test_commands_that_write_say_what_they_cannot(args: tuple[str, ...], root: Path) -> None:
    lock(root)
    before = content(root)
    done = bound(root, *args)
    assert (done.code, done.out) == (74, b"")
    assert_told(done)
    assert content(root) == before


def left_by_a_projector(_: Path) -> None:
    """The database, its WAL, and SQLite's index of it."""


def copied_whole(database: Path) -> None:
    """As `sqlite3 .backup` or the last to close it makes it: no file beside it."""
    with closing(apsw.Connection(str(database))) as db:
        db.pragma("schema_version")  # who has read nothing closes nothing
    assert not database.with_name("clankers.db-wal").exists()


def copied_without_its_index(database: Path) -> None:
    database.with_name("clankers.db-shm").unlink()


def not_there(database: Path) -> None:
    for path in database.parent.glob("clankers.db*"):
        path.unlink()


SELECT = ("query", "--json", "SELECT id FROM sessions")
ROWS = b'[{"id": "ses_before"}]\n'


def test_that_the_log_holds_more_than_a_database_that_cannot_be_written_is_told(root: Path) -> None:
    append(root, [session("ses_behind")])
    lock(root)
    before = content(root)
    shown = bound(root, *SELECT)
    assert (shown.code, shown.out) == (0, ROWS)
    assert_told(shown)
    assert b"clankers.db as of its last update; it cannot be brought up to date: " in shown.err
    assert b"clankers.db.lock: Permission denied; set CLANKERS_DB_PATH to a file elsewhere" in shown.err
    listed = bound(root, "sessions")
    assert (listed.code, b"ses_before" in listed.out) == (0, True)
    assert listed.err == shown.err
    unlock(root)
    assert content(root) == before


@pytest.mark.parametrize("state", [left_by_a_projector, copied_whole])
def test_commands_that_read_show_the_database_as_it_stands_and_change_nothing(
    state: Callable[[Path], None], root: Path
) -> None:
    state(root / "clankers.db")
    lock(root)
    before = content(root)
    shown = bound(root, *SELECT)
    assert (shown.code, shown.out, shown.err) == (0, ROWS, b"")  # nothing is new: there is nothing to tell
    listed = bound(root, "sessions")
    assert (listed.code, b"ses_before" in listed.out, listed.err) == (0, True, b"")
    verified = bound(root, "verify")
    assert (verified.code, verified.err) == (0, b"")
    assert verified.out == b"1 line in 1 file: 0 bad\ndatabase: equals a fresh replay of the log\n"
    looked = bound(root, "doctor")
    assert looked.code == 1
    assert f"{root} cannot be written".encode() in looked.out
    assert b"ok current\n" in looked.out
    assert content(root) == before


def searched(root: Path, *words: str) -> tuple[set[str], bytes]:
    """The ids of the sessions in which something was found, and what was said beside."""
    done = bound(root, "search", "--json", *words)
    assert done.code == 0, done.err
    return {hit["session_id"] for hit in json.loads(done.out)}, done.err


@pytest.mark.parametrize("state", [left_by_a_projector, copied_whole])
@pytest.mark.parametrize("index", ["none", "old", "whole", "half written"])
def test_search_needs_no_place_of_its_own(state: Callable[[Path], None], index: str, root: Path) -> None:
    append(root, work(1, 2))
    if index != "none":
        assert len(searched(root, "prompt")[0]) == 2
    if index == "old":
        append(root, work(3, 1))
        assert call(root, "project").code == 0
    if index == "half written":
        (made,) = root.glob("clankers.db.search-*")
        made.with_name(f"{made.name}-journal").write_bytes(b"of a writer that was killed")
    assert call(root, "project").code == 0
    state(root / "clankers.db")
    lock(root)
    before = content(root)
    found, told = searched(root, "prompt")
    assert content(root) == before
    assert found == {"ses_000001", "ses_000002"}
    if index == "whole":
        assert told == b""
        return
    assert told.count(b"\n") == 1
    assert b"Permission denied" in told or b"readonly" in told
    assert b"set CLANKERS_DB_PATH to a file elsewhere" in told
    assert (b"changes in 1 sessions are missing" in told) == (index == "old")
    assert (b"builds a temporary one" in told) == (index != "old")


@pytest.mark.long  # it gives a projector time to write them after all
def test_lines_that_came_after_the_database_was_written_are_missed_by_verify(root: Path) -> None:
    append(root, [session("ses_after")])
    lock(root)
    verified = bound(root, "verify")
    assert verified.code == 1
    assert b"2 lines in 1 file: 0 bad\n" in verified.out
    assert b"database: sessions: 1 missing: ses_after\n" in verified.out


@pytest.mark.parametrize("state", [copied_without_its_index, not_there])
def test_where_the_database_cannot_even_be_opened_it_is_said_what_helps_and_that_helps(
    state: Callable[[Path], None], root: Path, tmp_path: Path
) -> None:
    """Without its index the WAL cannot be read; to read the database without its WAL might be to read half of it."""
    state(root / "clankers.db")
    append(root, [session("ses_later")])
    lock(root)
    before = content(root)
    for args in (SELECT, ("sessions",)):
        done = bound(root, *args)
        assert (done.code, done.out) == (1, b"")
        assert_told(done)
        assert b"clankers.db cannot be opened or made: " in done.err
    verified = bound(root, "verify")
    assert verified.code == 1
    assert verified.out.startswith(b"2 lines in 1 file: 0 bad\ndatabase: unable to open database")
    assert bound(root, "doctor").code == 1
    shown = bound(root, *SELECT, database=tmp_path / "elsewhere" / "clankers.db")
    assert (shown.code, shown.err) == (0, b"")
    assert b"ses_later" in shown.out
    assert content(root) == before


def test_a_recorder_that_is_installed_is_not_asked_to_take_in_the_past_where_it_cannot_write(
    root: Path, tmp_path: Path
) -> None:
    assert call(root, "install", "opencode").code == 0
    lock(root)
    for database in (None, tmp_path / "elsewhere.db"):
        shown = bound(root, *SELECT, database=database)
        assert (shown.code, shown.out) == (0, ROWS)
        assert b"taken in" not in shown.err


def test_when_it_may_be_written_again_all_goes_on(root: Path) -> None:
    lock(root)
    assert bound(root, *SELECT).code == 0
    unlock(root)
    assert bound(root, "append", "opencode", data=numbered(1)).code == 0
    assert bound(root, "project").code == 0
    assert count(root / "clankers.db") == 2
