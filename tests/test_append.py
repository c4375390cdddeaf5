"""`clankers append` as harnesses run it: a real process, real pipes, a real data root."""

import base64
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from clankers import append as append_module
from clankers.harnesses.base import Harness
from clankers.log import envelope, reader, strict_json
from tests.patience import DEADLINE, NEVER, wait_for

LINE = re.compile(
    rb'(\{"v":1,"id":"(?P<id>[^"]*)","ts":"(?P<ts>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z)","level":"(?P<level>info|warn|error)"'
    rb',"source":(?P<source>"[^"]*"),"type":(?P<type>"(?:[^"\\]|\\.)*"),"payload":(?P<payload>.*)),"crc":"(?P<crc>[0-9a-f]{8})"\}\n',
    re.DOTALL,
)
UUID7 = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
HEAVY = ("typer", "msgspec", "anyio", "apsw", "json", "re", "typing", "rich", "pathlib", "logging")


class Recorded(NamedTuple):
    """One line of the log as its bytes say, not as our reader reads it."""

    id: bytes
    ts: str
    level: str
    source: str
    type: str
    payload: bytes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "share" / "clankers"


def environment(root: Path) -> dict[str, str]:
    return {**os.environ, "CLANKERS_DATA_PATH": str(root)}


def append(root: Path, data: bytes, *args: str, source: str = "test", umask: int = -1) -> tuple[int, str]:
    """The exit code and stderr of one `clankers append`; what holds for every run is checked here."""
    done = subprocess.run(
        [sys.executable, "-m", "clankers", "append", source, *args],
        input=data,
        capture_output=True,
        check=False,
        env=environment(root),
        timeout=DEADLINE,
        umask=umask,
    )
    assert done.stdout == b""
    assert done.returncode != 2
    return done.returncode, done.stderr.decode()


def logs(root: Path) -> list[Path]:
    return sorted(root.glob("clankers-*.jsonl"))


def recorded(root: Path) -> list[Recorded]:
    found = []
    for path in logs(root):
        for text in path.read_bytes().split(b"\n")[:-1]:
            m = LINE.fullmatch(text + b"\n")
            assert m, text[:300]
            assert m["crc"] == b"%08x" % crc32(m[1])
            source, kind = json.loads(m["source"]), json.loads(m["type"])
            found.append(Recorded(m["id"], m["ts"].decode(), m["level"].decode(), source, kind, m["payload"]))
    return found


def only(root: Path) -> Recorded:
    (one,) = recorded(root)
    return one


def assert_kept_as_invalid(root: Path, data: bytes, reason: str, *args: str) -> None:
    """`data` is no document: one line on stderr, exit 65, and all its bytes in the log."""
    code, err = append(root, data, *args)
    line = only(root)
    payload = json.loads(line.payload)
    assert code == 65
    assert err.count("\n") == 1
    assert reason in err
    assert (line.type, line.level) == ("invalid", "error")
    assert reason in payload["error"]
    kept = payload["raw"].encode() if "raw" in payload else base64.b64decode(payload["raw_b64"])
    assert kept == data


# What is recorded


def test_one_document_is_one_line_with_the_keys_in_order_and_a_right_crc(root: Path) -> None:
    document = b'{"hook_event_name":"PostToolUse",  "b":1.50, "a":"\\u00e9 \xc3\xa9", "a":2}'
    assert append(root, document) == (0, "")
    line = only(root)
    assert line.payload == document
    assert (line.level, line.source, line.type) == ("info", "test", "PostToolUse")
    assert UUID7.fullmatch(line.id)


def test_the_time_is_that_of_the_append_and_the_file_bears_its_utc_day(root: Path) -> None:
    before = datetime.now(UTC)
    append(root, b"{}")
    line = only(root)
    at = datetime.fromisoformat(line.ts)
    assert (before - at).total_seconds() < 0.001
    assert at <= datetime.now(UTC)
    assert [p.name for p in logs(root)] == [f"clankers-{line.ts[:10]}.jsonl"]


