"""However the log is cut up, ordered, repeated or replayed: the same rows."""

import ast
import contextlib
import json
import random
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from typing import Any
from unittest import mock

import apsw
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.data import make_log
from clankers.log import envelope
from clankers.log.reader import Event, log_files, read
from clankers.log.writer import Log
from projector.adapters import BUILT_IN, Adapters, UnusableError, built_in
from projector.derived.session_totals import _FIRST_PROMPT
from projector.replay.rebuild import build, open_live, rebuild
from projector.replay.replay import replay
from projector.store.sqlite_file import open_database
from projector.store.sqlite_writer import SqliteStore
from tests.feeding import CLAUDE_CODE, OPENCODE, feed_hooks, opencode_records, rows
from tests.sizes import sizes

Lines = list[bytes]


class Quiet(list[Any]):
    """A list that a failing property does not print."""

    def __repr__(self) -> str:
        return f"<{len(self)} items>"


class QuietRows(dict[str, Any]):
    """The same for rows."""

    def __repr__(self) -> str:
        return f"<rows of {len(self)} tables>"


def everything(captures: list[Lines]) -> Lines:
    return list(chain.from_iterable(captures))


DAY = "2026-11-20"
SLOW = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def lines_in(root: Path) -> Lines:
    return [one.raw + b"\n" for file in log_files(str(root)) for one in read(str(root), file)]


@pytest.fixture(scope="session")
def captures(tmp_path_factory: pytest.TempPathFactory) -> list[Lines]:
    """The log lines of every capture, made once: live events bear new ids each time they are appended."""
    made = Quiet()
    for name in CLAUDE_CODE:
        where = tmp_path_factory.mktemp(name)
        feed_hooks(name, where / "data", where / "home")
        made.append(lines_in(where / "data"))
    for name in OPENCODE:
        records = opencode_records(name)
        made.append([envelope.line(source, kind, payload, now_ns=1) for source, kind, payload in records])
    return made


def database(where: Path, lines: Lines, *, batch_lines: int | None = None, days: int = 1) -> apsw.Connection:
    """The database of a log of these lines, spread over so many daily files."""
    where.mkdir(parents=True)
    share = len(lines) // days + 1
    for day in range(days):
        text = b"".join(lines[day * share : (day + 1) * share])
        (where / f"clankers-2026-11-{day + 1:02}.jsonl").write_bytes(text)
    db = open_live(str(where / "clankers.db"))
    replay(SqliteStore(db), str(where), batch_lines=batch_lines)
    return db


