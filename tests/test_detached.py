"""What runs unasked: hooks, the catch-up at the end of a turn, and the first import of past sessions."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import apsw
import pytest

from clankers import paths
from clankers.append import main as append_main
from clankers.cli import project
from clankers.errors import EX_BUSY, EX_OK
from clankers.harnesses.hook_command import hook_command
from clankers.harnesses.launcher import install_launcher
from clankers.system import detached, locks
from clankers.system.config_files import apply
from clankers.system.locks import WATCHER, NamedLock
from projector.store.lock import ProjectorLock
from projector.store.meta import BACKFILL, read_meta, set_meta
from tests.commands import POSIX_ONLY, Result, call, command, environment, run, work
from tests.feeding import append
from tests.patience import BUSY_MS, DEADLINE, NEVER, wait_for

CLEAR = {"XDG_DATA_HOME": "", "XDG_CONFIG_HOME": "", "CLAUDE_CONFIG_DIR": ""}
IDLE = b'{"type":"session.idle","properties":{"sessionID":"ses_1"}}'
STOP = b'{"hook_event_name":"Stop","session_id":"s1"}'
ENDS = {
    "Stop": ("claude-code", STOP),
    "StopFailure": ("claude-code", b'{"hook_event_name":"StopFailure","session_id":"s1"}'),
    "SessionEnd": ("claude-code", b'{"hook_event_name":"SessionEnd","session_id":"s1"}'),
    "session.idle": ("opencode", IDLE),
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def root(home: Path) -> Path:
    return home / "data"


def count(root: Path) -> int:
    """The sessions in the database; 0 as long as there is none."""
    if not (root / "clankers.db").exists():
        return 0
    try:
        with closing(apsw.Connection(str(root / "clankers.db"), flags=apsw.SQLITE_OPEN_READONLY)) as db:
            db.set_busy_timeout(BUSY_MS)
            return int(db.execute("SELECT count(*) FROM sessions").get)
    except apsw.Error:  # being made
        return 0


def is_free(path: Path) -> bool:
    """Whether nobody keeps the lock at `path`."""
    with path.open("r+b") as f:
        return locks.try_lock(f.fileno())


def start_hook(root: Path, source: str, **env: str) -> "subprocess.Popen[bytes]":
    pipe = subprocess.PIPE
    env = environment(root, **CLEAR, **env)
    return subprocess.Popen(command("append", source), stdin=pipe, stdout=pipe, stderr=pipe, env=env)


def fire(root: Path, source: str, payload: bytes, **env: str) -> tuple[int, bytes, bytes]:
    """A hook as a client runs it, until the end of its output."""
    with start_hook(root, source, **env) as hook:
        out, err = hook.communicate(payload, timeout=DEADLINE)
    return hook.returncode, out, err


# The hook's command, as the client's shell runs it.


def shell(root: Path, text: str, payload: bytes = b'{"hook_event_name":"PreToolUse"}\n') -> Any:
    env = {paths.DATA_ENV: str(root), "HOME": str(root.parent), "PATH": os.environ["PATH"]}
    return subprocess.run(
        ["sh", "-c", text], input=payload, env=env, capture_output=True, check=False, timeout=DEADLINE
    )


def logged(root: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for f in root.glob("clankers-*.jsonl") for line in f.open("rb")]


@POSIX_ONLY
def test_the_hook_as_installed_logs_its_event_and_says_nothing(home: Path, root: Path) -> None:
    with mock.patch.object(detached, "start"):
        call(root, "install", "claude-code", **CLEAR)
    (group,) = json.loads((home / ".claude" / "settings.json").read_bytes())["hooks"]["PreToolUse"]
    (hook,) = group["hooks"]
    done = shell(root, hook["command"])
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    (line,) = logged(root)
    assert (line["source"], line["type"]) == ("claude-code", "PreToolUse")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks into /proc")
def test_a_client_that_ends_does_not_end_the_hook(root: Path) -> None:
    env = {paths.DATA_ENV: str(root), "HOME": str(root.parent)}
    with mock.patch.dict(os.environ, env):
        apply(install_launcher())
    with subprocess.Popen(["/bin/sh", "-c", hook_command("claude-code")], stdin=subprocess.PIPE, env=env) as hook:
        assert hook.stdin
        cmdline = Path(f"/proc/{hook.pid}/cmdline")
        wait_for(lambda: b"-IS" in cmdline.read_bytes().split(b"\0"), "that sh becomes Python")
        hook.send_signal(signal.SIGTERM)
        hook.communicate(b'{"hook_event_name":"SessionEnd"}\n', timeout=DEADLINE)
    assert hook.returncode == 0
    assert [line["type"] for line in logged(root)] == ["SessionEnd"]


# The catch-up.


@POSIX_ONLY
def test_the_end_of_a_turn_brings_the_database_up_to_date(home: Path) -> None:
    for name, (source, payload) in ENDS.items():
        assert fire(home / name, source, payload) == (0, b"", b"")
    for name in ENDS:
        wait_for(lambda place=home / name: count(place) == 1)  # type: ignore[misc]


@POSIX_ONLY
def test_a_hook_does_not_wait_for_the_catch_up(root: Path) -> None:
    assert fire(root, "claude-code", STOP) == (0, b"", b"")
    assert not (root / "clankers.db").exists(), "the catch-up waits a second before it begins"
    wait_for(lambda: count(root) == 1)


@pytest.fixture
def start() -> Iterator[mock.Mock]:
    with mock.patch.object(detached, "start") as started:
        yield started


def test_only_the_end_of_a_turn_starts_one_however_many_a_stream_tells(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(paths.DATA_ENV, str(root))
    others = ["SessionStart", "PreToolUse", "PostToolUse", "SubagentStop", "message.updated"]
    for kinds, calls in ((others, 0), ([*others, "Stop", "Stop"], 1)):
        lines = b"".join(b'{"hook_event_name":"%s"}\n' % kind.encode() for kind in kinds)
        with mock.patch.object(detached, "start") as start, mock.patch("os.read", side_effect=[lines, b""]):
            assert append_main(["x", "--stream"]) == EX_OK
        assert start.call_args_list == [mock.call("catch-up")] * calls


def test_a_stream_starts_one_at_each_end_of_a_turn_and_not_only_at_its_own(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(paths.DATA_ENV, str(root))
    events = [
        b'{"hook_event_name":"Stop"}\n',
        b'{"hook_event_name":"PostToolUse"}\n',
        b'{"hook_event_name":"Stop"}\n',
        b"",
    ]
    started = []
    with mock.patch.object(detached, "start") as start, mock.patch("clankers.append._readable", return_value=False):

        def read(*_: object) -> bytes:
            started.append(start.call_count)
            return events[len(started) - 1]

        with mock.patch("os.read", side_effect=read):
            assert append_main(["x", "--stream"]) == EX_OK
    assert started == [0, 1, 1, 2]
    assert start.call_count == 2


def test_beside_a_watcher_there_is_nothing_to_do_but_beside_a_dead_one(
    root: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(paths.DATA_ENV, str(root))
    monkeypatch.chdir(tmp_path)
    lock = root / "clankers.db.lock"
    with mock.patch.object(detached, "_DELAY", 0):
        with ProjectorLock(str(root / "clankers.db"), WATCHER):
            assert not detached.wait_turn()
            said = lock.read_text()
        assert detached.wait_turn()
        lock.write_text(said)  # as a watcher that was killed leaves it, perhaps with another's process id by now
        assert detached.wait_turn()
        with ProjectorLock(str(root / "clankers.db"), "project"):
            assert detached.wait_turn()


@contextmanager
def watching(root: Path) -> Iterator[None]:
    env = environment(root, **CLEAR)
    with subprocess.Popen(command("project", "--watch"), env=env, stdout=subprocess.DEVNULL) as watcher:
        try:
            wait_for(lambda: locks.watched(str(root / "clankers.db")))
            yield
        finally:
            watcher.terminate()
            watcher.wait(timeout=DEADLINE)


@POSIX_ONLY
def test_a_real_watcher_does_it_alone(root: Path) -> None:
    root.mkdir()
    with watching(root):
        assert fire(root, "claude-code", STOP) == (0, b"", b"")
        wait_for(lambda: count(root) == 1)
        assert not (root / "catch-up.lock").exists(), "a catch-up would have made it first of all"


@POSIX_ONLY
def test_of_many_at_once_one_has_its_turn_and_who_comes_later_has_another(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root.mkdir()
    monkeypatch.setenv(paths.DATA_ENV, str(root))
    monkeypatch.setattr(detached, "_DELAY", 0.3)
    for _ in range(2):
        with ThreadPoolExecutor(20) as pool:
            turns = list(pool.map(lambda _: detached.wait_turn(), range(20)))
        assert turns.count(True) == 1


@POSIX_ONLY
def test_many_turns_that_end_at_once_are_all_in_the_database(root: Path) -> None:
    hooks = [start_hook(root, "opencode") for _ in range(8)]
    for n, hook in enumerate(hooks):
        hook.communicate(IDLE.replace(b"ses_1", b"ses_%d" % n), timeout=DEADLINE)
    assert [hook.returncode for hook in hooks] == [0] * 8
    wait_for(lambda: count(root) == 8)
    wait_for(lambda: is_free(root / "catch-up.lock") and is_free(root / "clankers.db.lock"))


@POSIX_ONLY
def test_a_catch_up_that_cannot_work_is_nothing_to_the_hook(home: Path, root: Path) -> None:
    (home / "file").touch()
    assert fire(root, "claude-code", STOP, CLANKERS_DB_PATH=str(home / "file" / "clankers.db")) == (0, b"", b"")
    other = home / "other"
    (other / "catch-up.lock").mkdir(parents=True)
    assert fire(other, "claude-code", STOP) == (0, b"", b"")
    assert len(logged(root)) == len(logged(other)) == 1


def test_a_catch_up_that_cannot_start_is_reported_and_the_event_is_safe(root: Path) -> None:
    lost = "import sys; sys.executable = '/nowhere/python'; from clankers.__main__ import main; sys.exit(main())"
    argv = [sys.executable, "-c", lost, "append", "claude-code"]
    done = subprocess.run(argv, input=STOP, env=environment(root), capture_output=True, check=False, timeout=DEADLINE)
    assert (done.returncode, done.stdout) == (0, b"")
    assert done.stderr.startswith(b"clankers append: no catch-up started: ")
    assert done.stderr.count(b"\n") == 1
    assert len(logged(root)) == 1


@POSIX_ONLY
def test_where_a_spawn_cannot_begin_a_session_it_begins_a_process_group(monkeypatch: pytest.MonkeyPatch) -> None:
    spawn = os.posix_spawn
    started: list[int] = []

    def without_sessions(*args: Any, setsid: bool = False, **options: Any) -> int:
        if setsid:
            raise NotImplementedError
        started.append(spawn(*args, **options))
        return started[0]

    monkeypatch.setattr(os, "posix_spawn", without_sessions)
    detached.start("--version")
    assert os.getpgid(started[0]) == started[0]
    os.waitpid(started[0], 0)


@POSIX_ONLY
@pytest.mark.skipif(getattr(os, "geteuid", int)() == 0, reason="to root everything can be written")
def test_a_root_that_cannot_be_written_is_no_place_for_a_catch_up(root: Path) -> None:  # pragma: no cover
    append(root, work(0, 1))
    root.chmod(0o500)
    try:
        assert fire(root, "claude-code", STOP) == (0, b"", b"")
    finally:
        root.chmod(0o700)


def test_project_waits_for_a_catch_up_that_is_at_work(root: Path, start: mock.Mock) -> None:
    append(root, work(0, 2))
    refused = threading.Event()
    really = locks.try_lock

    def try_lock(fd: int) -> bool:
        got = really(fd)
        if not got:
            refused.set()
        return got

    with mock.patch.object(locks, "try_lock", try_lock), ThreadPoolExecutor(1) as pool:
        with ProjectorLock(str(root / "clankers.db"), "query"):
            done = pool.submit(call, root, "project")
            assert refused.wait(DEADLINE)
        assert done.result(timeout=DEADLINE).code == EX_OK
    assert count(root) == 2


def test_project_does_not_wait_for_a_watcher(root: Path, start: mock.Mock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(project, "PATIENCE", NEVER)
    append(root, work(0, 2))
    with ProjectorLock(str(root / "clankers.db"), WATCHER):
        done = call(root, "project")
    assert done.code == EX_BUSY
    assert WATCHER in done.err


# The first import of past sessions.


def store(home: Path, name: str) -> None:
    """A session in each of the harnesses' stores, of today."""
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime())
    transcript = home / ".claude" / "projects" / "-src" / f"{name}.jsonl"
    transcript.parent.mkdir(parents=True, exist_ok=True)
    transcript.write_text(
        f'{{"type":"user","uuid":"u","sessionId":"{name}","timestamp":"{stamp}","message":{{"content":"hi"}}}}\n'
    )
    file = home / ".local" / "share" / "opencode" / "storage" / "session" / "p" / f"ses_{name}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps({"id": f"ses_{name}", "time": {"created": round(time.time() * 1000)}}))


