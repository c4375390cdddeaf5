"""Importing Claude Code's transcripts: files that grow, are cut, rewritten and replaced; each line once in the log."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock
from zlib import crc32

import pytest

from clankers import harnesses
from clankers.harnesses.claude_code import await_answer
from clankers.harnesses.claude_code.harness import HARNESS
from clankers.harnesses.claude_code.transcript_files import META
from clankers.ingest import jsonl_tail, live
from clankers.ingest.source import SourceError
from clankers.log import envelope
from clankers.log.reader import Event, log_files, read
from clankers.log.writer import Log, file_name
from clankers.maintenance.verify import verify
from clankers.paths import open_private
from tests.feeding import import_transcripts
from tests.patience import DEADLINE, NEVER, wait_for

SESSION = "11111111-2222-4333-8444-555555555555"
OTHER = "66666666-7777-4888-8999-aaaaaaaaaaaa"
DAY_NS = 86_400 * 10**9

Json = dict[str, Any]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


class Client:
    """A session of the client: its transcript, its subagents' files, its hooks."""

    def __init__(self, home: Path, session: str = SESSION) -> None:
        self.session = session
        self.path = home / ".claude" / "projects" / "-work-app" / f"{session}.jsonl"
        self.path.parent.mkdir(parents=True, exist_ok=True)

    def say(self, *lines: Json | bytes, agent: str = "") -> None:
        """Append lines to the transcript, or to a subagent's."""
        path = self.agent(agent) if agent else self.path
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as f:
            for line in lines:
                f.write(line if isinstance(line, bytes) else encoded(line))

    def agent(self, agent: str) -> Path:
        return self.path.with_suffix("") / "subagents" / f"agent-{agent}.jsonl"

    def hook(self, event: str = "PreToolUse", **more: Any) -> Json:
        base = {"session_id": self.session, "transcript_path": str(self.path), "cwd": "/work/app"}
        return {**base, "hook_event_name": event, **more}


def encoded(line: Json) -> bytes:
    return json.dumps(line, separators=(",", ":")).encode() + b"\n"


def user(n: int | str, **more: Any) -> Json:
    return {"type": "user", "uuid": f"u-{n}", "message": {"role": "user", "content": f"prompt {n}"}, **more}


def answer(n: int | str, text: str) -> Json:
    content = [{"type": "text", "text": text}]
    return {"type": "assistant", "uuid": f"a-{n}", "message": {"id": f"m-{n}", "role": "assistant", "content": content}}


def fire(root: Path, *hooks: Json) -> None:
    """What `clankers append` does behind the hooks' own lines."""
    with Log(str(root)) as log:
        HARNESS.follow(log, list(hooks))


def sweep(root: Path) -> int:
    with Log(str(root)) as log:
        return live.sweep(log, harnesses.source_of(str(root)))


def start_hook(root: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "clankers", "append", "claude-code"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "CLANKERS_DATA_PATH": str(root)},
    )


def run_hook(root: Path, hook: Json) -> str:
    """A hook as the client runs it: it must succeed whatever the transcript is. Returns its stderr."""
    with start_hook(root) as process:
        out, err = process.communicate(json.dumps(hook).encode(), timeout=DEADLINE)
    assert (process.returncode, out) == (0, b"")
    return err.decode()


def events(root: Path) -> list[Event]:
    found: list[Event] = []
    for file in log_files(str(root)):
        found += [line.event for line in read(str(root), file) if line.event]
    return found


def ids(root: Path) -> list[str]:
    """The names of the transcripts' records, in the log's order; hooks' own lines left out."""
    return [name(e) for e in events(root) if e.type.startswith("transcript.") or e.type == "invalid"]


def name(event: Event) -> str:
    """The event's id, without the content's CRC where a uuid names it."""
    return event.id.rpartition("#")[0] if ":" in event.id else event.id


def cursor_file(root: Path, session: str = SESSION) -> Path:
    return root / "cursors" / f"{session}.json"


def assert_once(root: Path) -> None:
    assert [id for id, count in Counter(ids(root)).items() if count > 1] == []


def state(offset: int, line: bytes, owner: str = SESSION) -> str:
    """The id of a line without uuid: where it stands and what it says."""
    return f"{owner}@{offset}#{crc32(line.strip()):08x}"


def uuids(*names: int | str) -> list[str]:
    return [f"{SESSION}:u-{name}" for name in names]


# Each line once


def test_each_line_is_recorded_once_however_often_hooks_fire(root: Path, home: Path) -> None:
    client = Client(home)
    for n in range(5):
        client.say(user(n), {"type": "mode", "mode": "normal", "n": n})
        for _ in range(3):
            fire(root, client.hook())
    assert_once(root)
    found = events(root)
    assert [e.type for e in found] == ["transcript.user", "transcript.mode"] * 5
    assert b"".join(bytes(e.payload) + b"\n" for e in found) == client.path.read_bytes()
    assert {e.source for e in found} == {"claude-code"}