def test_newlines_between_tokens_become_spaces_and_nothing_else_changes(root: Path) -> None:
    document = json.dumps({"type": "t", "text": "a\nb\r\n", "list": [1, {"x": []}]}, indent=2).encode()
    assert append(root, b"\n" + document.replace(b",\n", b",\r\n") + b"\r\n") == (0, "")
    assert only(root).payload == document.replace(b",\n", b",\r\n").replace(b"\n", b" ")


def test_the_file_is_for_its_owner_alone_whatever_the_umask(root: Path) -> None:
    append(root, b"{}", umask=0)
    assert root.stat().st_mode & 0o777 == 0o700
    assert logs(root)[0].stat().st_mode & 0o777 == 0o600


def test_everything_under_the_root_is_for_its_owner_alone(root: Path, tmp_path: Path) -> None:
    transcript = tmp_path / "projects" / "p" / "s.jsonl"
    transcript.parent.mkdir(parents=True)
    transcript.write_text('{"type":"user","uuid":"u"}\n', "utf-8")
    hook = {"hook_event_name": "PreToolUse", "session_id": "s", "transcript_path": str(transcript)}
    append(root, json.dumps(hook).encode(), source="claude-code", umask=0)
    found = [root, *root.rglob("*")]
    assert len(recorded(root)) == 2
    assert {p.stat().st_mode & 0o777 for p in found if p.is_dir()} == {0o700}
    assert {p.stat().st_mode & 0o777 for p in found if p.is_file()} == {0o600}


def test_appends_follow_each_other_in_one_file_with_ids_that_sort(root: Path) -> None:
    for n in range(3):
        append(root, b'{"type":"t","n":%d}' % n)
    lines = recorded(root)
    assert [json.loads(line.payload)["n"] for line in lines] == [0, 1, 2]
    assert sorted({line.id for line in lines}) == [line.id for line in lines]


def test_the_type_comes_from_the_option_before_the_document(root: Path) -> None:
    append(root, b'{"type":"theirs"}', "--type", "ours")
    append(root, b'{"type":"theirs"}', "--type=ours too")
    assert [line.type for line in recorded(root)] == ["ours", "ours too"]


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (b"{}", "unknown"),
        (b'{"type":7}', "unknown"),
        (b'{"type":""}', "unknown"),
        (b"[1]", "unknown"),
        (b"null", "unknown"),
        (b'"type"', "unknown"),
        (b'{"type":"a","hook_event_name":"b"}', "b"),
        (b'{"type":"say \\"hi\\"\\n\\u00e9"}', 'say "hi"\n\u00e9'),
    ],
)
def test_a_document_without_a_name_is_of_type_unknown(root: Path, document: bytes, kind: str) -> None:
    assert append(root, document) == (0, "")
    assert only(root).type == kind
    assert only(root).payload == document


@pytest.mark.parametrize(
    ("document", "level"),
    [
        (b'{"hook_event_name":"StopFailure"}', "error"),
        (b'{"type":"session.error","properties":{}}', "error"),
        (b'{"hook_event_name":"PostToolUseFailure"}', "warn"),
        (b'{"type":"session.status","properties":{"status":{"type":"retry"}}}', "warn"),
        (b'{"type":"message.part.updated","properties":{"part":{"state":{"metadata":{"exit":1}}}}}', "warn"),
        (b'{"type":"message.part.updated","properties":{"part":{"state":{"metadata":{"exit":0}}}}}', "info"),
        (b'{"type":"message.part.updated","properties":{"part":{"state":{"metadata":3}}}}', "info"),
        (b'{"type":"message.part.updated","properties":{"part":{"state":{"metadata":"exit"}}}}', "info"),
        (b'{"type":"message.part.updated","properties":[]}', "info"),
    ],
)
def test_the_level_says_what_failed(root: Path, document: bytes, level: str) -> None:
    append(root, document, source="claude-code" if b"hook_event_name" in document else "opencode")
    assert only(root).level == level