@pytest.fixture(scope="session")
def expected(captures: list[Lines], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return QuietRows(rows(database(tmp_path_factory.mktemp("expected") / "data", everything(captures))))


@sizes(6, 100)
def test_captures_in_any_order_and_any_batches_make_the_same_rows(
    size: int, captures: list[Lines], expected: dict[str, Any], tmp_path: Path
) -> None:
    for seed in range(size):
        chance = random.Random(seed)
        shuffled = everything(chance.sample(captures, len(captures)))
        batch, days = chance.choice([None, 1, 7, 100]), chance.randint(1, 5)
        assert rows(database(tmp_path / f"{seed}", shuffled, batch_lines=batch, days=days)) == expected, seed


@sizes(6, 100)
def test_captures_interleaved_as_they_come_live_make_the_same_rows(
    size: int, captures: list[Lines], expected: dict[str, Any], tmp_path: Path
) -> None:
    for seed in range(size):
        chance = random.Random(seed)
        queues = [iter(lines) for lines in captures]
        order = chance.sample([i for i, lines in enumerate(captures) for _ in lines], sum(map(len, captures)))
        interleaved = [next(queues[i]) for i in order]
        batch = chance.choice([None, 5])
        assert rows(database(tmp_path / f"{seed}", interleaved, batch_lines=batch)) == expected, seed


@sizes(6, 100)
def test_lines_that_come_twice_change_nothing(
    size: int, captures: list[Lines], expected: dict[str, Any], tmp_path: Path
) -> None:
    for seed in range(size):
        chance = random.Random(seed)
        twice = [line for lines in captures for line in lines for _ in range(chance.choice((1, 1, 2)))]
        twice += chance.choice(captures)
        assert rows(database(tmp_path / f"{seed}", twice)) == expected, seed


@SLOW
@given(seed=st.integers(0, 2**32))
def test_claude_codes_lines_in_any_order_make_the_same_rows(
    captures: list[Lines], tmp_path_factory: pytest.TempPathFactory, seed: int
) -> None:
    """Transcript records carry their own times: not even their order among themselves matters, but for what is last."""
    fork = captures[CLAUDE_CODE.index("resume")]
    agents = captures[CLAUDE_CODE.index("subagent")]
    records = [line for line in fork + agents if b'"type":"transcript.' in line]
    shuffled = random.Random(seed).sample(records, len(records))
    one, other = (tmp_path_factory.mktemp(n) / "data" for n in ("ordered", "shuffled"))
    assert rows(database(other, shuffled, batch_lines=20)) == rows(database(one, records))


def test_line_by_line_is_the_same_as_in_one_go(captures: list[Lines], expected: dict[str, Any], tmp_path: Path) -> None:
    assert rows(database(tmp_path / "data", everything(captures), batch_lines=1)) == expected


def test_a_rebuild_is_the_same_as_live(captures: list[Lines], expected: dict[str, Any], tmp_path: Path) -> None:
    root = tmp_path / "data"
    database(root, everything(captures)[:900], batch_lines=3).close()
    with (root / "clankers-2026-11-01.jsonl").open("ab") as log:
        log.write(b"".join(everything(captures)[900:]))
    rebuild(str(root / "clankers.db"), str(root))
    assert rows(apsw.Connection(str(root / "clankers.db"))) == expected
    build(str(tmp_path / "other.db"), str(root))
    assert rows(apsw.Connection(str(tmp_path / "other.db"))) == expected


def test_the_rows_do_not_depend_on_where_the_log_is_or_when_it_is_read(
    captures: list[Lines], expected: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 0.0)
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    assert rows(database(tmp_path / "elsewhere" / "deep" / "data", everything(captures))) == expected


def sample_payloads() -> list[tuple[str, str, Any]]:
    """One payload for each event type of the captures."""
    found: dict[tuple[str, str], Any] = {}
    for name in OPENCODE:
        for source, kind, payload in opencode_records(name):
            found.setdefault((source, kind), json.loads(payload))
    return [(source, kind, payload) for (source, kind), payload in found.items()]


def mutations(value: Any) -> list[Callable[[Any], Any]]:
    """Ways to spoil a payload: each leaf and each object in turn, taken out or made something else."""
    paths: list[tuple[Any, ...]] = []

    def walk(at: Any, path: tuple[Any, ...]) -> None:
        if path:
            paths.append(path)
        if isinstance(at, dict):
            for key, below in at.items():
                walk(below, (*path, key))
        elif isinstance(at, list):
            for i, below in enumerate(at[:2]):
                walk(below, (*path, i))

    walk(value, ())
    wrong: tuple[Any, ...] = (
        None,
        True,
        -1,
        1.5,
        2**70,
        "x",
        "",
        "\0",
        [],
        {},
        [[]],
        {"id": 1},
        "../../etc",
        "x" * 600,
    )

    def spoil(path: tuple[Any, ...], new: Any) -> Callable[[Any], Any]:
        def apply(original: Any) -> Any:
            copy = json.loads(json.dumps(original))
            at = copy
            for key in path[:-1]:
                at = at[key]
            at[path[-1]] = new
            return copy

        return apply

    return [spoil(path, new) for path in paths for new in wrong]


def spoiled_lines(samples: list[tuple[str, str, Any]]) -> Lines:
    lines = []
    for source, kind, payload in samples:
        for spoil in mutations(payload):
            text = json.dumps(spoil(payload)).encode()
            lines.append(envelope.line(source, kind, text, now_ns=10**18))
    return lines


def claude_samples(captures: list[Lines]) -> list[tuple[str, str, Any]]:
    found: dict[tuple[str, str, str], Any] = {}
    for text in everything(captures[: len(CLAUDE_CODE)]):
        line = json.loads(text)
        payload = line["payload"]
        message = payload.get("message")
        flavour = f"{payload.get('subtype')} {isinstance(message, dict) and type(message.get('content'))}"
        found.setdefault((line["source"], line["type"], flavour), payload)
    return [(source, kind, payload) for (source, kind, _), payload in found.items()]


def test_no_wrong_type_in_any_field_stops_the_replay(captures: list[Lines], tmp_path: Path) -> None:
    """Each field of each event, of every wrong type: used, or rejected with a reason, and never a crash."""
    lines = spoiled_lines(sample_payloads()) + spoiled_lines(claude_samples(captures))
    good = captures[0]
    db = database(tmp_path / "data", [*lines, *good])
    rejected = db.execute("SELECT count(*) FROM rejects").get
    assert 0 < rejected < len(lines)
    assert db.execute("SELECT count(*) FROM rejects WHERE reason = '' OR reason LIKE '%adapter failed%'").get == 0
    assert db.execute("SELECT events FROM event_types WHERE type = 'SessionEnd'").get > 0
    assert db.pragma("integrity_check") == "ok"
    assert db.execute("PRAGMA foreign_key_check").fetchall() == []


@settings(max_examples=300, deadline=None)
@given(
    source=st.sampled_from(sorted(BUILT_IN)),
    payload=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
        lambda below: st.lists(below, max_size=4) | st.dictionaries(st.text(), below, max_size=4),
    ),
    data=st.data(),
)
def test_no_payload_breaks_an_adapter(source: str, payload: Any, data: st.DataObject) -> None:
    adapter = built_in(source)
    assert adapter
    kind = data.draw(st.sampled_from(sorted(adapter.cases)) | st.text())
    raw = msgspec.Raw(json.dumps(payload).encode("utf-8", "replace"))
    event = Event(1, "x", "2026-11-20T23:45:39.317Z", "info", source, kind, raw)
    with contextlib.suppress(UnusableError):  # anything else is a crash
        Adapters("").adapt(event)