def test_a_line_with_uuid_is_named_by_it_and_a_state_line_by_its_place_and_content(root: Path, home: Path) -> None:
    client = Client(home)
    client.say({"type": "summary"}, user(1), {"type": "mode"}, {"no": "type"})
    fire(root, client.hook())
    a, b, c, d = client.path.read_bytes().splitlines(keepends=True)
    named = f"{SESSION}:u-1#{crc32(b.strip()):08x}"
    expected = [state(0, a), named, state(len(a + b), c), state(len(a + b + c), d)]
    assert [e.id for e in events(root) if e.type != "PreToolUse"] == expected
    assert [e.type for e in events(root)][-1] == "transcript.unknown"


@pytest.mark.parametrize("how", ["one behind the other", "in the place of the other"])
def test_two_contents_of_one_uuid_are_two_records_and_each_is_recorded_once(how: str, root: Path, home: Path) -> None:
    client = Client(home)
    client.say(user(1), user(2))
    fire(root, client.hook())
    second = {**user(1), "message": {"role": "user", "content": "something longer"}}
    if how == "one behind the other":
        client.say(second)
    else:
        client.path.write_bytes(encoded(second) + encoded(user(2)))
    for cursors in ("kept", "lost", "lost again"):
        if cursors != "kept":
            shutil.rmtree(root / "cursors")
        fire(root, client.hook())
    found = [e for e in events(root) if e.type == "transcript.user"]
    assert [bytes(e.payload) for e in found] == [encoded(one).strip() for one in (user(1), user(2), second)]
    assert len({e.id for e in found}) == 3
    assert verify(str(root)).bad == []


def test_lines_that_repeat_the_request_are_left_out(root: Path, home: Path) -> None:
    client = Client(home)
    client.say(
        user(1),
        {"type": "api-request", "uuid": "x1", "body": "x"},
        {"type": "api-request-shape"},
        {"type": "api-request-blob", "text": "x"},
        {"type": "attachment", "uuid": "x2", "attachment": {"type": "prompt_snapshot"}},
        {"type": "attachment", "uuid": "u-2", "attachment": {"type": "todo"}},
        {"type": "attachment", "uuid": "u-3", "attachment": "odd"},
        b"\n",
        user(4),
    )
    fire(root, client.hook())
    assert ids(root) == uuids(1, 2, 3, 4)


def test_a_failed_call_in_a_transcript_is_a_warning_and_an_api_error_an_error(root: Path, home: Path) -> None:
    client = Client(home)
    failed = {"type": "user", "uuid": "u-1", "message": {"content": [{"type": "tool_result", "is_error": True}]}}
    client.say(
        failed, {**answer(2, "x"), "isApiErrorMessage": True}, {"type": "system", "subtype": "api_error"}, user(3)
    )
    fire(root, client.hook())
    assert [e.level for e in events(root)] == ["warn", "error", "warn", "info"]


def test_several_hooks_of_several_sessions_in_one_stream(root: Path, home: Path) -> None:
    clients = [Client(home), Client(home, OTHER)]
    for client in clients:
        client.say(user(1), user(2))
    fire(root, clients[0].hook("SessionStart"), clients[1].hook(), clients[0].hook())
    assert_once(root)
    assert len(ids(root)) == 4


def test_a_hook_logs_its_own_line_first(root: Path, home: Path) -> None:
    client = Client(home)
    client.say(user(1))
    assert run_hook(root, client.hook("UserPromptSubmit", prompt="prompt 1")) == ""
    assert [e.type for e in events(root)] == ["UserPromptSubmit", "transcript.user"]


def test_a_hook_without_a_transcript_yet_is_no_error(root: Path, home: Path) -> None:
    client = Client(home)
    assert run_hook(root, client.hook("SessionStart")) == ""
    client.say(user(1))
    assert run_hook(root, client.hook()) == ""
    assert ids(root) == uuids(1)


@pytest.mark.parametrize(
    "hook", [{}, {"session_id": SESSION}, {"transcript_path": "/x"}, {"session_id": None}, [], None, 7]
)
def test_a_hook_that_names_no_transcript_is_only_logged(root: Path, hook: Any) -> None:
    assert run_hook(root, hook) == ""
    assert len(events(root)) == 1


# What the cursor does not know