def test_the_recorded_file_parses_with_jq(root: Path) -> None:
    if not shutil.which("jq"):
        pytest.skip("jq is not installed")  # an auditor's tool, which clankers itself never runs
    for data in (
        b'{"type":"a",\n"text":"\xf0\x9f\x98\x80"}',
        b"not json",
        b"\xff\x00",
        b"[" * 200 + b"]" * 200,
    ):
        append(root, data)
    done = subprocess.run(["jq", "-c", ".type", str(logs(root)[0])], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.split() == [b'"a"', b'"invalid"', b'"invalid"', b'"unknown"']


# Input that is not what it should be


def test_input_that_is_not_json_is_kept(root: Path) -> None:
    assert_kept_as_invalid(root, b"hello \xc3\xa9, \"world\"\n\tand 'more'", "not JSON")


def test_two_documents_are_kept_as_invalid(root: Path) -> None:
    assert_kept_as_invalid(root, b'{"a":1}\n{"a":2}', "more than one JSON document")


def test_nan_is_not_json(root: Path) -> None:
    assert_kept_as_invalid(root, b'{"a":NaN}', "NaN is not a JSON number")


def test_half_a_document_is_kept(root: Path) -> None:
    assert_kept_as_invalid(root, b'{"hook_event_name":"Stop","session_id":"ab', "not JSON")


def test_empty_input_is_kept(root: Path) -> None:
    assert_kept_as_invalid(root, b"", "the input is empty")


def test_input_that_is_not_utf8_is_kept_in_base64(root: Path) -> None:
    assert_kept_as_invalid(root, b'{"type":"t","text":"\xff\xfe\xed\xa0\x80"}', "not UTF-8")
    assert b"raw_b64" in only(root).payload


def test_raw_nul_bytes_are_kept(root: Path) -> None:
    assert_kept_as_invalid(root, b'{"type":"a\x00b"}\x00\x00', "not JSON")


def test_nesting_a_hundred_thousand_levels_deep_is_kept_as_invalid(root: Path) -> None:
    assert_kept_as_invalid(root, b'[{"a":' * 50_000 + b"1" + b"}]" * 50_000, "nested deeper")


def test_unclosed_nesting_a_hundred_thousand_levels_deep_is_kept_as_invalid(root: Path) -> None:
    assert_kept_as_invalid(root, b"[" * 100_000, "nested deeper")


def test_nesting_up_to_the_limit_is_a_document(root: Path) -> None:
    document = b"[" * strict_json.MAX_DEPTH + b"]" * strict_json.MAX_DEPTH
    assert append(root, document) == (0, "")
    assert only(root).payload == document


def test_one_level_more_than_the_limit_is_kept_as_invalid(root: Path) -> None:
    deep = strict_json.MAX_DEPTH + 1
    assert_kept_as_invalid(root, b"[" * deep + b"]" * deep, "nested deeper")


def test_lone_surrogates_are_kept_byte_for_byte(root: Path) -> None:
    document = b'{"type":"x\\ud83d","text":"\\uD800 \\udc00\\ud800","\\udfff":1}'
    assert append(root, document) == (0, "")
    assert only(root).payload == document
    assert only(root).type == "x\ud83d"


def test_numbers_beyond_64_bits_are_kept_as_they_are(root: Path) -> None:
    numbers = b"[123456789012345678901234567890,-1e999,1E+400,-0,0.10," + b"9" * 5000 + b"]"
    assert append(root, b'{"type":"n","n":' + numbers + b"}") == (0, "")
    assert only(root).payload == b'{"type":"n","n":' + numbers + b"}"
    (line,) = reader.read(str(root), reader.log_files(str(root))[0])
    assert line.event is not None
    assert line.reason == ""


def test_a_document_of_50_mb_is_kept_completely(root: Path) -> None:
    document = b'{"type":"big","text":"' + b"\xc3\xa9" * (25 << 20) + b'"}'
    assert append(root, document) == (0, "")
    size = logs(root)[0].stat().st_size
    head, _, rest = logs(root)[0].read_bytes().partition(b',"payload":')
    assert rest[: len(document)] == document
    assert size == len(head) + len(b',"payload":') + len(document) + len(',"crc":"12345678"}\n')


def test_a_byte_order_mark_does_not_make_a_document_invalid(root: Path) -> None:
    assert append(root, b'\xef\xbb\xbf{"type":"windows"}\r\n') == (0, "")
    assert only(root).type == "windows"
    assert json.loads(only(root).payload) == {"type": "windows"}


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["--type"],
        ["source", "--type"],
        ["source", "--bogus"],
        ["one", "two"],
        ["no/slashes"],
        [""],
        ["--", "source"],
        ["-h"],
        ["source", "--bogus", "--help"],
        ["--type", "--help"],
    ],
)
def test_bad_usage_never_exits_2_and_writes_nothing(root: Path, args: list[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "clankers", "append", *args],
        input=b"{}",
        capture_output=True,
        check=False,
        env=environment(root),
    )
    assert done.returncode in ({64} if "--help" not in args and "-h" not in args else {0, 64})
    if done.returncode:
        assert done.stdout == b""
        assert done.stderr
    assert not root.exists()


