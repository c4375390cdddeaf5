"""What is on the disk when a command says that it is done, by each value of `CLANKERS_FSYNC`: its syncs, in order."""

import errno
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest

from clankers.checks.all_checks import examine
from clankers.checks.finding import Finding
from clankers.log import writer
from clankers.log.writer import Log, file_name
from clankers.system import durable
from tests.commands import POSIX_ONLY
from tests.faults.common import clankers, keep_from_catching_up, logged, numbered, run
from tests.test_transcripts import OTHER, Client

pytestmark = POSIX_ONLY

DAY = "2026-11-21"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def traced(root: Path, *args: str, data: bytes = b"", fsync: str | None = None) -> tuple[list[tuple[str, str]], str]:
    """The command's writes and syncs of the log's files and their directory, in order, and its stderr."""
    trace = root.parent / "trace"
    trace.unlink(missing_ok=True)
    env: Any = {} if fsync is None else {writer.FSYNC_ENV: fsync}
    done = run(root, clankers(*args, trace=str(trace)), data, **env)
    assert done.code == 0, done.err
    found = []
    for text in trace.read_text().splitlines():
        name, path, _ = text.split(" ")
        if name in ("write", "fsync") and (path == str(root) or ".jsonl" in path or ".journal." in path):
            found.append((name, "root" if path == str(root) else "log"))
    return found, done.err.decode()


@pytest.mark.parametrize("value", [None, "", "on"])
@pytest.mark.parametrize("how", ["hook", "stream"])
def test_what_append_acknowledges_is_on_the_disk_and_so_is_its_files_name(
    how: str, value: str | None, root: Path
) -> None:
    args = ["append", "opencode", *(["--stream"] if how == "stream" else [])]
    first, said = traced(root, *args, data=numbered(0), fsync=value)
    assert (first, said) == ([("fsync", "root"), ("write", "log"), ("fsync", "log")], "")
    second, _ = traced(root, *args, data=numbered(1), fsync=value)
    assert second == [("write", "log"), ("fsync", "log")]


def test_a_stream_syncs_once_for_what_came_together(root: Path) -> None:
    touched, _ = traced(root, "append", "opencode", "--stream", data=b"".join(numbered(n) + b"\n" for n in range(50)))
    assert touched.count(("write", "log")) <= 2
    assert touched.count(("fsync", "log")) <= 2  # at the end of the pipe's content, and at its end
    assert touched[-1] == ("fsync", "log")


def test_a_hook_and_what_it_takes_in_of_a_transcript_are_synced_together(root: Path) -> None:
    keep_from_catching_up(root)
    client = Client(root.parent / "home")
    client.say({"type": "user", "uuid": "u-1"}, {"type": "user", "uuid": "u-2"})
    touched, _ = traced(root, "append", "claude-code", data=json.dumps(client.hook()).encode())
    assert touched == [("fsync", "root"), *[("write", "log")] * 2, ("fsync", "log")]


def test_a_session_with_nothing_new_asks_for_no_sync_of_its_own(root: Path) -> None:
    keep_from_catching_up(root)
    still, other = Client(root.parent / "home"), Client(root.parent / "home", OTHER)
    for client in (still, other):
        client.say({"type": "user", "uuid": "u-1"})
        traced(root, "append", "claude-code", data=json.dumps(client.hook()).encode())
    other.say({"type": "user", "uuid": "u-2"})
    touched, _ = traced(root, "append", "claude-code", data=json.dumps(still.hook()).encode())
    assert touched == [("write", "log"), ("write", "log"), ("fsync", "log")]


@pytest.mark.parametrize("how", ["hook", "stream"])
def test_off_syncs_nothing_and_writes_all(how: str, root: Path) -> None:
    args = ["append", "claude-code", *(["--stream"] if how == "stream" else [])]
    client = Client(root.parent / "home")
    client.say({"type": "user", "uuid": "u-1"})
    touched, said = traced(root, *args, data=json.dumps(client.hook("PostToolUse")).encode(), fsync="off")
    assert (touched, said) == ([("write", "log")] * 2, "")
    assert [line["type"] for line in logged(root).lines] == ["PostToolUse", "transcript.user"]


@pytest.mark.parametrize("value", ["0", "OFF", "\x1b[2J"])
def test_a_value_that_means_nothing_is_told_and_costs_no_safety(value: str, root: Path) -> None:
    touched, said = traced(root, "append", "opencode", data=numbered(0), fsync=value)
    assert touched[-1] == ("fsync", "log")
    assert said == (
        f"clankers append: CLANKERS_FSYNC is {value!r}, neither on nor off: each event is synced, as by on\n"
    )


