"""A disk that is full, fails, is read-only or loses the root: nobody crashes, nothing acknowledged is lost."""

import random
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands import POSIX_ONLY, call, session
from tests.faults.common import (
    SEED,
    assert_acknowledged_once,
    clankers,
    figures,
    keep_from_catching_up,
    logged,
    numbered,
    run,
    three_a_session,
    touches,
)
from tests.feeding import append
from tests.patience import wait_for
from tests.sizes import sizes
from tests.test_project_cli import assert_whole, count, fresh_rows, rows, watching

pytestmark = POSIX_ONLY
ENDS = {0, 1, 74, 75}  # done, a rebuild given up, the disk, another writer


@sizes(7, 400)
def test_projectors_that_meet_an_error_of_the_disk_say_so_and_the_next_one_has_it_all(
    size: int, tmp_path: Path
) -> None:
    chance = random.Random(SEED)
    codes: Counter[int] = Counter()
    begun = time.monotonic()
    root = tmp_path / "root"
    append(root, three_a_session(0, 40))
    assert call(root, "project").code == 0
    made: dict[tuple[str, ...], int] = {}
    commands: list[tuple[str, ...]] = [("project",), ("project", "--rebuild"), ("sessions",)]
    for args in commands:
        append(root, three_a_session(40 + 10 * len(made), 10))
        made[args] = len(touches(root, lambda args=args, **plan: clankers(*args, **plan), b"", sqlite=True))
    for n in range(size):
        append(root, three_a_session(100 + n, 1))
        args = chance.choice(commands)
        fault, at = chance.choice(["eio", "enospc"]), chance.randint(1, made[args])
        done = run(root, clankers(*args, fault=fault, at=at, on=chance.random() < 0.5, sqlite=True))
        what = f"{fault} at {at} of {args}: {done.err.decode()}"
        codes[done.code] += 1
        assert done.code in ENDS, what
        assert b"Traceback" not in done.err, what
        assert done.code == 0 or done.err.count(b"\n") <= 2, what
        assert done.code == 0 or done.err.startswith(b"clankers: "), what
        assert_whole(root / "clankers.db")
        after = call(root, "project")
        assert after.code == 0, after.err
        if n % 10 == 9 or n == size - 1:
            assert rows(root / "clankers.db") == fresh_rows(root), what
            assert not list(root.glob("*.rebuild*"))
    figures(
        f"project, rebuild, sessions: {size} errors of the disk, exit codes {dict(codes)}, 0 lost, "
        f"{time.monotonic() - begun:.0f} s"
    )


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        # Mounting needs root, and root of a container may not do it either.
        pytest.skip(f"no way to mount a small file system: {mounted.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)


def test_a_disk_that_is_really_full_loses_nothing_acknowledged_and_all_is_well_when_there_is_room(
    small_disk: Path,
) -> None:
    root = small_disk / "root"
    keep_from_catching_up(root)
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(5_700_000))
    tried: Counter[str] = Counter()
    acknowledged = set()
    for n in range(30):
        tried[f"ses_{n:06}"] += 1
        done = run(root, clankers("append", "opencode"), numbered(n, 30_000))
        assert done.code in {0, 74}
        assert done.err.count(b"\n") == (done.code == 74)
        if done.code == 0:
            acknowledged.add(f"ses_{n:06}")
    assert 5 < len(acknowledged) < 25
    full = run(root, clankers("project"))
    assert full.code == 74
    assert full.err.startswith(b"clankers: ")
    assert full.err.count(b"\n") == 1
    ballast.unlink()
    assert run(root, clankers("append", "opencode"), numbered(99)).code == 0
    assert_acknowledged_once(root, tried + Counter({"ses_000099": 1}), acknowledged | {"ses_000099"}, torn=30 * 3)