# Pipes that do not behave


def open_process(root: Path, *args: str, **more: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "clankers", "append", "test", *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment(root),
        **more,
    )


def outputs(process: subprocess.Popen[bytes]) -> tuple[bytes, bytes]:
    """What the process wrote until it ended, its stdin still open."""
    assert process.stdout
    assert process.stderr
    with process.stdout, process.stderr:
        return process.stdout.read(), process.stderr.read()


def test_a_document_and_its_newline_are_enough_when_stdin_never_ends(root: Path) -> None:
    with open_process(root) as process:
        assert process.stdin
        process.stdin.write(b'{"type":"open"}\n')
        process.stdin.flush()
        assert process.wait(DEADLINE) == 0
        assert outputs(process) == (b"", b"")
    assert only(root).type == "open"


def test_nothing_is_waited_for_behind_a_document_and_its_newline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(append_module, "_IDLE", NEVER)
    monkeypatch.setattr(append_module, "_TOTAL", NEVER)
    r, w = os.pipe()
    try:
        os.write(w, b'{"type":"open"}\n')
        assert append_module._read_document(r).raw == b'{"type":"open"}'
    finally:
        os.close(r)
        os.close(w)


def test_half_a_document_on_a_stdin_that_never_ends_is_kept_and_the_process_ends(root: Path) -> None:
    with open_process(root) as process:
        assert process.stdin
        process.stdin.write(b'{"type":"half')
        process.stdin.flush()
        assert process.wait(DEADLINE) == 65
        out, err = outputs(process)
    assert out == b""
    assert err.count(b"\n") == 1
    assert json.loads(only(root).payload)["raw"] == '{"type":"half'
    assert "did not end" in json.loads(only(root).payload)["error"]


def test_a_document_that_comes_in_chunks_is_complete(root: Path) -> None:
    document = json.dumps({"type": "pieces", "text": "x" * 100, "list": list(range(50))}, indent=1).encode()
    with open_process(root) as process:
        assert process.stdin
        for at in range(0, len(document), 7):
            process.stdin.write(document[at : at + 7])
            process.stdin.flush()
        assert process.communicate(timeout=DEADLINE) == (b"", b"")
        assert process.returncode == 0
    assert only(root).payload == document.replace(b"\n", b" ")


def read_document_from(write: Callable[[int], None]) -> append_module._Input:
    """What `append` makes of a pipe into which `write` writes, in a thread, until it fails."""
    r, w = os.pipe()

    def run() -> None:
        try:
            write(w)
        except OSError:
            pass  # the reader has had enough
        finally:
            os.close(w)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        return append_module._read_document(r)
    finally:
        os.close(r)
        thread.join(DEADLINE)


