"""`clankers forget`: what it names is gone from every file, and nothing else is."""

import gzip
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from unittest import mock

import apsw
import pytest

from clankers.errors import EX_BUSY, EX_FAIL, EX_USAGE
from clankers.log import envelope, tombstones
from clankers.log.reader import log_files, read
from clankers.log.writer import Log, file_name
from clankers.maintenance import in_place_edit
from clankers.maintenance.archive import archive
from clankers.maintenance.gzip_rewrite import rewrite
from clankers.maintenance.in_place_edit import Replacement
from projector.store.lock import ProjectorLock
from projector.trace.erase import blank_owned, find_owned
from projector.trace.ownership import SessionMatcher
from tests import feeding
from tests.commands import NOW, POSIX_ONLY, call, command, environment, event, run, session
from tests.feeding import Recording, append, feed_hooks, feed_transcripts, opencode_records, project
from tests.sizes import sizes

pytestmark = POSIX_ONLY

PARENT = "0aee4390-a408-41f0-9070-440cf9a316bf"  # of the capture `subagent`
TASK = "ses_e049e5553ffexbKBdS1Rqk6ZlS"  # of 11-task, with a child
BY_CLAUDE = {PARENT, "a77e2d909d26261de", "a2643e80b41879696"}
BY_OPENCODE = {TASK, "ses_e049e547fffeQ9UbMBvo4j4sjj"}
OLD = file_name("2024-05-01")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Captures of both harnesses in one log, projected: a directory with `data` and `home`, to be copied."""
    base = tmp_path_factory.mktemp("recorded")
    root = base / "data"
    for name in ("subagent", "tools"):
        feed_hooks(name, root, base / "home")
    for name in ("1.1.65/11-task", "1.18.33/11-task", "1.18.33/03-multi"):
        append(root, opencode_records(name))
    project(root).close()
    return base


@pytest.fixture
def root(recorded: Path, tmp_path: Path) -> Path:
    shutil.copytree(recorded / "data", tmp_path / "data")
    return tmp_path / "data"


def log_of(root: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(root.glob("clankers-*.jsonl")))


def without(root: Path, ids: set[str], to: Path) -> Path:
    """A root whose log never held what names one of `ids`, projected."""
    to.mkdir()
    for path in root.glob("clankers-*.jsonl"):
        kept = [one for one in path.read_bytes().splitlines(keepends=True) if not any(id.encode() in one for id in ids)]
        (to / path.name).write_bytes(b"".join(kept))
    project(to).close()
    return to


def rows(root: Path) -> dict[str, Any]:
    with closing(apsw.Connection(str(root / "clankers.db"))) as db:
        types = sorted(db.execute("SELECT * FROM event_types WHERE source <> 'clankers'").fetchall())
        rejects = sorted(db.execute("SELECT reason FROM rejects").fetchall())
        found: dict[str, Any] = {"event_types": types, "rejects": rejects}
        return found | feeding.rows(db)


def secrets(root: Path, ids: set[str]) -> list[bytes]:
    """What only the lines that name `ids` hold, but for these: their log ids and the words in them."""
    rest = others(root, ids)
    theirs = [one for one in log_of(root).splitlines() if one not in set(rest)]
    told = b"\n".join(rest)
    words = {one[13:49] for one in theirs} | {word for one in theirs for word in one.split() if len(word) > 12}
    return sorted(word for word in words if word not in told and not any(id.encode() in word for id in ids))


def assert_nowhere(root: Path, words: list[bytes], ids: set[str]) -> None:
    assert len(words) > 20
    for path in root.rglob("*"):
        if path.is_file() and path.parent.name != "cursors":  # which hold a path and offsets
            data = path.read_bytes()
            assert [word for word in words if word in data] == [], path
            for one in data.splitlines() if path.suffix == ".jsonl" else [data]:
                assert b'"type":"forgotten' in one or not any(id.encode() in one for id in ids), path


def others(root: Path, ids: set[str]) -> list[bytes]:
    lines = [one for one in log_of(root).splitlines() if one.strip() and b'"source":"clankers"' not in one]
    return [one for one in lines if not any(id.encode() in one for id in ids)]


@pytest.mark.parametrize("ids", [BY_CLAUDE, BY_OPENCODE], ids=["claude-code", "opencode"])
def test_what_is_forgotten_is_in_no_file_and_the_rest_is_as_if_it_had_never_been(
    ids: set[str], root: Path, tmp_path: Path
) -> None:
    id = (ids & {PARENT, TASK}).pop()
    expected = rows(without(root, ids, tmp_path / "never"))
    words, kept = secrets(root, ids), others(root, ids)
    size = sum(path.stat().st_size for path in root.glob("clankers-*.jsonl"))
    shown = call(root, "forget", id, "--dry-run")
    done = call(root, "forget", id, "--yes")
    assert (done.code, done.err) == (0, "")
    assert f"To be removed: {len(ids)} sessions," in shown.out
    assert shown.out.splitlines()[-1].replace("To be removed", "Forgotten") == done.out.splitlines()[-1]
    assert_nowhere(root, words, ids)
    assert rows(root) == expected
    assert others(root, ids) == kept
    stones = tombstones.tombstones(str(root))
    assert [(set(stone.sessions), stone.done) for stone in stones] == [(ids, True)]
    assert log_of(root)[:size].count(b"\n") == log_of(root)[:size].count(b"\n")
    assert call(root, "verify").code == 0
    assert call(root, "forget", id, "--yes").code == EX_USAGE  # nobody knows it any more


def test_a_subagent_alone_leaves_its_parent(root: Path) -> None:
    child = "a77e2d909d26261de"
    assert call(root, "forget", child, "--yes").code == 0
    with closing(project(root)) as db:
        left = {id for (id,) in db.execute("SELECT id FROM sessions")}
        said = db.execute("SELECT count(*) FROM messages WHERE session_id = ?", (child,)).get
    assert PARENT in left
    assert said == 0


def test_a_dry_run_changes_nothing_and_so_does_a_question_that_nobody_can_answer(root: Path) -> None:
    before = log_of(root), rows(root)
    assert call(root, "forget", PARENT, "--dry-run").code == 0
    asked = run(root, "forget", PARENT)
    assert asked.code == EX_USAGE
    assert "--yes" in asked.err
    assert "To be removed: 3 sessions" in asked.out
    with mock.patch("sys.stdin.isatty", return_value=True), mock.patch("typer.confirm", return_value=False):
        assert call(root, "forget", PARENT).code == EX_FAIL
    assert (log_of(root), rows(root)) == before


def test_a_prefix_will_do_while_it_is_one_sessions(root: Path) -> None:
    assert "To be removed: 3 sessions" in call(root, "forget", PARENT[:6], "--dry-run").out
    for name, said in (("ses_", "is the beginning of"), ("nobody", "there is no session"), ("", "there is no session")):
        refused = call(root, "forget", name, "--yes")
        assert refused.code == EX_USAGE
        assert said in refused.err
    for args in ((), (PARENT, "--before", "2020-01-01"), ("--before", "soon")):
        assert call(root, "forget", *args).code == EX_USAGE


def test_sessions_before_a_day(tmp_path: Path) -> None:
    root = tmp_path / "data"
    day = 86_400_000
    append(root, [session("ses_old", created=NOW), session("ses_new", created=NOW + 30 * day)])
    append(
        root, [session("ses_parent", created=NOW), session("ses_child", created=NOW + 30 * day, parentID="ses_parent")]
    )
    cut = time.strftime("%Y-%m-%d", time.localtime((NOW + 10 * day) / 1000))
    assert call(root, "forget", "--before", cut, "--yes").code == 0
    assert {row["id"] for row in rows(root)["sessions"]} == {"ses_new", "ses_parent", "ses_child"}
    assert "Nothing to forget" in call(root, "forget", "--before", cut, "--yes").out


def test_sessions_of_a_project(tmp_path: Path) -> None:
    root = tmp_path / "data"
    places = {"a": "/src/shop", "b": "/src/shop/web", "c": "/src/shopping"}
    append(root, [session(id, directory=place) for id, place in places.items()])
    assert call(root, "forget", "--project", "/src/shop/", "--yes").code == 0
    assert {row["id"] for row in rows(root)["sessions"]} == {"c"}
    assert {row["path"] for row in rows(root)["projects"]} == {"/src/shopping"}


def test_lines_that_nobody_can_read_go_where_they_name_it(tmp_path: Path) -> None:
    root = tmp_path / "data"
    append(root, [session("ses_1"), session("ses_10"), event("message.updated", info={"sessionID": "ses_1"})])
    append(root, [event("message.updated", info={"sessionID": "ses_10"})])
    path = next(root.glob("clankers-*.jsonl"))
    torn, whole = (one for one in path.read_bytes().splitlines(keepends=True)[:2])
    with path.open("ab") as f:
        f.write(torn[:-40] + whole)
    (root / OLD).write_bytes(b'{"v":1,"id":"x","payload":"ses_1 and no more')
    done = call(root, "forget", "ses_1", "--yes")
    assert "lines (3 of them damaged), " in done.out
    assert b"ses_1 " not in (root / OLD).read_bytes()
    lines = [one for file in log_files(str(root)) for one in read(str(root), file)]
    left = [one for one in lines if one.event is None or one.event.source == "opencode"]
    assert len([one for one in left if one.event]) == 3
    assert not any(b'"ses_1"' in one.raw for one in left)
    assert [one.reason for one in left if not one.event] == []


def test_archived_days(root: Path, tmp_path: Path) -> None:
    expected = rows(without(root, BY_CLAUDE, tmp_path / "never"))
    words = secrets(root, BY_CLAUDE)
    path = next(root.glob("clankers-*.jsonl"))
    lines = path.read_bytes().splitlines(keepends=True)
    path.unlink()
    days = [root / file_name(f"2024-05-0{n}") for n in (1, 2, 3)]
    for day, some in zip(days, (lines[:30], lines[30:60], lines[60:]), strict=True):
        day.write_bytes(b"".join(some))
    assert call(root, "archive").code == 0
    subprocess.run(["gunzip", "-k", str(days[1]) + ".gz"], check=True)  # a copy beside
    stands = [one.stat().st_mtime_ns for one in sorted(root.glob("*.gz"))]
    done = call(root, "forget", PARENT, "--yes")
    assert (done.code, done.err) == (0, "")
    for one in sorted(root.glob("*.gz")):
        subprocess.run(["gunzip", str(one)], check=True)
    assert len(stands) == 3
    assert_nowhere(root, words, BY_CLAUDE)
    project(root).close()
    assert rows(root) == expected
    assert call(root, "verify").code == 0


def test_backfill_does_not_bring_it_back_unless_forced(tmp_path: Path) -> None:
    root, home = tmp_path / "data", tmp_path / "home"
    Recording("subagent", home).grow_all()
    storage = tmp_path / "share" / "opencode" / "storage"
    (storage / "session" / "p").mkdir(parents=True)
    info = {"id": "ses_1", "directory": "/src/shop", "title": "a title", "time": {"created": NOW, "updated": NOW}}
    (storage / "session" / "p" / "ses_1.json").write_text(json.dumps(info))
    places = {"CLAUDE_CONFIG_DIR": str(home / ".claude"), "XDG_DATA_HOME": str(tmp_path / "share")}
    assert call(root, "backfill", "--all", **places).code == 0
    before = rows(root)
    assert {row["id"] for row in before["sessions"]} == BY_CLAUDE | {"ses_1"}
    assert call(root, "forget", PARENT, "ses_1", "--yes", **places).code == 0
    assert rows(root)["sessions"] == []
    for lost in (False, True):
        if lost:
            shutil.rmtree(root / "cursors")
        assert call(root, "backfill", "--all", **places).out.startswith("0 new records")
        assert call(root, "project").code == 0
        assert rows(root)["sessions"] == []
    assert call(root, "backfill", "--all", "--force", **places).code == 0
    assert rows(root) == before
    assert call(root, "backfill", "--all", "--force", **places).out.startswith("0 new records")


def test_what_a_fork_copied_is_the_forks(tmp_path: Path) -> None:
    root = tmp_path / "data"

    def line(session: str, uuid: str, text: str, **more: str) -> feeding.Record:
        said = {"sessionId": session, "uuid": uuid, "timestamp": f"2026-01-01T00:00:0{uuid[-1]}Z", "type": "user"}
        return "claude-code", "transcript.user", json.dumps(said | {"message": {"content": text}} | more).encode()

    copied = [line("fork", "u-1", "one", requestSessionId="origin"), line("fork", "u-2", "two")]
    append(root, [line("origin", "u-1", "one"), *copied])
    assert call(root, "forget", "origin", "--yes").code == 0
    left = [one for one in log_of(root).splitlines() if one.strip() and b'"source":"clankers"' not in one]
    assert [b'"fork"' in one for one in left] == [True, True]
    assert call(root, "forget", "fork", "--yes").code == 0
    assert {row["id"] for row in rows(root)["sessions"]} == set()


@pytest.mark.parametrize("lost", [False, True], ids=["", "cursor lost"])
def test_what_comes_later_is_recorded_and_nothing_else(lost: bool, tmp_path: Path) -> None:
    root, home = tmp_path / "data", tmp_path / "home"
    feed_transcripts("basic_text", root, home)
    recording = Recording("basic_text", home)
    path = next(p for p in recording.files if p.suffix == ".jsonl")
    id = path.stem
    with path.open("a") as f:
        f.write('{"type":"user","unread":"partial')  # in flight
    assert call(root, "forget", id, "--yes").code == 0
    assert os.listdir(root / "cursors" / "open") == []
    if lost:
        shutil.rmtree(root / "cursors")
        (root / "cursors" / "open").mkdir(parents=True)
    begin = {"session_id": id, "transcript_path": str(path), "hook_event_name": "SessionStart", "cwd": str(home)}
    append(root, [("claude-code", "SessionStart", json.dumps(begin).encode())], follow=True)
    line = {"sessionId": id, "uuid": "u-new", "timestamp": "2030-01-01T00:00:00Z", "type": "user"}
    with path.open("a") as f:
        f.write('"}\n' + json.dumps(line | {"message": {"content": "and now?"}}) + "\n")
    append(root, [("claude-code", "Stop", json.dumps(begin | {"hook_event_name": "Stop"}).encode())], follow=True)
    project(root).close()
    assert [row["text_content"] for row in rows(root)["messages"]] == ["and now?"]


def test_who_appends_meanwhile_loses_nothing(root: Path, tmp_path: Path) -> None:
    kept = set(others(root, BY_CLAUDE))
    writer = """
