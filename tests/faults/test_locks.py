"""Who waits for whom, and for how long: readers, writers, projectors, rebuilds, catch-ups, and locks of the dead."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from clankers.system.locks import WATCHER, NamedLock, try_lock, watched
from tests.commands import POSIX_ONLY, call, environment, session
from tests.faults.common import (
    SEED,
    Readers,
    clankers,
    figures,
    keep_from_catching_up,
    meta_rows,
    run,
    three_a_session,
)
from tests.feeding import append
from tests.patience import DEADLINE, wait_for
from tests.sizes import sizes
from tests.test_project_cli import assert_whole, count, fresh_rows, rows, watching

pytestmark = POSIX_ONLY


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    append(root, three_a_session(0, 20))
    assert call(root, "project").code == 0
    return root


@sizes(8, 64)
def test_projectors_rebuilds_readers_and_catch_ups_at_once_all_come_to_their_end(size: int, root: Path) -> None:
    """Each waits for the others or says that it is busy; nothing is counted twice."""
    chance = random.Random(SEED)
    commands = [("project",), ("project",), ("project", "--rebuild"), ("sessions",), ("catch-up",)]
    chosen = [chance.choice(commands) for _ in range(size)]
    begun = time.monotonic()
    with Readers(root / "clankers.db") as readers:
        processes = []
        for n, args in enumerate(chosen):
            append(root, three_a_session(20 + n, 1))
            processes.append(
                subprocess.Popen(
                    clankers(*args), env=environment(root), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
                )
            )
        codes: Counter[int] = Counter()
        for args, process in zip(chosen, processes, strict=True):
            _, err = process.communicate(timeout=DEADLINE)
            assert b"Traceback" not in err
            assert process.returncode in {0, 75}, (args, err)
            codes[process.returncode] += 1
    assert call(root, "project").code == 0
    assert count(root / "clankers.db") == 20 + size
    assert rows(root / "clankers.db") == fresh_rows(root)
    live = list(meta_rows(root / "clankers.db"))
    assert call(root, "project", "--rebuild").code == 0
    assert list(meta_rows(root / "clankers.db")) == live
    figures(
        f"locks: {size} commands at once, exit codes {dict(codes)}, {readers.looks} looks, "
        f"{time.monotonic() - begun:.0f} s"
    )


def test_a_stopped_projector_that_keeps_the_lock_lets_everybody_read(root: Path) -> None:
    """As on a laptop that sleeps, or under a debugger: recording goes on, reading shows the last state."""
    with watching(root) as process:
        process.send_signal(signal.SIGSTOP)
        try:
            assert run(root, clankers("append", "opencode"), session("ses_later")[2]).code == 0
            shown = run(root, clankers("query", "--json", "SELECT count(*) AS n FROM sessions"))
            assert (shown.code, shown.out) == (0, b'[{"n": 20}]\n')
            refused = run(root, clankers("project"))
            assert refused.code == 75
            assert f"process {process.pid}".encode() in refused.err
        finally:
            process.send_signal(signal.SIGCONT)
        wait_for(lambda: count(root / "clankers.db") == 21)


@pytest.mark.parametrize("args", [("project",), ("project", "--rebuild"), ("sessions",), ("project", "--watch")])
def test_the_lock_of_a_killed_process_is_nobodys(root: Path, args: tuple[str, ...]) -> None:
    with watching(root) as process:
        process.kill()
        process.wait()
    assert b"--watch" in (root / "clankers.db.lock").read_bytes()
    append(root, three_a_session(20, 1))
    if args[-1] == "--watch":
        with watching(root):
            pass
    else:
        assert run(root, clankers(*args)).code == 0
    assert count(root / "clankers.db") == 21


def test_a_watcher_that_died_keeps_no_turn_from_being_caught_up_with_even_when_its_number_lives_again(
    root: Path,
) -> None:
    (root / "clankers.db.lock").write_text(f"process 4194304, clankers {WATCHER}")
    done = run(root, clankers("append", "opencode"), b'{"type":"session.idle","properties":{"sessionID":"ses_idle"}}')
    assert done.code == 0
    wait_for(lambda: count(root / "clankers.db") == 21)


def test_a_catch_up_in_the_background_and_a_rebuild_in_the_foreground_both_end_well(root: Path) -> None:
    for n in range(3):
        turn = b'{"type":"session.idle","properties":{"sessionID":"ses_%d"}}' % n
        assert run(root, clankers("append", "opencode"), turn).code == 0
        assert run(root, clankers("project", "--rebuild")).code == 0
    wait_for(lambda: count(root / "clankers.db") == 23)
    assert_whole(root / "clankers.db")


def test_a_reader_that_never_ends_stops_neither_a_projector_nor_a_rebuild_and_its_rows_stay(root: Path) -> None:
    with closing(apsw.Connection(str(root / "clankers.db"), flags=apsw.SQLITE_OPEN_READONLY)) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM sessions").get == 20
        for n, args in enumerate((("project",), ("project", "--rebuild"), ("project",))):
            append(root, three_a_session(20 + n, 1))
            assert run(root, clankers(*args)).code == 0
            assert count(root / "clankers.db") == 21 + n
        assert reader.execute("SELECT count(*) FROM sessions").get == 20
    assert_whole(root / "clankers.db")


def test_a_writer_that_lets_go_in_time_is_waited_for(root: Path) -> None:
    append(root, three_a_session(20, 1))
    with closing(apsw.Connection(str(root / "clankers.db"))) as writer:
        writer.execute("BEGIN IMMEDIATE")
        with subprocess.Popen(
            clankers("project"), env=environment(root), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
        ) as process:
            wait_for(lambda: b"project" in (root / "clankers.db.lock").read_bytes())
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(timeout=1)
            writer.execute("COMMIT")
            _, err = process.communicate(timeout=DEADLINE)
            assert (process.returncode, err) == (0, b"")
    assert count(root / "clankers.db") == 21


def test_hooks_of_one_session_at_once_all_record_while_another_keeps_its_cursor(root: Path, tmp_path: Path) -> None:
    """A cursor that a stopped process keeps locked holds up no hook for longer than its patience."""
    fcntl = pytest.importorskip("fcntl")  # Windows has no such locks
    keep_from_catching_up(root)
    transcript = tmp_path / "projects" / "p" / "s1.jsonl"
    transcript.parent.mkdir(parents=True)
    transcript.write_text("")
    (root / "cursors").mkdir(mode=0o700)
    fd = os.open(root / "cursors" / "s1.json", os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(fd, fcntl.LOCK_EX)
    hook = b'{"hook_event_name":"Stop","session_id":"s1","transcript_path":"%s"}' % str(transcript).encode()
    codes: list[int] = []
    threads = [
        threading.Thread(target=lambda: codes.append(run(root, clankers("append", "claude-code"), hook).code))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.close(fd)
    assert codes == [0] * 4


def test_a_dead_watcher_s_text_in_the_lock_file_does_not_make_others_give_up(root: Path) -> None:
    """The next holder replaces that text only after it has the lock; whoever looks in between must wait."""
    path = root / "clankers.db.lock"
    path.write_text(f"process 4194304, clankers {WATCHER}")
    with path.open("rb") as held:
        assert try_lock(held.fileno())
        assert not watched(str(root / "clankers.db"))
        threading.Timer(0.3, held.close).start()
        with NamedLock(str(path), "test", "taken", patience=30):
            pass


def test_a_watcher_waits_for_a_program_that_holds_a_write(root: Path) -> None:
    program = (
        "import sys\nfrom projector.store import sqlite_file\nsqlite_file.BUSY_MS = 20\n"
        "from clankers.__main__ import main\nsys.argv[1:] = ['project', '--watch']\nsys.exit(main())\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], env=environment(root)) as watcher:
        try:
            wait_for(lambda: watched(str(root / "clankers.db")) and count(root / "clankers.db") == 20)
            with closing(apsw.Connection(str(root / "clankers.db"))) as writer:
                writer.execute("BEGIN IMMEDIATE")
                append(root, [session("ses_new")])
                with pytest.raises(subprocess.TimeoutExpired):  # it looks five times a second
                    watcher.wait(timeout=2)
                writer.execute("ROLLBACK")
            wait_for(lambda: count(root / "clankers.db") == 21)
        finally:
            watcher.terminate()
        assert watcher.wait(timeout=30) == 0