def test_a_stdin_that_never_stops_sending_is_cut_off_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(append_module, "_TOTAL", 0.5)
    r, w = os.pipe()
    with subprocess.Popen(["yes"], stdout=w) as process:
        os.close(w)
        killer = threading.Timer(DEADLINE, process.kill)  # so that a failure does not hang
        killer.start()
        started = time.monotonic()
        try:
            got = append_module._read_document(r)
            took = time.monotonic() - started
        finally:
            killer.cancel()
            os.close(r)
            process.kill()
    assert got.error
    assert took < DEADLINE


def test_a_large_document_sent_line_by_line_is_not_parsed_again_and_again() -> None:
    text = b"[\n" + b'"%s",\n' % (b"x" * 1000) * 12_000 + b"1\n]\n"

    def write(w: int) -> None:
        for line in text.splitlines(keepends=True):
            os.write(w, line)

    started = time.process_time()
    got = read_document_from(write)
    assert got.error is None
    assert got.raw == text.strip()
    assert time.process_time() - started < 10  # it takes 0.2 s; parsed again at each line, an hour


def test_an_unwritable_root_is_one_line_on_stderr_and_exit_74(root: Path) -> None:
    root.parent.mkdir(parents=True)
    root.write_bytes(b"a file")
    code, err = append(root, b"{}")
    assert code == 74
    assert err.count("\n") == 1
    assert str(root) in err
    assert root.read_bytes() == b"a file"


def test_a_root_that_cannot_be_made_is_exit_74(root: Path) -> None:
    root.parent.parent.joinpath("share").write_bytes(b"")
    code, err = append(root, b"{}")
    assert (code, err.count("\n")) == (74, 1)


def test_a_log_that_is_a_link_is_refused(root: Path, tmp_path: Path) -> None:
    root.mkdir(parents=True)
    victim = tmp_path / "victim"
    victim.write_bytes(b"mine")
    for day in (datetime.now(UTC).date().isoformat(), datetime.fromtimestamp(time.time() + 60, UTC).date().isoformat()):
        (root / f"clankers-{day}.jsonl").unlink(missing_ok=True)
        (root / f"clankers-{day}.jsonl").symlink_to(victim)
    code, err = append(root, b"{}")
    assert (code, err.count("\n")) == (74, 1)
    assert victim.read_bytes() == b"mine"


def test_a_full_disk_is_exit_74(root: Path) -> None:
    # The limit on a file's size fails like a full disk does: it takes a part of the line, then nothing more.
    done = subprocess.run(
        ["sh", "-c", 'ulimit -f 1; exec "$@"', "sh", sys.executable, "-B", "-m", "clankers", "append", "test"],
        input=b'{"text":"' + b"x" * 10_000 + b'"}',
        capture_output=True,
        check=False,
        env=environment(root),
    )
    assert (done.returncode, done.stdout, done.stderr.count(b"\n")) == (74, b"", 1)
    append(root, b'{"type":"later"}')
    log_file = reader.log_files(str(root))[0]
    assert [line.event.type for line in reader.read(str(root), log_file) if line.event] == ["later"]
    assert [line.number for line in reader.read(str(root), log_file) if line.reason] == [1]


def test_bad_input_is_kept_when_stderr_is_closed(root: Path) -> None:
    script = 'exec "$@" 2>&-'
    done = subprocess.run(
        ["sh", "-c", script, "sh", sys.executable, "-m", "clankers", "append", "test"],
        input=b"not json",
        stdout=subprocess.PIPE,
        check=False,
        env=environment(root),
    )
    assert (done.returncode, done.stdout) == (65, b"")
    assert json.loads(only(root).payload)["raw"] == "not json"


def test_bad_input_is_kept_when_nobody_reads_stderr(root: Path) -> None:
    r, w = os.pipe()
    os.close(r)
    done = subprocess.run(
        [sys.executable, "-m", "clankers", "append", "test"],
        input=b"not json",
        stdout=subprocess.PIPE,
        stderr=w,
        check=False,
        env=environment(root),
    )
    os.close(w)
    assert done.stdout == b""
    assert done.returncode not in (0, 2)
    assert json.loads(only(root).payload)["raw"] == "not json"