def test_a_root_on_a_read_only_file_system_is_told_and_taken_up_again(small_disk: Path) -> None:
    root = small_disk / "root"
    append(root, [session("ses_before")])
    assert run(root, clankers("project")).code == 0
    append(root, [session("ses_behind")])
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = run(root, clankers("append", "opencode"), numbered(1))
    assert (done.code, done.out, done.err.count(b"\n")) == (74, b"", 1)
    for args in (("project",), ("project", "--rebuild"), ("project", "--watch")):
        told = run(root, clankers(*args))
        assert (told.code, told.out, told.err.count(b"\n")) == (74, b"", 1)
        assert (
            b"clankers.db.lock: Read-only file system; its file system is read-only: set CLANKERS_DATA_PATH" in told.err
        )
    shown = run(root, clankers("query", "--json", "select id from sessions"))
    assert (shown.code, shown.out) == (0, b'[{"id": "ses_before"}]\n')
    assert b"clankers.db.lock: Read-only file system; set CLANKERS_DB_PATH" in shown.err
    subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    assert run(root, clankers("append", "opencode"), numbered(2)).code == 0
    assert run(root, clankers("project")).code == 0
    assert count(root / "clankers.db") == 3


def test_a_log_that_nobody_may_change_is_exit_74_and_taken_up_again(tmp_path: Path) -> None:
    root = tmp_path / "root"
    append(root, [session("ses_before")])
    log = next(root.glob("*.jsonl"))
    if (
        not shutil.which("chattr")
        or subprocess.run(["chattr", "+i", str(log)], capture_output=True, check=False).returncode
    ):
        pytest.skip("no way to make a file immutable")  # needs root and a file system that has the flag
    try:
        done = run(root, clankers("append", "opencode"), numbered(1))
        assert (done.code, done.out, done.err.count(b"\n")) == (74, b"", 1)
        subprocess.run(["chattr", "-i", "+a", str(log)], check=True)  # may be appended to, which is all that is needed
        assert run(root, clankers("append", "opencode"), numbered(2)).code == 0
    finally:
        subprocess.run(["chattr", "-i", "-a", str(log)], check=True)
    assert len(logged(root).lines) == 2


@pytest.mark.parametrize("way", ["a file for the root", "a directory for the log", "a directory for the database"])
def test_what_is_in_the_way_is_told_in_a_line_and_taken_up_again_when_it_is_gone(way: str, tmp_path: Path) -> None:
    root = tmp_path / "root"
    append(root, [session("ses_before")])
    (log,) = root.glob("*.jsonl")
    target = {"a file for the root": root, "a directory for the log": log}.get(way, root / "clankers.db")
    aside = tmp_path / "aside"
    if target.exists():
        target.rename(aside)
    if way == "a file for the root":
        target.write_text("a file")
    else:
        target.mkdir()
    appended = run(root, clankers("append", "opencode"), numbered(1))
    assert appended.code == (0 if target.name == "clankers.db" else 74)
    for args in (("project",), ("project", "--rebuild"), ("sessions",), ("doctor",)):
        told = run(root, clankers(*args))
        assert told.code in ENDS, args
        assert b"Traceback" not in told.err, told.err.decode()
    target.unlink() if target.is_file() else target.rmdir()
    if aside.exists():
        aside.rename(target)
    assert run(root, clankers("append", "opencode"), numbered(2)).code == 0
    done = run(root, clankers("project"))
    assert done.code == 0, done.err
    assert count(root / "clankers.db") == 2 + (target.name == "clankers.db")


def _removed(root: Path) -> bool:
    """Removed, though the watcher may put a file into it meanwhile."""
    shutil.rmtree(root, ignore_errors=True)
    return not root.exists()


def test_a_root_removed_and_made_again_under_a_watcher_is_followed_from_its_new_beginning(tmp_path: Path) -> None:
    """The log is the truth: what was in the removed one is gone from the database, what comes is in it."""
    root = tmp_path / "root"
    append(root, three_a_session(0, 5))
    with watching(root) as process:
        wait_for(lambda: count(root / "clankers.db") == 5)
        wait_for(lambda: _removed(root))
        append(root, three_a_session(5, 2))

        def followed() -> bool:
            assert process.poll() is None, (tmp_path / "watcher.err").read_text()
            return (root / "clankers.db").exists() and [r["id"] for r in safely(root)] == ["ses_000005", "ses_000006"]

        wait_for(followed)
        append(root, three_a_session(7, 1))
        wait_for(lambda: len(safely(root)) == 3)
    assert rows(root / "clankers.db") == fresh_rows(root)


def safely(root: Path) -> list[dict[str, object]]:
    """The sessions; none while the database is being made."""
    try:
        return rows(root / "clankers.db")["sessions"]
    except Exception:  # noqa: BLE001 (it has no tables yet)
        return []
