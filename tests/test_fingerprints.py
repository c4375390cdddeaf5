"""What was read is not looked at again while it is the same, and whatever changes is found."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from clankers.ingest import fingerprints
from clankers.log import segments
from clankers.system import detached
from tests.commands import Result, call
from tests.feeding import age

SESSIONS = 10
HOUR = 3600.0


class Opened:
    """The files that this process has opened below a directory, while `below` is set."""

    def __init__(self) -> None:
        self.below = ""
        self.paths: list[str] = []

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        if event == "open" and self.below and str(args[0]).startswith(self.below):
            self.paths.append(str(args[0]))


OPENED = Opened()
sys.addaudithook(OPENED)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home with sessions of two hours ago."""
    for n in range(SESSIONS):
        write(tmp_path, n, "one", "two")
    folder = transcript(tmp_path, 0).with_suffix("")
    for path in ("subagents/agent-a.jsonl", "subagents/agent-a.meta.json", "tool-results/t.txt"):
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(line(0, path), "utf-8")
    age(tmp_path, 2 * HOUR)
    return tmp_path


@pytest.fixture(autouse=True)
def nothing_runs_beside(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(detached, "start", mock.Mock())
    yield
    OPENED.below = ""


def session(n: int) -> str:
    return f"s-{n:04}"


def transcript(home: Path, n: int) -> Path:
    return home / ".claude" / "projects" / "p" / f"{session(n)}.jsonl"


def line(n: int, text: str) -> str:
    message = {"role": "user", "content": text}
    said: dict[str, Any] = {"type": "user", "uuid": f"u-{n}-{text}", "sessionId": session(n), "message": message}
    said["timestamp"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    return json.dumps(said, separators=(",", ":")) + "\n"


def write(home: Path, n: int, *texts: str) -> None:
    path = transcript(home, n)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.writelines(line(n, text) for text in texts)


def clankers(home: Path, *args: str) -> Result:
    return call(home / "data", *args, XDG_DATA_HOME="", XDG_CONFIG_HOME="", CLAUDE_CONFIG_DIR="")


def backfill(home: Path, *args: str) -> int:
    """How many records were new."""
    done = clankers(home, "backfill", "claude-code", *(args or ("--all",)))
    assert (done.code, done.err) == (0, "")
    return int(done.out.partition(" ")[0])


def logged(home: Path) -> int:
    """Bytes of the log."""
    return sum(path.stat().st_size for path in (home / "data").glob("clankers-*.jsonl"))


def logged_ids(log: Path) -> list[str]:
    return sorted(json.loads(line)["id"] for line in log.open("rb"))


def opened(home: Path, command: Callable[[], object]) -> list[str]:
    """What `command` opens of the sessions: transcripts, folders and cursors."""
    OPENED.paths, OPENED.below = [], str(home)
    command()
    OPENED.below = ""
    ours = [path for path in OPENED.paths if "/cursors/s-" in path or "/.claude/projects/p/" in path]
    return [path for path in ours if session(0) not in path or not os.path.isdir(path)]


def test_a_backfill_opens_only_what_has_changed(home: Path) -> None:
    assert backfill(home) == 2 * SESSIONS + 3
    assert opened(home, lambda: backfill(home)) == []
    write(home, 3, "three")
    assert {session(3) in path for path in opened(home, lambda: backfill(home))} == {True}


def test_a_command_that_reads_opens_only_what_has_changed(home: Path) -> None:
    backfill(home)
    assert opened(home, lambda: clankers(home, "sessions")) == []
    write(home, 3, "three")
    assert {session(3) in path for path in opened(home, lambda: clankers(home, "sessions"))} == {True}
    assert "three" in clankers(home, "show", session(3)).out


def test_without_the_fingerprints_nothing_is_imported_twice(home: Path) -> None:
    backfill(home)
    kept = home / "data" / "cursors" / "fingerprints"
    line = b"s-0001\0%s\0\n"
    for damaged in (b"", b"\xc1", b"{}\0\n", line % b"1", line % b"1\x002\x003\x004", kept.read_bytes()[:-9]):
        kept.write_bytes(damaged)
        assert backfill(home) == 0
        assert kept.read_bytes().count(b"\0\n") == SESSIONS


def beside(name: str, n: int = 0) -> Callable[[Path], None]:
    def write(home: Path) -> None:
        path = transcript(home, n).with_suffix("") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(line(n, f"more {name}"))

    return write


def shortened(home: Path) -> None:
    transcript(home, 5).write_text(line(5, "other"), "utf-8")


def replaced(home: Path) -> None:
    path = transcript(home, 5)
    path.with_suffix(".new").write_text(line(5, "a longer one") * 3, "utf-8")
    path.with_suffix(".new").replace(path)


CHANGES = {
    "a new transcript": lambda home: write(home, SESSIONS, "one"),
    "a transcript grew": lambda home: write(home, 5, "three"),
    "a transcript got shorter": shortened,
    "a transcript was replaced": replaced,
    "a first subagent": beside("subagents/agent-a.jsonl", 1),
    "a new subagent": beside("subagents/agent-b.jsonl"),
    "a new subagent of a workflow": beside("subagents/workflows/w/agent-c.jsonl"),
    "a subagent grew": beside("subagents/agent-a.jsonl"),
    "a description changed": beside("subagents/agent-b.meta.json"),
    "a new output": beside("tool-results/u.txt"),
    "an output grew": beside("tool-results/t.txt"),
}


LOOKS: dict[str, Callable[[Path], object]] = {"backfill": backfill, "sessions": lambda home: clankers(home, "sessions")}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("look", LOOKS)
def test_whatever_changes_is_found(look: str, change: str, home: Path) -> None:
    backfill(home)
    CHANGES[change](home)
    if change != "a new transcript":  # which only a backfill finds
        before = logged(home)
        LOOKS[look](home)
        assert logged(home) > before
    else:
        assert backfill(home) == 1
    assert backfill(home) == 0


@pytest.mark.parametrize("change", sorted(CHANGES.keys() - {"a new transcript"}))
def test_a_change_within_a_tick_of_the_clock_is_found(change: str, home: Path) -> None:
    """Where files and directories keep the times that they had when they were looked at."""
    age(home, 0.0)
    backfill(home)
    before = {path: path.stat() for path in (home / ".claude").rglob("*")}
    CHANGES[change](home)
    for path, status in before.items():
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    size = logged(home)
    clankers(home, "sessions")
    assert logged(home) > size


def test_one_look_at_a_directory_says_that_nothing_is_new_in_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprints, "_SETTLED_NS", 0)  # the directory was made just now
    backfill(home)
    access = mock.Mock(wraps=os.access)
    monkeypatch.setattr(os, "access", access)
    missing = str(transcript(home, 1).with_suffix(""))
    clankers(home, "sessions")
    assert mock.call(missing, os.F_OK) not in access.mock_calls
    beside("subagents/agent-a.jsonl", 2)(home)
    before = logged(home)
    clankers(home, "sessions")
    assert mock.call(missing, os.F_OK) in access.mock_calls
    assert logged(home) > before


def test_a_session_that_was_too_old_is_looked_at_once(home: Path) -> None:
    days = 40
    write(home, SESSIONS, "old")
    path = transcript(home, SESSIONS)
    path.write_text(path.read_text("utf-8").replace(time.strftime("%Y", time.gmtime()), "2020"), "utf-8")
    age(home / ".claude", days * 86400.0)
    assert backfill(home, "--days", str(days + 1)) == 2 * SESSIONS + 3
    again = []
    assert opened(home, lambda: again.append(clankers(home, "backfill", "--days", str(days + 1)).out)) == []
    assert "; 1 sessions older than" in again[0]
    assert backfill(home) == 1


def test_of_a_new_session_no_more_than_the_new_lines_of_the_log_are_read(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backfill(home)
    read: list[int] = []
    blocks = segments.Segment.blocks

    def counted(segment: segments.Segment, offset: int = 0) -> Iterator[bytes]:
        for block in blocks(segment, offset):
            read.append(len(block))
            yield block

    monkeypatch.setattr(segments.Segment, "blocks", counted)
    write(home, SESSIONS, "new")
    assert backfill(home) == 1
    (log,) = (home / "data").glob("clankers-*.jsonl")
    with log.open("rb") as file:
        assert sum(read) == len(file.readlines()[-1])


def lost_cursors(data: Path) -> None:
    for path in data.glob("cursors/s-*.json"):
        path.unlink()


def lost_survey(data: Path) -> None:
    lost_cursors(data)
    (data / "cursors" / "survey").write_bytes(b"\xc1")


def copied_log(data: Path) -> None:
    """The log of another machine that has recorded the same, its own cursors not with it."""
    (log,) = data.glob("clankers-*.jsonl")
    copy = log.read_bytes()
    for path in data.rglob("*"):
        if path.is_file():
            path.unlink()
    log.write_bytes(copy)


@pytest.mark.parametrize("loss", [lost_cursors, lost_survey, copied_log])
def test_what_the_log_has_is_not_imported_again(loss: Callable[[Path], None], home: Path) -> None:
    backfill(home)
    backfill(home)
    (home / "data" / "cursors" / "fingerprints").unlink()
    loss(home / "data")
    assert backfill(home) == 0


def without_its_end(log: Path) -> None:
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(b"".join(lines[: len(lines) // 2]))


@pytest.mark.parametrize("lose", [Path.unlink, without_its_end])
def test_what_the_log_has_lost_is_imported_again(lose: Callable[[Path], None], home: Path) -> None:
    backfill(home)
    (log,) = (home / "data").glob("clankers-*.jsonl")
    before = logged_ids(log)
    lose(log)
    missing = len(before) - (len(logged_ids(log)) if log.exists() else 0)
    assert backfill(home) == missing > 0
    assert logged_ids(log) == before
    assert backfill(home) == 0


def test_a_session_that_was_forgotten_stays_so_for_an_import_without_its_cursor(home: Path) -> None:
    backfill(home)
    assert clankers(home, "forget", session(7), "--yes").code == 0
    for name in ("fingerprints", f"{session(7)}.json"):
        (home / "data" / "cursors" / name).unlink()
    write(home, SESSIONS, "new")
    assert backfill(home) == 1


def test_what_was_forgotten_stays_so_when_the_log_has_lost_lines(home: Path) -> None:
    backfill(home)
    assert clankers(home, "forget", session(7), "--yes").code == 0
    write(home, SESSIONS, "new")
    backfill(home)
    (log,) = (home / "data").glob("clankers-*.jsonl")
    without_its_end(log)
    write(home, 7, "after")
    assert backfill(home) > 1
    texts = [json.loads(line)["payload"]["message"]["content"] for line in log.open() if '"u-7-' in line]
    assert texts == ["after"]