def test_an_empty_file_that_somebody_else_just_made_gets_its_name_synced(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root.mkdir()
    (root / file_name(DAY)).touch()
    synced: list[str] = []
    monkeypatch.setattr(writer, "sync_directory", synced.append)
    with Log(str(root)) as opened:
        opened.write(DAY, [b"{}\n"])
        opened.write(DAY, [b"{}\n"])
    assert synced == [str(root)]


def test_a_sync_that_failed_stays_failed(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """fsync(2) reports a lost write once; the next call succeeds without having written it."""
    failures = [OSError(errno.EIO, "lost")]

    def sync(_: int) -> None:
        if failures:
            raise failures.pop()

    monkeypatch.setattr(writer, "sync_file", sync)
    log = Log(str(root))
    log.write(DAY, [b"{}\n"])
    with pytest.raises(OSError, match="lost"):
        log.sync()
    with pytest.raises(OSError, match="lost"):
        log.sync()
    with pytest.raises(OSError, match="lost"):
        log.close()


def test_the_names_of_new_directories_are_synced_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    monkeypatch.setattr(durable, "sync_directory", synced.append)
    monkeypatch.setattr(writer, "sync_directory", synced.append)
    root = tmp_path / "share" / "clankers"
    with Log(str(root)) as log:
        log.write(DAY, [b"{}\n"])
        assert synced[:3] == [str(root), str(tmp_path / "share"), str(tmp_path)]
        del synced[:]
        log.write("2026-11-22", [b"{}\n"])
        assert synced == [str(root)]  # the names above it are on the disk


@pytest.mark.parametrize("command", ["archive", "repair", "forget", "scrub"])
def test_what_replaces_recorded_data_is_synced_whatever_the_setting(command: str, root: Path) -> None:
    syncs = []
    for value in ("on", "off"):
        here = root / value
        for n in range(2):
            data = json.dumps({**json.loads(numbered(n)), "pad": "ghp_" + "a1B2" * 9}).encode()
            assert run(here, clankers("append", "opencode"), data).code == 0
        path = next(here.glob("*.jsonl"))
        if command == "archive":
            path.rename(here / file_name("2025-01-01"))
        if command == "repair":
            path.write_bytes(path.read_bytes().replace(b"\n", b"?", 1))
        args = [command, *(["ses_000000", "--yes"] if command == "forget" else [])]
        touched, _ = traced(here, *args, fsync=value)
        syncs.append([what for what in touched if what[0] == "fsync"])
    assert syncs[0] == syncs[1]
    assert {("fsync", "log"), ("fsync", "root")} <= set(syncs[1])


# macOS


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Here as on a Mac; what is asked of the system to sync, in order."""
    fcntl = pytest.importorskip("fcntl")  # what a Mac syncs with; Windows has none
    calls: list[str] = []
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(fcntl, "F_FULLFSYNC", 51, raising=False)
    monkeypatch.setattr(os, "fsync", lambda _: calls.append("fsync"))

    def full(_: int, command: int) -> int:
        calls.append({51: "F_FULLFSYNC"}[command])
        if failure := int(os.environ.get("TEST_FAILURE", "0")):
            raise OSError(failure, os.strerror(failure))
        return 0

    monkeypatch.setattr(fcntl, "fcntl", full)
    return calls


def test_a_mac_is_asked_to_empty_the_disks_cache(asked: list[str]) -> None:
    durable.sync_file(0)
    assert asked == ["F_FULLFSYNC"]


@pytest.mark.parametrize("failure", [errno.ENOTSUP, errno.EINVAL, errno.ENOTTY])
def test_where_the_file_system_does_not_know_that_it_is_asked_for_less(
    failure: int, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_FAILURE", str(failure))
    durable.sync_file(0)
    assert asked == ["F_FULLFSYNC", "fsync"]


def test_a_failing_disk_is_not_asked_again(asked: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_FAILURE", str(errno.EIO))
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        durable.sync_file(0)
    assert asked == ["F_FULLFSYNC"]


# doctor


def of_setting(root: Path) -> list[Finding]:
    return [one for one in examine(str(root), str(root / "clankers.db")) if writer.FSYNC_ENV in one.text]


def test_doctor_says_what_is_not_the_default(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root.mkdir()
    monkeypatch.delenv(writer.FSYNC_ENV, raising=False)
    assert of_setting(root) == []
    monkeypatch.setenv(writer.FSYNC_ENV, "off")
    (off,) = of_setting(root)
    assert off.ok
    assert "power loss" in off.text
    monkeypatch.setenv(writer.FSYNC_ENV, "no")
    (odd,) = of_setting(root)
    assert not odd.ok
    assert odd.remedy == "set it to on or off, or not at all"