def mark(root: Path) -> str | None:
    return read_meta(str(root / "clankers.db"), BACKFILL)


def settled(root: Path) -> bool:
    """Whether past sessions were imported, and the process that did it has ended."""
    return mark(root) is not None and is_free(root / "backfill.lock")


def clankers(root: Path, *args: str) -> Result:
    return run(root, *args, **CLEAR)


@POSIX_ONLY
def test_past_sessions_are_imported_once_in_the_background_and_again_when_the_mark_is_lost(
    home: Path, root: Path
) -> None:
    store(home, "first")
    begun = time.time_ns() // 10**6
    assert "in the background" in clankers(root, "install", "opencode").err
    wait_for(lambda: settled(root))
    assert begun <= int(mark(root) or "") <= time.time_ns() // 10**6
    assert count(root) == 2

    store(home, "second")
    first = mark(root)
    for args in (("project",), ("sessions",), ("install", "opencode"), ("project", "--rebuild")):
        done = clankers(root, *args)
        assert (done.code, "in the background" in done.err) == (EX_OK, False)
    assert (mark(root), count(root)) == (first, 2)

    with closing(apsw.Connection(str(root / "clankers.db"))) as db:
        db.execute("DELETE FROM meta WHERE key = ?", (BACKFILL,))
    assert "in the background" in clankers(root, "project").err
    wait_for(lambda: settled(root))
    assert count(root) == 4

    store(home, "third")
    for end in ("", "-wal", "-shm"):
        (root / f"clankers.db{end}").unlink(missing_ok=True)
    assert "in the background" in clankers(root, "sessions").err
    wait_for(lambda: settled(root))
    assert count(root) == 6