def test_a_closed_stdin_fails_without_a_traceback(root: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-m", "clankers", "append", "test"],
        capture_output=True,
        check=False,
        env=environment(root),
    )
    assert done.returncode in (65, 74)
    assert (done.stdout, done.stderr.count(b"\n")) == (b"", 1)


# --stream


def test_a_stream_is_one_line_each(root: Path) -> None:
    data = b"".join(b'{"type":"s","n":%d}\n' % n for n in range(1000))
    assert append(root, data, "--stream") == (0, "")
    lines = recorded(root)
    assert [json.loads(line.payload)["n"] for line in lines] == list(range(1000))
    assert len({line.id for line in lines}) == 1000


def test_bad_lines_in_a_stream_are_kept_among_the_others(root: Path) -> None:
    data = b'{"type":"a"}\nnot json\n\n  \n{"type":"b"} {"type":"c"}\n\xff\n{"type":"d"}\n'
    code, err = append(root, data, "--stream")
    assert code == 65
    assert err.count("\n") == 3
    assert [line.type for line in recorded(root)] == ["a", "invalid", "invalid", "invalid", "d"]
    payloads = [json.loads(line.payload) for line in recorded(root)]
    assert payloads[1]["raw"] == "not json"
    assert payloads[2]["raw"] == '{"type":"b"} {"type":"c"}'
    assert base64.b64decode(payloads[3]["raw_b64"]) == b"\xff"


def test_the_last_line_of_a_stream_needs_no_newline(root: Path) -> None:
    assert append(root, b'{"type":"a"}\n{"type":"b"}', "--stream") == (0, "")
    assert [line.type for line in recorded(root)] == ["a", "b"]


def test_a_half_last_line_of_a_stream_is_kept(root: Path) -> None:
    code, _ = append(root, b'{"type":"a"}\n{"type":"b', "--stream")
    assert code == 65
    assert [line.type for line in recorded(root)] == ["a", "invalid"]


def test_an_empty_stream_writes_nothing(root: Path) -> None:
    assert append(root, b"", "--stream") == (0, "")
    assert recorded(root) == []


def test_the_type_option_holds_for_every_line_of_a_stream(root: Path) -> None:
    append(root, b'{"type":"a"}\n[]\n', "--stream", "--type", "t")
    assert [line.type for line in recorded(root)] == ["t", "t"]


def test_a_stream_that_pauses_is_in_the_log_before_it_goes_on(root: Path) -> None:
    with open_process(root, "--stream") as process:
        assert process.stdin
        for n in (1, 2):
            process.stdin.write(b'{"type":"s","n":%d}\n' % n)
            process.stdin.flush()
            wait_for(lambda n=n: len(recorded(root)) >= n)  # type: ignore[misc]
            assert [json.loads(line.payload)["n"] for line in recorded(root)] == list(range(1, n + 1))
        assert process.communicate(timeout=DEADLINE) == (b"", b"")
        assert process.returncode == 0


def test_a_stream_of_long_lines_is_kept_completely(root: Path) -> None:
    texts = [b'{"type":"s","text":"%s"}' % (b"%d" % n * (3 << 20)) for n in range(4)]
    assert append(root, b"\n".join(texts) + b"\n", "--stream") == (0, "")
    assert [line.payload for line in recorded(root)] == texts


# What a hook imports


THREAD = "01a21e81-fe34-75d0-bed9-bb31685143a7"


