"""Logs that were rotated, truncated, replaced or edited, and clocks that are wrong: what `project` does with each."""

import json
import random
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import pytest

from clankers.log import envelope
from clankers.log.writer import Log
from projector.replay import follow
from tests.commands import POSIX_ONLY, call, environment, session
from tests.faults.common import SEED, clankers, logged, numbered, run, three_a_session
from tests.patience import DEADLINE, wait_for
from tests.test_project_cli import append_at, count, fresh_rows, rows, watching

pytestmark = POSIX_ONLY
DAY = 86_400 * 10**9


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Two days of a log, projected."""
    root = tmp_path / "root"
    append_at(root, "2026-11-19T12:00:00Z", three_a_session(0, 4))
    append_at(root, "2026-11-20T12:00:00Z", three_a_session(4, 4))
    assert call(root, "project").code == 0
    return root


def yesterday(root: Path) -> Path:
    return root / "clankers-2026-11-19.jsonl"


def project(root: Path) -> str:
    done = call(root, "project")
    assert done.code == 0, done.err
    return done.out


def test_a_file_rotated_away_takes_its_rows_with_it_and_brings_them_back(root: Path) -> None:
    """By a new database from what is there: the log is the truth."""
    before = rows(root / "clankers.db")
    aside = yesterday(root).rename(root / "clankers-2026-11-19.jsonl.1")
    assert project(root).startswith("4 sessions")
    assert rows(root / "clankers.db") == fresh_rows(root)
    aside.rename(yesterday(root))
    assert project(root).startswith("8 sessions")
    assert rows(root / "clankers.db") == before


@pytest.mark.parametrize("left", [0, 1, 5])
def test_a_file_truncated_to_lines_leaves_their_rows(root: Path, left: int) -> None:
    lines = yesterday(root).read_bytes().splitlines(keepends=True)
    yesterday(root).write_bytes(b"".join(lines[:left]))
    assert project(root).startswith(f"{4 + (left + 2) // 3} sessions")
    assert rows(root / "clankers.db") == fresh_rows(root)


def test_a_file_replaced_by_a_shorter_one_is_read_anew(root: Path) -> None:
    yesterday(root).unlink()
    append_at(root, "2026-11-19T12:00:00Z", [session("ses_other")])
    assert project(root).startswith("5 sessions")
    assert rows(root / "clankers.db") == fresh_rows(root)


def test_a_file_replaced_by_a_longer_one_is_read_anew(root: Path) -> None:
    yesterday(root).unlink()
    append_at(root, "2026-11-19T12:00:00Z", three_a_session(100, 9))
    assert project(root).startswith("13 sessions")
    assert rows(root / "clankers.db") == fresh_rows(root)


def test_a_file_replaced_by_one_of_the_same_size_is_read_anew(root: Path) -> None:
    size = yesterday(root).stat().st_size
    yesterday(root).unlink()
    append_at(root, "2026-11-19T12:00:00Z", three_a_session(100, 3))
    with yesterday(root).open("ab") as f:
        f.write(b"\n" * (size - f.tell()))
    assert yesterday(root).stat().st_size == size
    project(root)
    assert rows(root / "clankers.db") == fresh_rows(root)


def test_a_line_put_into_the_middle_by_hand_is_read(root: Path) -> None:
    lines = yesterday(root).read_bytes().splitlines(keepends=True)
    _, _, payload = session("ses_by_hand")
    by_hand = envelope.line("opencode", "session.created", payload)
    yesterday(root).write_bytes(b"".join([*lines[:3], by_hand, *lines[3:]]))
    assert project(root).startswith("9 sessions")


def test_a_line_edited_in_place_is_not_looked_at_again_but_told_by_a_rebuild(root: Path) -> None:
    """`project` reads each byte once; `verify` and a rebuild are what finds this. The line is kept, and named."""
    yesterday(root).write_bytes(yesterday(root).read_bytes().replace(b"prompt 2", b"prompt 3", 1))
    assert "0 new events" in project(root)
    done = call(root, "project", "--rebuild")
    assert ", 1 rejected" in done.out
    told = call(root, "query", "--json", "SELECT file, line, reason FROM rejects").out
    assert json.loads(told)[0]["file"] == yesterday(root).name
    assert json.loads(told)[0]["line"] == 9
    assert "CRC" in told


def test_a_line_written_by_hand_without_a_crc_is_taken(root: Path) -> None:
    with yesterday(root).open("ab") as log:
        log.write(b'{"v":1,"id":"by-hand","ts":"2026-11-19T13:00:00Z","level":"info","source":"opencode",')
        log.write(b'"type":"session.created","payload":' + session("ses_by_hand")[2] + b"}\n")
    assert project(root).startswith("9 sessions")


@pytest.mark.parametrize("content", [b"", b"\n\n\n", b"\0" * 5000, b"\xff\xfe" * 100, b"{}\n" * 50])
def test_a_day_that_holds_nothing_or_noise_takes_no_other_along(root: Path, content: bytes) -> None:
    (root / "clankers-2026-11-21.jsonl").write_bytes(content)
    assert project(root).startswith("8 sessions")
    append_at(root, "2026-11-21T12:00:00Z", three_a_session(8, 1))
    assert project(root).startswith("9 sessions")
    assert rows(root / "clankers.db") == fresh_rows(root)


def test_a_watcher_follows_a_file_that_was_rotated_truncated_and_replaced(root: Path) -> None:
    with watching(root) as process:
        yesterday(root).rename(root / "old")
        wait_for(lambda: count(root / "clankers.db") == 4)
        (root / "old").rename(yesterday(root))
        wait_for(lambda: count(root / "clankers.db") == 8)
        yesterday(root).write_bytes(b"")
        wait_for(lambda: count(root / "clankers.db") == 4)
        append_at(root, "2026-11-19T12:00:00Z", three_a_session(20, 9))
        wait_for(lambda: count(root / "clankers.db") == 13)
        assert process.poll() is None
    assert rows(root / "clankers.db") == fresh_rows(root)


@pytest.mark.parametrize("what", ["renamed", "removed", "root removed"])
def test_a_stream_whose_file_is_taken_away_goes_on_in_a_new_one(tmp_path: Path, what: str) -> None:
    root = tmp_path / "root"
    argv = clankers("append", "opencode", "--stream")
    with subprocess.Popen(argv, stdin=subprocess.PIPE, env=environment(root)) as process:
        assert process.stdin
        process.stdin.write(numbered(0) + b"\n")
        process.stdin.flush()
        wait_for(lambda: len(logged(root).lines) == 1)
        (log,) = root.glob("*.jsonl")
        if what == "renamed":
            log.rename(root / "aside")
        else:
            log.unlink()
        if what == "root removed":
            root.rmdir()
        process.stdin.write(numbered(1) + b"\n")
        process.stdin.close()
        assert process.wait(timeout=DEADLINE) == 0
    assert [line["payload"]["properties"]["info"]["id"] for line in logged(root).lines] == ["ses_000001"]


# Clocks


def test_a_clock_that_jumps_back_loses_nothing_and_a_rebuild_gives_the_same_rows(tmp_path: Path) -> None:
    root = tmp_path / "root"
    chance = random.Random(SEED)
    for n in range(12):
        shift = chance.choice([0, -DAY, -DAY // 2, DAY, -400 * DAY])
        assert run(root, clankers("append", "opencode", shift=shift), numbered(n)).code == 0
        if n % 3 == 2:
            assert project(root).startswith(f"{n + 1} sessions")
    assert len(list(root.glob("*.jsonl"))) >= 3
    live = rows(root / "clankers.db")
    assert live == fresh_rows(root)
    assert call(root, "project", "--rebuild").code == 0
    assert rows(root / "clankers.db") == live


def test_a_stream_over_midnight_and_back_puts_each_line_into_the_file_of_its_own_day(tmp_path: Path) -> None:
    root, midnight = tmp_path / "root", tmp_path / "midnight"
    early = DAY - time.time_ns() % DAY - 3600 * 10**9
    argv = clankers("append", "opencode", "--stream", shift=early, late=early + DAY // 12, midnight=str(midnight))
    with subprocess.Popen(argv, stdin=subprocess.PIPE, env=environment(root)) as process:
        assert process.stdin
        for n, late in enumerate((False, True, False, True)):
            midnight.touch() if late else midnight.unlink(missing_ok=True)
            process.stdin.write(numbered(n) + b"\n")
            process.stdin.flush()
            wait_for(lambda n=n: len(logged(root).lines) == n + 1)  # type: ignore[misc]
        process.stdin.close()
        assert process.wait(timeout=DEADLINE) == 0
    for path in root.glob("*.jsonl"):
        lines = [json.loads(text) for text in path.read_bytes().splitlines()]
        assert [f"clankers-{line['ts'][:10]}.jsonl" for line in lines] == [path.name] * 2
    assert project(root).startswith("4 sessions")


@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kolkata", "nonsense/zone"])
def test_the_time_zone_changes_neither_the_log_nor_the_rows(tmp_path: Path, zone: str) -> None:
    root = tmp_path / "root"
    before = time.time_ns()
    assert run(root, clankers("append", "opencode"), numbered(0), TZ=zone).code == 0
    (line,) = logged(root).lines
    days = {envelope.day_of(before), envelope.day_of(time.time_ns())}
    assert line["ts"][:10] in days
    assert [p.name for p in root.glob("*.jsonl")] == [f"clankers-{line['ts'][:10]}.jsonl"]
    assert run(root, clankers("project"), TZ=zone).code == 0
    assert rows(root / "clankers.db") == fresh_rows(root)


def test_a_log_of_a_clock_far_off_is_projected_and_listed(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for n, now in enumerate((0, 4_000_000_000 * 10**9, 200_000_000_000 * 10**9)):
        with Log(str(root)) as log:
            source, kind, payload = session(f"ses_{n}")
            log.write(envelope.day_of(now), [envelope.line(source, kind, payload, now_ns=now)])
    assert project(root).startswith("3 sessions")
    assert call(root, "sessions").code == 0
    assert call(root, "doctor").code in {0, 1}


def test_a_file_that_is_back_once_the_database_was_made_without_it_is_read(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It goes and comes between two looks at the log, which find it the same."""
    day, away, path = yesterday(root), root / "old", str(root / "clankers.db")
    called = []

    def noted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            called.append(name)
            if called == ["open_live", "replay"]:
                day.rename(away)
            if called == ["open_live", "replay", "open_live"]:
                away.rename(day)
            return function(*args)

        return call

    for name in ("open_live", "replay"):
        monkeypatch.setattr(follow, name, noted(name, getattr(follow, name)))

    async def watch() -> None:
        with anyio.move_on_after(DEADLINE):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(partial(follow.follow, path, str(root), sweep=lambda: None, report=lambda _: None))
                while len(called) < 3 or count(root / "clankers.db") != 8:  # noqa: ASYNC110 (a database tells nobody)
                    await anyio.sleep(0.02)  # between two looks, so that the watcher gets its turn
                tasks.cancel_scope.cancel()

    anyio.run(watch)
    assert called[:3] == ["open_live", "replay", "open_live"]
    assert count(root / "clankers.db") == 8