def test_unknown_event_types_are_counted_and_name_their_session(tmp_path: Path) -> None:
    with Log(str(tmp_path)) as log:
        for source, payload in (
            ("claude-code", b'{"session_id":"s1","hook_event_name":"SomethingNew"}'),
            ("opencode", b'{"type":"something.new","properties":{"sessionID":"ses_2"}}'),
            ("codex", b'{"type":"anything"}'),
        ):
            log.write(DAY, [envelope.line(source, "new", payload)])
    db = open_live(str(tmp_path / "clankers.db"))
    done = replay(SqliteStore(db), str(tmp_path))
    assert (done.events, done.unknown, done.rejected) == (3, 3, 0)
    assert {s for (s,) in db.execute("SELECT id FROM sessions")} == {"s1", "ses_2"}


def test_a_line_that_cannot_be_used_is_rejected_with_file_line_and_reason(tmp_path: Path) -> None:
    good = envelope.line("claude-code", "Stop", b'{"session_id":"s1"}')
    bad = envelope.line("claude-code", "PreToolUse", b'{"session_id":7}')
    (tmp_path / f"clankers-{DAY}.jsonl").write_bytes(good + b"not json\n" + bad + good)
    db = open_live(str(tmp_path / "clankers.db"))
    done = replay(SqliteStore(db), str(tmp_path))
    assert (done.events, done.rejected) == (2, 2)
    told = db.execute('SELECT file, line, "offset", reason FROM rejects ORDER BY line').fetchall()
    assert [(f, n, o) for f, n, o, _ in told] == [
        (f"clankers-{DAY}.jsonl", 2, len(good)),
        (f"clankers-{DAY}.jsonl", 3, len(good) + 9),
    ]
    assert "$.session_id" in str(told[1][3])


def test_a_session_that_only_hooks_saw_still_has_its_words(tmp_path: Path) -> None:
    """As with --no-session-persistence: no transcript ever comes."""
    say = [
        ("UserPromptSubmit", {"prompt": "do it", "prompt_id": "p1"}),
        ("Stop", {"last_assistant_message": "done", "prompt_id": "p1"}),
        ("UserPromptSubmit", {"prompt": "do it", "prompt_id": "p2"}),
        ("StopFailure", {"error": "server_error", "prompt_id": "p2"}),
    ]
    lines = [
        envelope.line("claude-code", kind, json.dumps({"session_id": "s1", **more}).encode(), now_ns=i * 10**9)
        for i, (kind, more) in enumerate(say)
    ]
    found = rows(database(tmp_path / "data", lines + lines))
    said = sorted((m["created_at"], m["role"], m["text_content"]) for m in found["messages"])
    assert said == [(0, "user", "do it"), (1000, "assistant", "done"), (2000, "user", "do it")]
    assert [e["error_type"] for e in found["session_errors"]] == ["server_error"]
    assert found["sessions"][0]["title"] == "do it"


def test_attachments_that_are_no_prompts_may_look_as_they_like(tmp_path: Path) -> None:
    common = {"sessionId": "s1", "uuid": "u1", "timestamp": "2026-11-20T23:45:39.317Z"}
    attachments: list[Any] = [{"type": "plan", "prompt": {"not": "text"}}, {"type": 7}, [], "x", None]
    lines = [
        envelope.line("claude-code", "transcript.attachment", json.dumps({**common, "attachment": one}).encode())
        for one in attachments
    ]
    db = database(tmp_path / "data", lines)
    assert db.execute("SELECT count(*) FROM rejects").get == 0
    assert rows(db)["sessions"][0]["updated_at"] == 1795218339317