@pytest.mark.parametrize(
    ("source", "records"), [("claude-code", 2), ("opencode", 0), ("codex", 2), ("cline", 0), ("copilot", 2)]
)
def test_recording_imports_nothing_heavy(source: str, records: int, root: Path, tmp_path: Path) -> None:
    transcript = tmp_path / "projects" / "p" / "s.jsonl"
    rollout = tmp_path / "sessions" / "2026" / "11" / "27" / f"rollout-2026-11-27T19-36-05-{THREAD}.jsonl"
    event_log = tmp_path / "session-state" / THREAD / "events.jsonl"
    for path in (transcript, rollout, event_log):
        path.parent.mkdir(parents=True)
        path.write_text('{"type":"user","uuid":"u"}\n{"type":"assistant","uuid":"v"}\n', "utf-8")
    documents = {
        "claude-code": {"hook_event_name": "Stop", "session_id": "s", "transcript_path": str(transcript)},
        "codex": {"hook_event_name": "Stop", "session_id": THREAD, "transcript_path": str(rollout)},
        "copilot": {"hook_event_name": "Stop", "session_id": THREAD, "transcript_path": str(event_log)},
        "cline": {"hookName": "tool_call", "sessionContext": {"rootSessionId": "s"}, "tool_call": {"id": "c"}},
        "opencode": {
            "type": "message.updated",
            "properties": {"info": {"id": "m", "sessionID": "s", "text": "\ud800"}},
        },
    }
    script = f"""
import sys
before = set(sys.modules)
sys.argv = ["clankers", "append", {source!r}]
from clankers.__main__ import main
code = main()
new = {{name.partition(".")[0] for name in set(sys.modules) - before}}
print(*sorted(new & set({HEAVY!r})))
sys.exit(code)
"""
    done = subprocess.run(
        [sys.executable, "-c", script],
        input=json.dumps(documents[source]).encode(),
        capture_output=True,
        check=False,
        env=environment(root),
    )
    assert (done.returncode, done.stdout.split(), done.stderr) == (0, [], b"")
    assert len(recorded(root)) == 1 + records


# For any document

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["\u2028", "\n", '{"v":1,"id":"', ',"crc":"00000000"}', "\x7f\x85", "\U0001f600", "\\ud800"])
)
DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=8), inner, max_size=5),
    max_leaves=15,
)
INDENTS = st.none() | st.integers(0, 3)


def encoded(value: Any, indent: int | None, ascii_only: bool) -> bytes:
    return json.dumps(value, indent=indent, ensure_ascii=ascii_only).encode()


@settings(deadline=None, max_examples=200)
@given(DOCUMENTS, INDENTS, st.booleans())
def test_any_document_reads_back_as_the_value_it_was(value: Any, indent: int | None, ascii_only: bool) -> None:
    raw = strict_json.trim(encoded(value, indent, ascii_only) + b"\n")
    kind = Harness().kind(strict_json.parse(raw))
    text = envelope.line("test", kind, raw)
    assert text.count(b"\n") == 1
    event = reader._event(text[:-1])
    assert (event.source, event.type) == ("test", kind)
    assert bytes(event.payload) == raw.replace(b"\n", b" ")
    assert json.loads(bytes(event.payload)) == value


@settings(deadline=None, max_examples=100)
@given(st.text(st.characters(codec=None), max_size=20))
def test_any_string_with_lone_surrogates_reads_back_with_replacements(text: str) -> None:
    raw = json.dumps({"type": "t", "text": text}).encode()
    strict_json.parse(raw)
    event = reader._event(envelope.line("test", "t", raw)[:-1])
    whole = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    assert msgspec.json.decode(event.payload) == {"type": "t", "text": whole}


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=60), st.text(st.characters(codec=None), max_size=20))
def test_any_bytes_that_are_no_document_are_kept(raw: bytes, error: str) -> None:
    payload = envelope.invalid(raw, error)
    kept = json.loads(payload)
    got = kept["raw"].encode("utf-8", "surrogatepass") if "raw" in kept else base64.b64decode(kept["raw_b64"])
    assert got == raw
    assert kept["error"] == json.loads(json.dumps(error))