import sys, time
from clankers.log import envelope
from clankers.log.writer import Log
with Log(sys.argv[1]) as log:
    for n in range(100000):
        now = time.time_ns()
        log.write(envelope.day_of(now), [envelope.line("test", "t", b'{"n":%d}' % n, id=f"w-{n}", now_ns=now)])
        if n == 0:
            print("begun", flush=True)
        if not n % 50:
            time.sleep(0.002)  # a writer that comes and goes
        import os
        if os.path.exists(sys.argv[2]):
            print(n)
            break
"""
    stop = tmp_path / "stop"
    with subprocess.Popen([sys.executable, "-c", writer, str(root), str(stop)], stdout=subprocess.PIPE) as process:
        assert process.stdout
        process.stdout.readline()
        done = call(root, "forget", PARENT, "--yes")
        stop.touch()
        last = int(process.stdout.readline())
    assert done.code == 0
    lines = [one for file in log_files(str(root)) for one in read(str(root), file)]
    ids = [one.event.id for one in lines if one.event]
    assert [id for id in ids if id.startswith("w-")] == [f"w-{n}" for n in range(last + 1)]
    assert kept <= {one.raw for one in lines}
    assert all(one.event for one in lines)


def test_a_line_to_which_a_forgotten_one_was_glued_gets_its_newline(tmp_path: Path) -> None:
    def stop(session: str) -> bytes:
        payload = json.dumps({"session_id": session, "hook_event_name": "Stop"}).encode()
        return envelope.line("claude-code", "Stop", payload, now_ns=0)

    kept = stop("other")
    (tmp_path / OLD).write_bytes(kept[:-1] + stop(PARENT))
    blank_owned(str(tmp_path), SessionMatcher(str(tmp_path), {PARENT}), {OLD: 1 << 20}, progress=lambda _: None)
    assert (tmp_path / OLD).read_bytes().startswith(kept)


@pytest.mark.parametrize("archived", [False, True])
def test_lines_behind_the_offset_of_a_tombstone_stay(root: Path, archived: bool) -> None:
    """They came after it: the session was recorded again."""
    sessions = SessionMatcher(str(root), {PARENT})
    days = find_owned(str(root), sessions, progress=lambda _: None).days
    for name in days:
        later = envelope.line("claude-code", "Stop", b'{"session_id":"%s","hook_event_name":"Stop"}' % PARENT.encode())
        with (root / name).open("ab") as log:
            log.write(later)
        if archived:
            with in_place_edit.lock(str(root), "test"):
                archive(str(root), name, progress=lambda _: None)
    blank_owned(str(root), sessions, days, progress=lambda _: None)
    left = find_owned(str(root), sessions, progress=lambda _: None)
    assert left.lines == {PARENT: len(days)}


def test_beside_a_watcher_nothing_is_changed(root: Path) -> None:
    before = log_of(root)
    with ProjectorLock(str(root / "clankers.db"), "project --watch"):
        refused = call(root, "forget", PARENT, "--yes")
    assert refused.code == EX_BUSY
    assert "project --watch" in refused.err
    assert log_of(root) == before


def test_a_reader_that_keeps_the_wal_is_told_of_and_the_next_run_ends_it(root: Path) -> None:
    words = secrets(root, BY_CLAUDE)
    with closing(apsw.Connection(str(root / "clankers.db"))) as reader:
        reader.execute("BEGIN")
        assert reader.execute("SELECT count(*) FROM sessions").get
        with mock.patch("projector.trace.erase.BUSY_MS", 50), mock.patch("projector.trace.erase._PATIENCE", 0):
            assert call(root, "forget", PARENT, "--yes").code == EX_BUSY
    done = call(root, "forget")
    assert (done.code, done.out) == (0, "Finished what an interrupted run had begun to remove.\n")
    assert_nowhere(root, words, BY_CLAUDE)


class Killed(BaseException):
    """As if the process had been killed at this point."""


@sizes(7, 1)
def test_killed_at_every_step_and_run_again_the_end_is_the_same(size: int, root: Path, tmp_path: Path) -> None:
    """At every `size`-th step, and at none."""
    today = next(root.glob("clankers-*.jsonl"))
    lines = today.read_bytes().splitlines(keepends=True)
    (root / OLD).write_bytes(b"".join(lines[:40]))
    today.write_bytes(b"".join(lines[40:]))
    assert call(root, "archive").code == 0
    assert call(root, "project", "--rebuild").code == 0

    def killed_at(n: int) -> ExitStack:
        left = [n]

        def until(real: Callable[..., Any]) -> Callable[..., Any]:
            def step(*args: Any, **more: Any) -> Any:
                left[0] -= 1
                if left[0] < 0:
                    raise Killed
                return real(*args, **more)

            return step

        stack = ExitStack()
        for name in ("fsync", "replace", "unlink", "pwrite"):
            stack.enter_context(mock.patch(f"os.{name}", until(getattr(os, name))))
        return stack

    ends = []
    for n in [*range(0, 100, size), 1000]:
        copy = tmp_path / "copies" / "data"
        shutil.rmtree(copy.parent, ignore_errors=True)
        shutil.copytree(root, copy)
        try:
            with killed_at(n):
                call(copy, "forget", PARENT, "--yes")
        except Killed:
            finished = True
        else:
            finished = False
        if finished:
            again = call(copy, "forget", *([] if tombstones.tombstones(str(copy)) else [PARENT, "--yes"]))
            assert again.code in (0, EX_USAGE), (n, again)
        assert all(stone.done for stone in tombstones.tombstones(str(copy))), n
        ends.append((rows(copy), others(copy, BY_CLAUDE)))
        assert not any(PARENT.encode() in one for one in log_of(copy).splitlines() if b'"forgotten' not in one), n
        packed = gzip.decompress((copy / (OLD + ".gz")).read_bytes())
        assert PARENT.encode() not in packed, n
        if not finished:
            break
    assert not finished
    assert len(ends) * size > 20
    assert all(end == ends[-1] for end in ends)


@pytest.mark.parametrize("step", ["rebuild", "empty_wal", "tombstones.close"])
def test_killed_when_the_lines_are_gone_and_the_rows_are_not(step: str, root: Path) -> None:
    words = secrets(root, BY_CLAUDE)
    with mock.patch(f"clankers.cli.forget.{step}", side_effect=Killed), pytest.raises(Killed):
        call(root, "forget", PARENT, "--yes")
    assert [stone.done for stone in tombstones.tombstones(str(root))] == [False]
    assert call(root, "forget", "nobody", "--dry-run").code == EX_USAGE
    assert [stone.done for stone in tombstones.tombstones(str(root))] == [False]
    assert call(root, "forget", "ses_e049e5553", "--yes").code == 0  # whatever it is told
    assert [stone.done for stone in tombstones.tombstones(str(root))] == [True, True]
    assert_nowhere(root, words, BY_CLAUDE | BY_OPENCODE)


def test_killed_for_real(root: Path, tmp_path: Path) -> None:
    words = secrets(root, BY_CLAUDE)
    rng = random.Random(5)
    begun = time.monotonic()
    run(root, "forget", PARENT, "--dry-run")
    whole = (time.monotonic() - begun) * 1.3
    for _ in range(5):
        copy = tmp_path / "copies" / "data"
        shutil.rmtree(copy.parent, ignore_errors=True)
        shutil.copytree(root, copy)
        process = subprocess.Popen(command("forget", PARENT, "--yes"), env=environment(copy), stdout=subprocess.PIPE)
        time.sleep(whole * rng.uniform(0.5, 1))  # until the moment of the kill
        process.send_signal(signal.SIGKILL)
        process.communicate()
        stones = tombstones.tombstones(str(copy))
        if not stones:
            assert call(copy, "forget", PARENT, "--yes").code == 0
        elif not stones[0].done:
            assert call(copy, "forget").code == 0
        assert_nowhere(copy, words, BY_CLAUDE)


def test_copies_that_name_a_session_are_named_and_no_others(root: Path) -> None:
    day = next(root.glob("clankers-*.jsonl"))
    data = day.read_bytes()
    theirs = [one for one in data.splitlines(keepends=True) if PARENT.encode() in one]
    ours = b"".join(others(root, BY_CLAUDE)) + b"\n"
    packed = gzip.compress(os.urandom(5000).hex().encode() + ours)
    kept = {
        f"{day.name}.damaged-1": theirs[0],
        f"{OLD}.gz.damaged-1": gzip.compress(ours + b"".join(theirs[:1])),
        f"{OLD}.gz.damaged-2": packed[: len(packed) // 2],  # nobody knows what stood behind
        "clankers.db.damaged": b"...".join([ours, theirs[-1]]),
        "clankers.db.verify": theirs[-1],
    }
    innocent = {f"{day.name}.damaged-2": ours, f"{OLD}.gz.damaged-3": packed, "clankers.db.damaged-wal": ours}
    for name, content in (kept | innocent).items():
        (root / name).write_bytes(content)
    done = call(root, "forget", PARENT, "--yes")
    assert done.code == 0
    told = [line.split(" still has parts")[0].removeprefix("clankers: ") for line in done.err.splitlines()]
    assert sorted(told) == sorted(str(root / name) for name in kept)


def test_what_a_killed_archiver_left_half_written_is_gone_too(root: Path) -> None:
    words = secrets(root, BY_CLAUDE)
    (root / f"{OLD}.tmp").write_bytes(log_of(root))
    assert call(root, "forget", PARENT, "--yes").code == 0
    assert_nowhere(root, words, BY_CLAUDE)


def test_a_change_may_reach_over_the_pieces_that_an_archive_is_read_in(tmp_path: Path) -> None:
    data = os.urandom(1 << 20) * 10
    plain = tmp_path / OLD
    with Log(str(tmp_path)) as log:
        log.write("2024-05-01", [b"x\n"])
    plain.write_bytes(data)
    subprocess.run(["gzip", str(plain)], check=True)
    changes = [(5, b" " * 10), ((4 << 20) - 7, b"a" * (5 << 20)), (len(data) - 3, b"end")]
    replacements = [Replacement(at, data[at : at + len(new)], new) for at, new in changes]
    rewrite(str(plain), replacements)
    subprocess.run(["gunzip", str(plain) + ".gz"], check=True)
    expected = bytearray(data)
    for offset, new in changes:
        expected[offset : offset + len(new)] = new
    assert plain.read_bytes() == expected