def test_white_space_around_a_text_does_not_make_it_another(tmp_path: Path) -> None:
    """The client trims the answer that it tells a hook; the transcript has it whole."""
    said = "\n\n\u00a0Hello.\n"
    message = {"id": "msg_01abcdefghijklm", "model": "m", "content": [{"type": "text", "text": said}]}
    common = {"sessionId": "s1", "timestamp": "2026-11-20T23:45:39.317Z"}
    events = [
        ("UserPromptSubmit", {"session_id": "s1", "prompt": "hello\n"}),
        ("Stop", {"session_id": "s1", "last_assistant_message": "Hello."}),
        ("transcript.user", {**common, "uuid": "u1", "message": {"content": "hello\n"}}),
        ("transcript.assistant", {**common, "uuid": "u2", "message": message}),
    ]
    lines = [envelope.line("claude-code", kind, json.dumps(payload).encode()) for kind, payload in events]
    messages = rows(database(tmp_path / "data", lines))["messages"]
    assert sorted(m["id"] for m in messages) == ["msg_01abcdefghijklm", "u1"]


def test_equal_prompts_are_shown_as_often_as_the_record_lacks_them(tmp_path: Path) -> None:
    """A mark before a text makes it another sighting, which the same words in the record still answer."""
    prompts = [("p1", "hello"), ("p2", "hello "), ("p3", "\ufeffhello")]
    hooks = [{"session_id": "s1", "prompt": text, "prompt_id": id} for id, text in prompts]
    seen = [envelope.line("claude-code", "UserPromptSubmit", json.dumps(h).encode(), now_ns=1) for h in hooks]
    line = {"sessionId": "s1", "timestamp": "2026-11-20T23:45:39.317Z", "uuid": "u1", "message": {"content": "hello"}}
    record = envelope.line("claude-code", "transcript.user", json.dumps(line).encode())
    for n, lines in enumerate(([*seen, record], [record, *seen])):
        found = rows(database(tmp_path / str(n), lines))["messages"]
        assert sorted(m["id"].split(":")[:4] for m in found) == [["hook", "prompt", "s1", "p2"], ["u1"]]
    found = rows(database(tmp_path / "unrecorded", seen))["messages"]
    assert sorted(m["text_content"] for m in found) == sorted(text for _, text in prompts)


def test_a_tool_that_a_hook_saw_succeed_is_not_undone_by_the_resume_after_a_kill(tmp_path: Path) -> None:
    result = {"type": "tool_result", "tool_use_id": "toolu_01abcdefghijk", "is_error": True, "content": "[interrupted]"}
    resumed = {
        "sessionId": "s1",
        "uuid": "u1",
        "timestamp": "2026-11-20T23:45:39.317Z",
        "toolDenialKind": "interrupted",
        "message": {"content": [result]},
    }
    hook = {
        "session_id": "s1",
        "tool_name": "Bash",
        "tool_use_id": "toolu_01abcdefghijk",
        "tool_input": {"command": "true"},
        "tool_response": {"stdout": "done", "stderr": ""},
    }
    lines = [
        envelope.line("claude-code", "PostToolUse", json.dumps(hook).encode()),
        envelope.line("claude-code", "transcript.user", json.dumps(resumed).encode()),
    ]
    for n, order in enumerate((lines, lines[::-1])):
        (tool,) = rows(database(tmp_path / str(n), order))["tools"]
        assert (tool["status"], tool["success"], tool["tool_output"]) == ("completed", 1, "done")


def test_numbers_at_their_limits_do_not_overflow_a_sum(tmp_path: Path) -> None:
    """SQLite's sum() fails beyond 64 bits, and would fail again at every later replay."""
    lines = []
    for n in range(1100):
        for huge in (2**40, 2**53):
            info = {"id": f"m{n}", "sessionID": "s", "role": "assistant", "tokens": {"input": huge}}
            event = {"properties": {"info": info}}
            lines.append(envelope.line("opencode", "message.updated", json.dumps(event).encode()))
    usage = {f"model{n}": {"outputTokens": 2**40} for n in range(9000)}
    cost = {"sessionId": "c", "totalCostUSD": 1, "modelUsage": usage}
    lines.append(envelope.line("claude-code", "transcript.cost-state", json.dumps(cost).encode()))
    db = database(tmp_path / "data", lines)
    assert db.execute("SELECT prompt_tokens FROM sessions WHERE id = 's'").get == 1100 * 2**40
    assert db.execute("SELECT count(*) FROM ignored_values").get == 1100
    assert db.execute("SELECT count(*) FROM rejects").get == 0