def strict(raw: bytes) -> Any:
    """The value of `raw` by the standard library, as strict as JSON is."""

    def refuse(name: str) -> Any:
        raise ValueError(name)

    text = raw.decode().removeprefix("\ufeff")
    return json.loads(text, parse_constant=refuse, parse_int=str, parse_float=str)


def plain(value: Any) -> Any:
    """`value` with its numbers as text, whatever stands for them on the append path."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    return value.decode() if isinstance(value, bytes) else value


def assert_same_judgement(raw: bytes) -> None:
    try:
        expected: tuple[bool, Any] = True, strict(raw)
    except ValueError:
        expected = False, None
    try:
        got: tuple[bool, Any] = True, plain(strict_json.parse(strict_json.trim(raw)))
    except strict_json.NotJSONError:
        got = False, None
    assert got == expected


@settings(deadline=None, max_examples=300)
@given(
    st.binary(max_size=30)
    | st.text(max_size=20).map(str.encode)
    | st.text('{}[]",:0123.eE-+tfn \t\n\\u').map(str.encode)
)
@example(b"")
@example(b" \n")
@example(b"\xef\xbb\xbf1")
@example(b" \xef\xbb\xbf1")
@example(b"\xc2\xa01")
@example(b"NaN")
@example(b"[Infinity]")
@example(b"-Infinity")
@example(b"01")
@example(b"1.")
@example(b'{"a":1,}')
@example(b'"\x1f"')
@example(b'"\xed\xa0\x80"')
@example(b"9" * 6000)
@example("\uff11".encode())
def test_what_is_json_is_what_the_standard_library_takes_for_any_bytes(raw: bytes) -> None:
    assert_same_judgement(raw)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    raw = bytearray(encoded(draw(DOCUMENTS), draw(INDENTS), draw(st.booleans())))
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(raw)))
        end = at + draw(st.integers(0, 2))
        raw[at:end] = draw(
            st.sampled_from([b"", b'"', b"\\", b",", b"{", b"]", b"0", b"-", b"e", b"\n", b"\xff", b"NaN"])
        )
    return bytes(raw)


@settings(deadline=None, max_examples=300)
@given(mutated())
def test_what_is_json_is_what_the_standard_library_takes_for_damaged_documents(raw: bytes) -> None:
    assert_same_judgement(raw)


def pipes() -> Iterator[int]:
    """How many bytes arrive at once: what a pipe gives depends on who writes when."""
    yield from (1, 2, 3, 5, 64, 4096)


@settings(deadline=None, max_examples=30)
@given(st.lists(DOCUMENTS, min_size=1, max_size=8), st.booleans())
def test_a_stream_is_cut_at_its_newlines_however_it_arrives(values: list[Any], ended: bool) -> None:
    data = b"\n".join(encoded(v, None, True) for v in values) + (b"\n" if ended else b"")
    for size in pipes():
        r, w = os.pipe()
        os.write(w, data[:60_000])
        os.close(w)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(append_module, "_CHUNK", size)
            got = [text for text in append_module._lines(r) if text.strip()]
        os.close(r)
        assert b"".join(got) == data[:60_000]
        assert all(text.count(b"\n") <= 1 for text in got)


def test_a_relative_data_path_is_the_projects_wherever_a_hook_runs(tmp_path: Path) -> None:
    below = tmp_path / "project" / "src" / "deep"
    below.mkdir(parents=True)
    env = environment(tmp_path) | {"CLANKERS_DATA_PATH": ".clankers-dev"}
    hook = b'{"hook_event_name":"PreToolUse"}'
    project = {"CLAUDE_PROJECT_DIR": str(tmp_path / "project")}
    argv = [sys.executable, "-m", "clankers", "append", "claude-code"]
    subprocess.run(argv, input=hook, env=env | project, cwd=below, check=True)
    subprocess.run(argv, input=hook, env=env, cwd=below, check=True)
    assert [p.parent for p in sorted(tmp_path.rglob("*.jsonl"))] == [
        tmp_path / "project" / ".clankers-dev",
        below / ".clankers-dev",
    ]