@pytest.mark.parametrize("damage", ["gone", "all gone", "empty", "half", "garbage", "another shape", "negative"])
def test_a_lost_or_damaged_cursor_makes_no_duplicates(root: Path, home: Path, damage: str) -> None:
    client = Client(home)
    client.say(*(user(n) for n in range(10)), {"type": "mode"})
    client.say(user("agent"), {"type": "mode"}, agent="x1")
    client.agent("x1").with_suffix(".meta.json").write_text('{"agentType":"t"}', "utf-8")
    fire(root, client.hook())
    cursor = cursor_file(root)
    saved = cursor.read_bytes()
    match damage:
        case "gone":
            cursor.unlink()
        case "all gone":
            for path in sorted(root.joinpath("cursors").rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()
            root.joinpath("cursors").rmdir()
        case "empty":
            cursor.write_bytes(b"")
        case "half":
            cursor.write_bytes(saved[: len(saved) // 2])
        case "garbage":
            cursor.write_bytes(b"\xff\x00" * 100)
        case "another shape":
            cursor.write_bytes(b'{"path":[],"offsets":7}')
        case "negative":
            cursor.write_bytes(saved.replace(b'"offsets":{"":', b'"offsets":{"":-'))
    client.say(user("new"), {"type": "mode"})
    fire(root, client.hook())
    assert_once(root)
    assert len(ids(root)) == 10 + 1 + 2 + 1 + 2
    assert uuids("new")[0] in ids(root)


def say_busy(root: Path, before: bytes) -> None:
    """The cursor as a process leaves it that dies between the append and saving how far it came."""
    cursor_file(root).write_bytes(before.replace(b'"busy":false', b'"busy":true'))


def test_a_crash_between_appending_and_saving_the_cursor_makes_no_duplicates(root: Path, home: Path) -> None:
    client = Client(home)
    client.say(user(1), {"type": "mode"})
    fire(root, client.hook())
    before = cursor_file(root).read_bytes()
    client.say(user(2), {"type": "mode"})
    fire(root, client.hook())
    say_busy(root, before)
    client.say(user(3))
    fire(root, client.hook())
    assert_once(root)
    assert len(ids(root)) == 5


def test_a_hook_killed_at_any_moment_makes_no_duplicates_and_loses_nothing(root: Path, home: Path) -> None:
    client = Client(home)
    for n in range(12):
        client.say(*(user(f"{n}-{m}", pad="x" * 20_000) for m in range(20)))
        with start_hook(root) as process:
            assert process.stdin
            process.stdin.write(json.dumps(client.hook()).encode())
            process.stdin.close()
            deadline = time.monotonic() + 0.025 + n * 0.004
            while time.monotonic() < deadline and process.poll() is None:
                time.sleep(0.001)  # polls: the moment of the kill is what is tried out
            process.kill()
            process.wait()
    fire(root, client.hook())
    sweep(root)  # a hook imports its share only
    assert_once(root)
    assert sorted(ids(root)) == sorted(uuids(*(f"{n}-{m}" for n in range(12) for m in range(20))))


def test_a_crash_in_the_middle_of_a_line_does_not_lose_the_record(root: Path, home: Path) -> None:
    client = Client(home)
    client.say(user(1))
    fire(root, client.hook())
    before = cursor_file(root).read_bytes()
    client.say(user(2), user(3))
    fire(root, client.hook())
    (file,) = log_files(str(root))
    text = (root / file.name).read_bytes()
    (root / file.name).write_bytes(text[:-40])  # the last line's head is there, its end is not
    say_busy(root, before)
    fire(root, client.hook())
    assert_once(root)
    assert sorted(ids(root)) == uuids(1, 2, 3)


def test_a_crash_on_the_second_day_of_a_session_makes_no_duplicates(
    root: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(home)
    now = time.time_ns()
    client.say(user(1, timestamp=envelope.stamp(now - DAY_NS)), {"type": "mode"})
    with monkeypatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: now - DAY_NS)
        fire(root, client.hook())
    client.say(user(2))
    fire(root, client.hook())
    before = cursor_file(root).read_bytes()
    client.say(user(3))
    fire(root, client.hook())
    say_busy(root, before)
    fire(root, client.hook())
    assert len(log_files(str(root))) == 2
    assert_once(root)
    assert len(ids(root)) == 4


def test_a_cursor_lost_on_the_second_day_of_a_session_makes_no_duplicates(
    root: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(home)
    now = time.time_ns()
    client.say({"type": "mode"}, user(1, timestamp=envelope.stamp(now - 2 * DAY_NS)))
    with monkeypatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: now - DAY_NS)
        fire(root, client.hook())
    client.say(user(2))
    cursor_file(root).unlink()
    fire(root, client.hook())
    assert_once(root)
    assert len(ids(root)) == 3


# Files that change otherwise than by growing


def test_a_half_written_last_line_is_left_until_it_is_complete(root: Path, home: Path) -> None:
    client = Client(home)
    text = encoded(user(2))
    client.say(user(1), text[:20])
    fire(root, client.hook())
    assert ids(root) == uuids(1)
    client.say(text[20:-1])
    fire(root, client.hook())
    assert ids(root) == uuids(1)
    client.say(b"\n")
    fire(root, client.hook())
    assert ids(root) == uuids(1, 2)


@pytest.mark.parametrize(
    "bad", [b"not json", b'{"type":"user","uu', b"[1,2]", b'"text"', b"\xff\xfe", b"\x00\x00", b"[" * 10_000]
)
def test_a_complete_but_invalid_line_is_kept_as_invalid(root: Path, home: Path, bad: bytes) -> None:
    client = Client(home)
    client.say(user(1), bad + b"\n", user(2))
    fire(root, client.hook())
    fire(root, client.hook())
    one, invalid, two = events(root)
    assert [name(one), name(two)] == uuids(1, 2)
    assert (invalid.type, invalid.level, invalid.id) == ("invalid", "error", state(len(encoded(user(1))), bad))
    payload = json.loads(bytes(invalid.payload))
    assert "raw" in payload or "raw_b64" in payload
    assert str(client.path) in payload["error"]


def test_a_truncated_transcript_makes_no_duplicates(root: Path, home: Path) -> None:
    client = Client(home)
    client.say(*(user(n) for n in range(10)))
    fire(root, client.hook())
    with client.path.open("r+b") as f:
        f.truncate(len(b"".join(encoded(user(n)) for n in range(4))))
    fire(root, client.hook())
    client.say(user("new"))
    fire(root, client.hook())
    assert ids(root) == uuids(*range(10), "new")


def test_a_transcript_truncated_on_the_second_day_makes_no_duplicates(
    root: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(home)
    now = time.time_ns()
    client.say(*(user(n, timestamp=envelope.stamp(now - DAY_NS)) for n in range(5)))
    with monkeypatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: now - DAY_NS)
        fire(root, client.hook())
    with client.path.open("r+b") as f:
        f.truncate(len(encoded(user(0, timestamp=envelope.stamp(now - DAY_NS)))))
    client.say(user("new"))
    fire(root, client.hook())
    assert_once(root)
    assert sorted(ids(root)) == sorted(uuids(*range(5), "new"))


def test_a_transcript_rewritten_shorter_makes_no_duplicates(root: Path, home: Path) -> None:
    client = Client(home)
    client.say(*(user(n) for n in range(10)))
    fire(root, client.hook())
    client.path.unlink()
    client.say(user("compacted"), user(8), user(9))
    fire(root, client.hook())
    assert ids(root) == uuids(*range(10), "compacted")


def test_a_transcript_rewritten_longer_makes_no_duplicates_and_loses_nothing(root: Path, home: Path) -> None:
    client = Client(home)
    client.say(*(user(n) for n in range(3)))
    fire(root, client.hook())
    client.path.unlink()
    client.say(user("first", pad="x" * 50), *(user(n) for n in range(3)), user("last"))
    fire(root, client.hook())
    assert_once(root)
    assert set(ids(root)) >= set(uuids(0, 1, 2, "first", "last"))


# What is not a transcript


def test_a_link_as_transcript_is_refused_with_a_message(root: Path, home: Path, tmp_path: Path) -> None:
    client = Client(home)
    secret = tmp_path / "secret.jsonl"
    secret.write_bytes(encoded(user("secret")))
    client.path.symlink_to(secret)
    err = run_hook(root, client.hook())
    assert str(client.path) in err
    assert err.count("\n") == 1
    assert [e.type for e in events(root)] == ["PreToolUse"]


@pytest.mark.parametrize("event", ["PreToolUse", "Stop"])
def test_a_fifo_as_transcript_is_refused_with_a_message_and_never_blocks(root: Path, home: Path, event: str) -> None:
    client = Client(home)
    os.mkfifo(client.path)
    err = run_hook(root, client.hook(event, last_assistant_message="bye"))
    assert [e.type for e in events(root)] == [event]
    assert str(client.path) in err
    assert err.count("\n") == 1


def test_a_directory_as_transcript_is_refused_with_a_message(root: Path, home: Path) -> None:
    client = Client(home)
    client.path.mkdir()
    err = run_hook(root, client.hook())
    assert str(client.path) in err
    assert [e.type for e in events(root)] == ["PreToolUse"]


def refused_paths(home: Path) -> Iterator[tuple[str, Any]]:
    projects = home / ".claude" / "projects"
    for path in (
        home / f"{SESSION}.jsonl",
        home / ".claude" / f"{SESSION}.jsonl",
        projects / f"{SESSION}.jsonl",
        projects / "p" / "deeper" / f"{SESSION}.jsonl",
        projects / "p" / f"{OTHER}.jsonl",
        projects / "p" / f"{SESSION}.json",
        projects / "p" / ".." / "p" / f"{SESSION}.jsonl",
        f"{home}/../home/.claude/projects/p/{SESSION}.jsonl",
        f"projects/p/{SESSION}.jsonl",
        f"{projects}/p/{SESSION}.jsonl\0",
        "/" + "x" * 5000 + f"/projects/p/{SESSION}.jsonl",
    ):
        yield SESSION, str(path)
    for other in (7, ["x"], {"a": 1}, True):
        yield SESSION, other
    for session in ("", ".", "..", "../../etc/passwd", "a/b", "a\0b", "a\\b", "a b", "x" * 200, f"../{SESSION}"):
        yield session, f"{projects}/p/{session}.jsonl"


def test_what_does_not_look_like_the_sessions_transcript_is_refused(root: Path, home: Path) -> None:
    for session, path in refused_paths(home):
        if isinstance(path, str) and path.startswith(str(home)) and "\0" not in path:
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            if not Path(path).is_dir():
                Path(path).write_bytes(encoded(user("secret")))
        with pytest.raises(SourceError):
            fire(root, {"session_id": session, "transcript_path": path, "hook_event_name": "Stop"})
    assert ids(root) == []


def test_a_refused_path_does_not_fail_the_hook(root: Path, home: Path) -> None:
    client = Client(home)
    err = run_hook(root, client.hook(session_id="../../etc/passwd"))
    assert "transcript not read" in err
    assert err.count("\n") == 1
    assert [e.type for e in events(root)] == ["PreToolUse"]
    assert not root.joinpath("cursors").exists()


def test_a_refused_transcript_keeps_no_other_session_from_being_imported(root: Path, home: Path) -> None:
    bad, good = Client(home, OTHER), Client(home)
    bad.path.symlink_to("/dev/null")
    good.say(user(1))
    with Log(str(root)) as log:
        try:
            HARNESS.follow(log, [bad.hook(), good.hook()])
        except SourceError as e:
            message = str(e)
    assert str(bad.path) in message
    assert ids(root) == uuids(1)


def test_a_transcript_that_became_a_link_keeps_no_other_session_from_being_swept(root: Path, home: Path) -> None:
    clients = [Client(home, f"session-{n}") for n in range(6)]
    for client in clients:
        client.say(user(1))
        fire(root, client.hook())
    for client in clients:
        client.say(user(2))
    for client in clients[::2]:
        client.path.unlink()
        client.path.symlink_to("/dev/null")
    for _ in range(2):
        with contextlib.suppress(SourceError):  # telling it is right; giving up is not
            sweep(root)
    assert_once(root)
    assert {f"{client.session}:u-2" for client in clients[1::2]} <= set(ids(root))


# Sessions that no hook of their own follows any more


def test_what_a_killed_client_wrote_last_is_imported_by_the_next_hook_of_another_session(
    root: Path, home: Path
) -> None:
    killed, other = Client(home), Client(home, OTHER)
    killed.say(user(1))
    fire(root, killed.hook())
    killed.say(user(2), user(3))
    run_hook(root, other.hook("SessionStart"))
    assert ids(root) == uuids(1, 2, 3)


def test_what_a_killed_client_wrote_last_is_imported_by_a_sweep(root: Path, home: Path) -> None:
    killed = Client(home)
    killed.say(user(1))
    fire(root, killed.hook())
    killed.say(user(2), user(3))
    assert sweep(root) == 2
    assert sweep(root) == 0
    assert ids(root) == uuids(1, 2, 3)


def test_lines_behind_the_hook_that_ends_a_session_are_imported(root: Path, home: Path) -> None:
    client = Client(home)
    client.say(user(1))
    fire(root, client.hook("SessionEnd"))
    client.say(user(2))
    assert sweep(root) == 1
    assert ids(root) == uuids(1, 2)


def test_an_ended_session_whose_files_are_still_is_no_longer_looked_at(root: Path, home: Path) -> None:
    client = Client(home)
    client.say(user(1))
    fire(root, client.hook("SessionEnd"))
    marker = root / "cursors" / "open" / SESSION
    sweep(root)
    assert marker.exists()
    long_ago = time.time() - 2 * live._SETTLED
    os.utime(client.path, (long_ago, long_ago))
    sweep(root)
    assert not marker.exists()
    client.say(user(2))
    fire(root, client.hook("SessionStart"))
    assert ids(root) == uuids(1, 2)


def test_a_session_that_never_said_it_ended_is_looked_at_for_a_day(root: Path, home: Path) -> None:
    client = Client(home)
    client.say(user(1))
    fire(root, client.hook())
    marker = root / "cursors" / "open" / SESSION
    for age, kept in ((live.ABANDONED - 60, True), (live.ABANDONED + 60, False)):
        os.utime(client.path, (time.time() - age, time.time() - age))
        sweep(root)
        assert marker.exists() == kept


def test_a_sweep_survives_a_transcript_that_was_deleted(root: Path, home: Path) -> None:
    client = Client(home)
    client.say(user(1))
    fire(root, client.hook())
    client.path.unlink()
    assert sweep(root) == 0
    assert ids(root) == uuids(1)


# Subagents


def test_subagents_files_and_their_descriptions_are_imported(root: Path, home: Path) -> None:
    client = Client(home)
    client.say(user(1))
    client.say(user(2), {"type": "mode"}, agent="ab12")
    meta = client.agent("ab12").with_suffix(".meta.json")
    meta.write_text('{"agentType":"Explore",\n"description":"d"}\n', "utf-8")
    for _ in range(2):
        fire(root, client.hook())
    assert_once(root)
    by_id = {name(e): e for e in events(root)}
    mode = state(len(encoded(user(2))), encoded({"type": "mode"}), f"{SESSION}/ab12")
    (described,) = (id for id in by_id if id.startswith(f"{SESSION}/ab12#"))
    assert set(by_id) == {*uuids(1), f"{SESSION}/ab12:u-2", mode, described}
    assert by_id[described].type == META
    assert json.loads(bytes(by_id[described].payload)) == {
        "sessionId": SESSION,
        "agentId": "ab12",
        "meta": {"agentType": "Explore", "description": "d"},
    }


def test_a_description_that_changes_is_imported_again_and_a_half_written_one_later(root: Path, home: Path) -> None:
    client = Client(home)
    client.say(user(1), agent="x")
    meta = client.agent("x").with_suffix(".meta.json")
    for n, text in enumerate(('{"agentTy', '{"agentType":"a"}', '{"agentType":"a"}', '{"agentType":"b"}')):
        meta.write_text(text, "utf-8")
        os.utime(meta, ns=(n * 10**9, n * 10**9))
        fire(root, client.hook())
    described = [e for e in events(root) if e.type == META]
    assert [json.loads(bytes(e.payload))["meta"]["agentType"] for e in described][:1] == ["a"]
    assert len({e.id for e in described}) == 2


def test_a_description_only_touched_makes_no_duplicate(root: Path, home: Path) -> None:
    client = Client(home)
    client.say(user(1), agent="x")
    meta = client.agent("x").with_suffix(".meta.json")
    meta.write_text('{"agentType":"a"}', "utf-8")
    for n in range(3):
        os.utime(meta, ns=(n * 10**9, n * 10**9))
        fire(root, client.hook())
    assert_once(root)


def test_a_link_among_subagents_files_keeps_no_other_out(root: Path, home: Path) -> None:
    client = Client(home)
    client.say(user(1))
    for agent in ("a", "c"):
        client.say(user(agent), agent=agent)
    client.agent("b").symlink_to("/dev/null")
    client.agent("b").with_suffix(".meta.json").symlink_to("/etc/passwd")
    for _ in range(2):
        try:
            fire(root, client.hook())
        except SourceError as e:
            assert "agent-b" in str(e)  # noqa: PT017 (telling it is right; giving up is not)
    assert ids(root) == [*uuids(1), f"{SESSION}/a:u-a", f"{SESSION}/c:u-c"]


def test_a_link_to_a_directory_among_subagents_files_is_not_followed(root: Path, home: Path, tmp_path: Path) -> None:
    client, elsewhere = Client(home), tmp_path / "elsewhere"
    client.say(user(1))
    client.say(user(2), agent="a")
    elsewhere.mkdir()
    shutil.copy(client.agent("a"), elsewhere / "agent-b.jsonl")
    (client.agent("a").parent / "run").symlink_to(elsewhere)
    fire(root, client.hook())
    assert ids(root) == [*uuids(1), f"{SESSION}/a:u-2"]


# The answer that the client flushes late


class SleepsOnly:
    """In place of the module `time`: time passes only while somebody sleeps, so a busy machine changes nothing."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def test_a_stop_hook_waits_for_the_answer(root: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(await_answer, "_PATIENCE", NEVER)
    client = Client(home)
    client.say(user(1), answer(1, "earlier"))
    flush = threading.Timer(0.05, client.say, [answer(2, "the answer\n")])
    flush.start()
    fire(root, client.hook("Stop", last_assistant_message="the answer"))
    assert f"{SESSION}:a-2" in ids(root)
    flush.join()


def test_a_subagents_stop_hook_waits_for_its_answer(root: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(await_answer, "_PATIENCE", NEVER)
    client = Client(home)
    client.say(user(1))
    client.say(user(2), agent="x")

    def flush() -> None:
        client.say(answer(2, "found"), agent="x")

    timer = threading.Timer(0.05, flush)
    timer.start()
    fire(root, client.hook("SubagentStop", agent_id="x", agent_type="Explore", last_assistant_message="found"))
    assert f"{SESSION}/x:a-2" in ids(root)
    timer.join()


def test_a_stop_hook_whose_answer_is_there_does_not_wait(
    root: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(await_answer, "_PATIENCE", NEVER)
    client = Client(home)
    client.say(user(1), answer(1, "done"))
    fire(root, client.hook("Stop", last_assistant_message="done"))
    assert f"{SESSION}:a-1" in ids(root)


def test_a_stop_hook_whose_answer_was_imported_by_another_does_not_wait(
    root: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(await_answer, "_PATIENCE", NEVER)
    client = Client(home)
    client.say(*(user(n, pad="x" * 900) for n in range(100)), answer(1, "done"), {"type": "cost-state"})
    fire(root, client.hook())
    assert f"{SESSION}:a-1" in ids(root)
    fire(root, client.hook("Stop", last_assistant_message="done"))


def test_a_stop_hook_waits_for_an_answer_that_was_given_before_to_something_else(
    root: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(await_answer, "_PATIENCE", NEVER)
    client = Client(home)
    client.say(user(1), answer(1, "done"), user(2))
    fire(root, client.hook())
    flush = threading.Timer(0.05, client.say, [answer(2, "done")])
    flush.start()
    fire(root, client.hook("Stop", last_assistant_message="done"))
    assert f"{SESSION}:a-2" in ids(root)
    flush.join()


@pytest.mark.parametrize("event", ["Stop", "SubagentStop", "StopFailure"])
def test_a_stop_hook_whose_answer_never_comes_waits_a_quarter_of_a_second(
    root: Path, home: Path, monkeypatch: pytest.MonkeyPatch, event: str
) -> None:
    clock = SleepsOnly()
    monkeypatch.setattr(await_answer, "time", clock)
    client = Client(home)
    client.say(user(1), b"not json\n", answer(1, "another"), b'{"type":"assistant","message":[]}\n', b'"assistant"\n')
    fire(root, client.hook(event, last_assistant_message="never", agent_id="x", agent_type="t"))
    assert 0.24 < clock.now < 0.26
    assert len(ids(root)) == 5


# Several at once


def test_hooks_of_one_session_at_once_make_no_duplicates(root: Path, home: Path) -> None:
    client = Client(home)
    client.say(*(user(n, pad="x" * 1000) for n in range(1000)))
    processes = [start_hook(root) for _ in range(6)]
    for process in processes:
        assert process.stdin
        process.stdin.write(json.dumps(client.hook()).encode())
        process.stdin.close()
    for process in processes:
        with process:
            assert process.stderr
            assert process.stderr.read() == b""
            assert process.wait(DEADLINE) == 0
    assert_once(root)
    assert ids(root) == uuids(*range(1000))
    assert sum(e.type == "PreToolUse" for e in events(root)) == 6


def test_a_growing_transcript_is_imported_once_by_many_hooks_and_sweeps(root: Path, home: Path) -> None:
    client, other = Client(home), Client(home, OTHER)
    done = threading.Event()

    def grow() -> None:
        for n in range(300):
            text = encoded(user(n))
            client.say(text[:10])
            client.say(text[10:])
        done.set()

    thread = threading.Thread(target=grow)
    thread.start()
    while not done.is_set():
        fire(root, client.hook())
        fire(root, other.hook())
        sweep(root)
    thread.join()
    fire(root, client.hook())
    assert ids(root) == uuids(*range(300))


# How much one hook imports


def test_a_hook_imports_its_share_and_the_rest_follows_by_sweep(
    root: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(home)
    client.say(*(user(n) for n in range(100)))
    size = len(encoded(user(10)))
    monkeypatch.setattr(live, "EVENT_BYTES", 10 * size)
    fire(root, client.hook())
    assert 9 <= len(ids(root)) <= 12
    fire(root, client.hook())
    assert 18 <= len(ids(root)) <= 24
    sweep(root)
    assert ids(root) == uuids(*range(100))


def test_a_hooks_share_is_respected_with_real_sizes(root: Path, home: Path) -> None:
    client = Client(home)
    pad = "x" * (1 << 19)
    client.say(*(user(n, pad=pad) for n in range(20)))
    run_hook(root, client.hook())
    assert len(ids(root)) == live.EVENT_BYTES // (1 << 19)
    sweep(root)
    assert ids(root) == uuids(*range(20))


def lose_the_cursor(root: Path, client: Client) -> None:
    cursor_file(root).unlink()


def die_before_the_cursor_is_saved(root: Path, client: Client) -> None:
    cursor_file(root).write_bytes(
        b'{"path":%s,"offsets":{},"metas":{},"ended":false,"since":"","busy":true}' % path(client)
    )


def rewrite_the_transcript(root: Path, client: Client) -> None:
    lines = client.path.read_bytes().splitlines(keepends=True)
    client.path.write_bytes(b"".join([*lines[:3], encoded(user("put in", pad="x" * 77)), *lines[3:]]))


def path(client: Client) -> bytes:
    return json.dumps(str(client.path)).encode()


@pytest.mark.parametrize("damage", [lose_the_cursor, die_before_the_cursor_is_saved, rewrite_the_transcript])
def test_what_is_recorded_beyond_a_hooks_share_is_not_recorded_again_by_the_next(
    root: Path, home: Path, damage: Callable[[Path, Client], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the day before, too. The last lines, a subagent's among them, are met by a hook that nothing befell."""
    client = Client(home)
    now = time.time_ns()
    born = envelope.stamp(now - DAY_NS)
    client.say(*(user(n, timestamp=born) for n in range(60)))
    client.say(*(user(n) for n in range(60, 70)), agent="a1")
    with monkeypatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: now - DAY_NS)
        fire(root, client.hook())
    recorded = ids(root)
    damage(root, client)
    monkeypatch.setattr(live, "EVENT_BYTES", 20 * len(encoded(user(10, timestamp=born))))
    for n in range(6):
        client.say(user(f"new {n}"))
        fire(root, client.hook())
    sweep(root)
    assert_once(root)
    assert set(ids(root)) >= {*recorded, *uuids(*(f"new {n}" for n in range(6)))}
    assert b'"busy":false' in cursor_file(root).read_bytes()


def test_a_crash_after_the_cursor_was_lost_makes_no_duplicates_of_the_day_before(
    root: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(home)
    now = time.time_ns()
    client.say(*(user(n, timestamp=envelope.stamp(now - DAY_NS)) for n in range(5)))
    with monkeypatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: now - DAY_NS)
        fire(root, client.hook())
    client.say(user("new"))
    cursor_file(root).unlink()

    def cut_off(_: Log) -> None:
        raise OSError(5, "as good as dead")

    with monkeypatch.context() as patch:
        patch.setattr(Log, "sync", cut_off)
        with pytest.raises(OSError, match="as good as dead"):
            fire(root, client.hook())
    assert b'"busy":true' in cursor_file(root).read_bytes()
    fire(root, client.hook())
    assert_once(root)
    assert sorted(ids(root)) == sorted(uuids(*range(5), "new"))


def test_a_sweeps_budget_holds_for_all_sessions_together(root: Path, home: Path) -> None:
    clients = [Client(home, f"session-{n}") for n in range(5)]
    for client in clients:
        fire(root, client.hook())
    for client in clients:
        client.say(*(user(n) for n in range(20)))
    with Log(str(root)) as log:
        new = live.sweep(log, harnesses.source_of(str(root)), budget=10 * len(encoded(user(10))))
    assert new == len(ids(root))
    assert 9 <= new <= 12
    sweep(root)
    assert len(ids(root)) == 100
    assert_once(root)


def test_a_line_longer_than_a_hooks_share_is_imported_completely(
    root: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(home)
    client.say(user(1, pad="x" * 5000), user(2))
    monkeypatch.setattr(live, "EVENT_BYTES", 100)
    fire(root, client.hook())
    fire(root, client.hook())
    assert ids(root) == uuids(1, 2)


@pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
def test_where_a_read_ends_does_not_matter(root: Path, home: Path, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(jsonl_tail, "CHUNK", chunk)
    client = Client(home)
    client.say(*(user(n) for n in range(10)), b"\n", {"type": "mode"}, b'{"half')
    fire(root, client.hook())
    fire(root, client.hook())
    before = sum(len(encoded(user(n))) for n in range(10)) + 1
    assert ids(root) == [*uuids(*range(10)), state(before, encoded({"type": "mode"}))]


def test_import_reads_all_of_one_session_and_says_how_much_was_new(root: Path, home: Path) -> None:
    client = Client(home)
    client.say(user(1), user(2))
    client.say(user(3), agent="x")
    with Log(str(root)) as log:
        assert import_transcripts(log, SESSION, str(client.path)) == 3
        assert import_transcripts(log, SESSION, str(client.path)) == 0
    assert_once(root)
    assert (root / file_name(envelope.day_of(time.time_ns()))).exists()


# Found by review


def test_a_truncated_tail_does_not_hide_another_line_at_the_same_place(root: Path, home: Path) -> None:
    client = Client(home)
    client.say(user(1), {"type": "custom-title", "customTitle": "old"}, user(2))
    fire(root, client.hook())
    client.path.write_bytes(encoded(user(1)) + encoded({"type": "custom-title", "customTitle": "new"}))
    fire(root, client.hook())
    titles = [e for e in events(root) if e.type == "transcript.custom-title"]
    assert [json.loads(bytes(e.payload))["customTitle"] for e in titles] == ["old", "new"]


def test_a_failing_disk_leaves_the_lines_to_be_read_again(
    root: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = Client(home)
    fire(root, client.hook())
    client.say(user(1))
    before = {p: p.read_bytes() for p in root.glob("*.jsonl")}

    def broken(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", broken)
        with pytest.raises(OSError, match="Input/output"):
            fire(root, client.hook())
    for path, content in before.items():
        path.write_bytes(content)  # what was not synced is gone
    fire(root, client.hook())
    assert ids(root) == uuids(1)


def test_many_open_sessions_all_get_their_turn(root: Path, home: Path) -> None:
    clients = [Client(home, f"{n:08}-2222-4333-8444-555555555555") for n in range(20)]
    for client in clients:
        fire(root, client.hook())
        client.say({**user(1), "uuid": f"u-{client.path.stem[:8]}"})

    def all_had_it() -> bool:
        fire(root, Client(home, "99999999-2222-4333-8444-555555555555").hook())
        return len(ids(root)) == len(clients)

    wait_for(all_had_it, "the turn of some sessions")


def test_one_event_opens_no_more_cursors_the_more_sessions_are_open(root: Path, home: Path) -> None:
    opened: list[int] = []
    with mock.patch("clankers.ingest.cursor.open_private", wraps=open_private) as opens:
        for n in range(10):
            opens.reset_mock()
            fire(root, Client(home, f"{n:08}-2222-4333-8444-555555555555").hook())
            opened.append(sum(str(call.args[0]).endswith(".json") for call in opens.mock_calls))
    assert opened == [1, *[2] * 9]