@POSIX_ONLY
def test_where_nothing_was_installed_the_past_stays_where_it_is(home: Path, root: Path) -> None:
    store(home, "s")
    append(root, work(0, 1))
    for args in (("project",), ("sessions",), ("project", "--rebuild")):
        done = clankers(root, *args)
        assert (done.code, done.err) == (EX_OK, "")
    assert not (root / "backfill.lock").exists()
    assert (mark(root), count(root)) == (None, 1)


def test_a_second_backfill_gives_way_to_the_first(home: Path, root: Path) -> None:
    with (
        NamedLock(str(root / "backfill.lock"), "backfill", "taken"),
    ):
        done = call(root, "backfill", **CLEAR)
    assert done.code == EX_BUSY
    assert "another backfill is under way: process " in done.err
    assert not list(root.glob("*.jsonl"))


@pytest.mark.parametrize(
    ("args", "whole"),
    [((), True), (("--all",), True), (("--days", "31"), True), (("--days", "29"), False), (("opencode",), False)],
)
def test_only_a_backfill_of_everything_counts_as_one(
    args: tuple[str, ...], whole: bool, home: Path, root: Path
) -> None:
    store(home, "s")
    assert call(root, "backfill", *args, **CLEAR).code == EX_OK
    assert (mark(root) is not None) == whole


def test_beside_a_watcher_a_backfill_leaves_the_replay_to_it(home: Path, root: Path, start: mock.Mock) -> None:
    store(home, "s")
    append(root, work(0, 1))
    assert call(root, "project").code == EX_OK
    with ProjectorLock(str(root / "clankers.db"), WATCHER):
        done = call(root, "backfill", **CLEAR)
    assert (done.code, done.err) == (EX_OK, "")
    assert (mark(root) is not None, count(root)) == (True, 1)


def test_a_rebuild_keeps_the_mark(root: Path, start: mock.Mock) -> None:
    append(root, work(0, 1))
    call(root, "project")
    set_meta(str(root / "clankers.db"), BACKFILL, "1700000000000")
    assert call(root, "project", "--rebuild").code == EX_OK
    assert mark(root) == "1700000000000"