def test_parts_that_come_before_their_message_make_the_same_rows(tmp_path: Path) -> None:
    def event(kind: str, **properties: Any) -> bytes:
        return envelope.line("opencode", kind, json.dumps({"properties": properties}).encode())

    ids = {"sessionID": "s", "messageID": "m"}
    delta = {**ids, "partID": "p", "field": "text", "delta": "thinking"}
    lines = [
        event("message.part.delta", **delta),
        event("message.part.updated", part={**ids, "id": "p", "type": "reasoning", "text": ""}),
        event("message.part.updated", part={**ids, "id": "q", "type": "text", "text": "note", "synthetic": True}),
        event("message.updated", info={"id": "m", "sessionID": "s", "role": "user"}),
    ]
    at_once = rows(database(tmp_path / "once", lines))
    assert at_once == rows(database(tmp_path / "line by line", lines, batch_lines=1))
    assert at_once == rows(database(tmp_path / "backwards", lines[::-1], batch_lines=1))
    assert (at_once["messages"][0]["text_content"], at_once["messages"][0]["synthetic"]) == ("note", 1)


def test_reports_of_a_project_add_up(tmp_path: Path) -> None:
    lines = [
        envelope.line("opencode", kind, payload)
        for kind, payload in (
            ("plugin.project", b'{"project":{"id":"p","worktree":"/src/shop","vcs":"git"}}'),
            ("session.created", b'{"properties":{"info":{"id":"s","directory":"/src/shop"}}}'),
        )
    ]
    told = {"path": "/src/shop", "id": "p", "name": "shop", "vcs": "git"}
    assert rows(database(tmp_path / "once", lines))["projects"] == [told]
    assert rows(database(tmp_path / "line by line", lines, batch_lines=1))["projects"] == [told]


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{name.name}" for name in node.names}
    return found


def test_the_recording_side_does_not_know_the_replay_side() -> None:
    import clankers
    import projector

    recording = Path(clankers.__file__).parent
    rooms = ("log", "system", "secrets", "ingest", "harnesses", "maintenance")
    for path in (*recording.glob("*.py"), *(path for room in rooms for path in (recording / room).rglob("*.py"))):
        assert not [m for m in imports(path) if m.startswith(("projector", "clankers.cli"))] or path.stem == "__main__"
    for path in Path(projector.__file__).parent.rglob("*.py"):
        assert not [m for m in imports(path) if m.startswith("clankers.cli")], path
        if "adapters" in path.parts:
            assert not [m for m in imports(path) if m.split(".")[0] in {"os", "time", "apsw", "random"}], path


def test_even_what_rows_are_worked_out_from_does_not_depend_on_the_batches(tmp_path: Path) -> None:
    """Else `verify`, which compares every table with a fresh replay, would complain about a database that is right."""
    make_log(tmp_path, 4)
    feed_hooks("resume", tmp_path, tmp_path / "home")  # whose second session holds copies
    found = []
    for lines in (None, 101, 7):
        db = open_database(str(tmp_path / f"{lines}.db"))
        replay(SqliteStore(db), str(tmp_path), batch_lines=lines)
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        left_out = {"meta", "changes"}
        found.append({name: sorted(map(repr, db.execute(f"SELECT * FROM {name}"))) for name in {*tables} - left_out})
        db.close()
    assert found[0]["copies"]
    assert found[0] == found[1] == found[2]


def test_the_first_prompt_is_found_without_a_look_at_the_others(tmp_path: Path) -> None:
    steps = {}
    for prompts in (10, 1000):
        db = open_database(str(tmp_path / f"{prompts}.db"))
        numbers = [(n,) for n in range(prompts)]
        with db:
            db.execute("INSERT INTO sessions (id, source) VALUES ('s', 'x')")
            db.executemany(
                "INSERT INTO messages (id, session_id, source, role, created_at) "
                "VALUES (printf('m%04d', ?1), 's', 'x', 'user', ?1)",
                numbers,
            )
            db.executemany(
                "INSERT INTO parts (id, message_id, session_id, source, seq, type, text) "
                "VALUES (printf('p%04d', ?1), printf('m%04d', ?1), 's', 'x', 0, 'text', 'prompt ' || ?1)",
                numbers,
            )
        counted = mock.Mock(return_value=False)
        db.set_progress_handler(counted, 10)
        assert db.execute(_FIRST_PROMPT, ("s",)).fetchall() == [("s", "prompt 0")]
        steps[prompts] = counted.call_count
        db.close()
    assert steps[1000] == steps[10]
