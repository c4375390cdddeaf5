"""Hostile input, everywhere that input comes in: nothing stops, nothing leaves its place, nothing else is changed."""

import json
import os
import random
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from clankers.harnesses.opencode.database import db_sessions, open_store
from clankers.harnesses.opencode.json_tree import tree_sessions
from clankers.ingest.source import SourceError
from clankers.log import envelope
from clankers.log.reader import Event
from clankers.log.writer import Log
from projector.adapters import Adapters, UnusableError
from projector.replay.replay import replay
from projector.store.sqlite_file import open_database
from projector.store.sqlite_writer import SqliteStore
from tests.commands import POSIX_ONLY, call, session
from tests.faults.common import SEED, clankers, figures, keep_from_catching_up, logged, run
from tests.faults.hostile import ESCAPE, SAMPLES, SQL, STRINGS, encoded, events, values
from tests.feeding import import_transcripts
from tests.sizes import sizes
from tests.test_project_cli import assert_whole

pytestmark = POSIX_ONLY
NOW = 1_795_176_000 * 10**9
QUICK = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]


def fuzz(examples: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """So many examples, the same ones each time."""
    phases = [Phase.generate, Phase.shrink]
    return settings(
        max_examples=examples,
        deadline=None,
        database=None,
        derandomize=True,
        suppress_health_check=QUICK,
        phases=phases,
    )


@sizes(300, 30_000)
def test_an_adapter_raises_nothing_but_unusable_whatever_a_known_event_holds(size: int) -> None:
    rejected = 0

    @fuzz(size)
    @given(one=events())
    def check(one: tuple[str, str, Any]) -> None:
        nonlocal rejected
        source, kind, payload = one
        event = Event(1, "x", "2026-11-20T23:45:39.317Z", "info", source, kind, msgspec.Raw(as_read(payload)))
        try:
            Adapters("").adapt(event)
        except UnusableError:
            rejected += 1

    begun = time.monotonic()
    check()
    figures(f"adapters: {size} events of {len(SAMPLES)} types, {rejected} unusable, {time.monotonic() - begun:.0f} s")


def as_read(payload: Any) -> bytes:
    """What the reader hands over: halves of characters are replaced."""
    return json.dumps(payload, ensure_ascii=False).encode("utf-8", "replace")


@sizes(20, 3000)
def test_a_replay_of_hostile_lines_never_stops_and_takes_no_good_line_along(size: int, tmp_path: Path) -> None:
    told = 0

    @fuzz(size)
    @given(batch=st.lists(events(), min_size=10, max_size=60))
    def check(batch: list[tuple[str, str, Any]]) -> None:
        nonlocal told
        told += len(batch)
        for path in tmp_path.glob("*.jsonl"):
            path.unlink()
        lines = [envelope.line(s, kind, encoded(payload), now_ns=NOW) for s, kind, payload in batch]
        good = envelope.line(*session("ses_good"), now_ns=NOW)
        (tmp_path / f"clankers-{envelope.day_of(NOW)}.jsonl").write_bytes(b"".join([*lines, good]))
        with closing(open_database(":memory:")) as db:
            done = replay(SqliteStore(db), str(tmp_path))
            assert done.events + done.rejected == len(lines) + 1
            assert db.execute("SELECT count(*) FROM rejects WHERE reason LIKE '%adapter failed%'").get == 0
            assert db.execute("SELECT count(*) FROM sessions WHERE id = 'ses_good'").get == 1
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []

    begun = time.monotonic()
    check()
    figures(f"replay: {told} hostile lines in {size} logs, 0 stops, {time.monotonic() - begun:.0f} s")


@sizes(40, 3000)
def test_a_transcript_of_anything_is_taken_in_once_line_by_line(size: int, tmp_path: Path) -> None:
    lines = st.builds(encoded, values) | st.builds(encoded, events().map(lambda e: e[2])) | st.binary(max_size=60)
    runs = iter(range(10**9))

    @fuzz(size)
    @given(content=st.lists(lines, max_size=20, unique=True), cut=st.integers(0, 200))
    def check(content: list[bytes], cut: int) -> None:
        folder = tmp_path / str(next(runs))
        path = folder / "projects" / "p" / "s1.jsonl"
        path.parent.mkdir(parents=True)
        text = b"".join(one.replace(b"\n", b" ") + b"\n" for one in content)
        root = folder / "root"
        with Log(str(root)) as log:
            path.write_bytes(text[:cut])
            first = import_transcripts(log, "s1", str(path))
            path.write_bytes(text)
            second = import_transcripts(log, "s1", str(path))
            assert first + second <= len(content)
            assert import_transcripts(log, "s1", str(path), again=True) == 0
        found = logged(root).lines if root.exists() else []
        assert len(found) == first + second
        assert len({(line["id"], json.dumps(line["payload"])) for line in found}) == len(found)

    check()


@pytest.mark.parametrize("uuid", [*STRINGS, []])
def test_a_hostile_line_of_a_transcript_stops_no_sweep_and_comes_once(uuid: Any, tmp_path: Path) -> None:
    path = tmp_path / "projects" / "p" / "s1.jsonl"
    path.parent.mkdir(parents=True)
    line = {"type": "attachment", "attachment": {"type": [uuid]}, "uuid": uuid}
    path.write_bytes(encoded(line) + b'\n{"type":"user","uuid":"next"}\n')
    with Log(str(tmp_path / "root")) as log:
        assert import_transcripts(log, "s1", str(path)) == 2
        assert import_transcripts(log, "s1", str(path), again=True) == 0


@sizes(40, 5000)
def test_a_json_store_of_anything_gives_records_or_says_why_not(size: int, tmp_path: Path) -> None:
    runs = iter(range(10**9))

    @fuzz(size)
    @given(
        contents=st.lists(st.builds(encoded, values) | st.binary(max_size=40), min_size=5, max_size=5), odd=st.data()
    )
    def check(contents: list[bytes], odd: st.DataObject) -> None:
        store = tmp_path / str(next(runs))
        places = ["session/p/s1.json", "message/s1/m1.json", "part/m1/p1.json", "todo/s1.json", "project/p.json"]
        for place, content in zip(places, contents, strict=True):
            path = store / place
            path.parent.mkdir(parents=True)
            match odd.draw(st.integers(0, 12)):
                case 0:
                    path.mkdir()
                case 1:
                    path.symlink_to("/etc/passwd")
                case 2:
                    os.mkfifo(path)
                case _:
                    path.write_bytes(content)
        for found in tree_sessions("opencode", str(store)):
            with suppress(SourceError):  # what is no regular file is told, behind the records of the others
                for record, _, _ in found.read({}, {}):
                    assert record
                    json.loads(record.payload)
                    assert b"root:" not in record.payload

    check()


@sizes(20, 3000)
def test_a_database_store_of_anything_gives_records_or_says_why_not(size: int, tmp_path: Path) -> None:
    path = tmp_path / "opencode.db"
    columns: list[st.SearchStrategy[Any]] = [
        st.sampled_from([s for s in STRINGS if s.isascii()]),
        st.integers(-(2**63), 2**63 - 1),
        st.binary(max_size=20),
        st.none(),
        st.builds(lambda v: encoded(v).decode(), values),
        st.floats(),
    ]
    column = st.one_of(columns)

    @fuzz(size)
    @given(rows=st.lists(st.tuples(*[column] * 4), min_size=1, max_size=5))
    def check(rows: list[tuple[Any, ...]]) -> None:
        path.unlink(missing_ok=True)
        with closing(apsw.Connection(str(path))) as db:
            for table in ("session", "message", "part", "todo", "project", "event"):
                db.execute(
                    f"CREATE TABLE {table} (id, session_id, project_id, time_created, data, position, seq, type, "
                    "aggregate_id)"
                )
                for a, b, c, d in rows:
                    db.execute(f"INSERT INTO {table} VALUES (?1, ?1, ?2, ?3, ?4, ?3, ?3, ?2, ?1)", (a, b, c, d))
        with closing(open_store(str(path))) as db, suppress(SourceError):
            for found in db_sessions("opencode", db):
                for record, _, _ in found.read({}, {}):
                    assert record
                    json.loads(record.payload)

    check()


def tree(folder: Path) -> dict[str, int]:
    return {str(p.relative_to(folder)): p.lstat().st_size for p in folder.rglob("*")}


def test_ids_that_look_like_paths_leave_no_file_outside_the_root(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "er" / "root"
    keep = tmp_path / "deep" / "victim.json"
    root.parent.mkdir(parents=True)
    keep.write_text("mine")
    keep_from_catching_up(root)
    names = [s.encode("utf-8", "replace").decode() for s in STRINGS] + [
        "../victim",
        "../../victim",
        "/etc/passwd",
        "s" * 128,
    ]
    hooks = [
        {"hook_event_name": "Stop", "session_id": name, "agent_id": name, "transcript_path": path.format(name)}
        for name in names
        for path in (
            "{}",
            f"{tmp_path}/projects/p/{{}}.jsonl",
            f"{tmp_path}/deep/{{}}",
            "/dev/zero",
            "{}/projects/p/x.jsonl",
        )
    ]
    data = b"".join(encoded(hook) + b"\n" for hook in hooks)
    done = run(root, clankers("append", "claude-code", "--stream"), data)
    assert (done.code, done.out) == (0, b"")
    assert len(logged(root).lines) == len(hooks)
    assert call(root, "project").code == 0
    outside = {p for p in tree(tmp_path) if not p.startswith("deep/er/root")}
    assert outside == {"deep", "deep/victim.json", "deep/er"}
    assert keep.read_text() == "mine"
    assert_whole(root / "clankers.db")


def test_sql_in_every_text_field_of_every_event_is_only_text(tmp_path: Path) -> None:
    def poisoned(value: Any) -> Any:
        if isinstance(value, dict):
            return {k: poisoned(v) for k, v in value.items()}
        if isinstance(value, list):
            return [poisoned(v) for v in value]
        return value + SQL if isinstance(value, str) else value

    lines = []
    for source, kind, payload in SAMPLES:
        lines += [envelope.line(source, kind, encoded(p), now_ns=NOW) for p in (payload, poisoned(payload))]
        if isinstance(payload, dict):  # and each field by itself, so that what is parsed stays what it was
            lines += [
                envelope.line(source, kind, encoded({**payload, k: poisoned(v)}), now_ns=NOW)
                for k, v in payload.items()
            ]
    (tmp_path / f"clankers-{envelope.day_of(NOW)}.jsonl").write_bytes(b"".join(lines))
    done = call(tmp_path, "project")
    assert done.code == 0, done.err
    assert_whole(tmp_path / "clankers.db")
    shown = call(
        tmp_path,
        "query",
        "--json",
        f"SELECT count(*) AS n FROM sessions WHERE id LIKE '%{SQL.replace(chr(39), chr(39) * 2)}'",
    )
    assert json.loads(shown.out)[0]["n"] > 0
    assert call(tmp_path, "sessions").code == 0


@sizes(15, 400)
def test_settings_of_anything_are_edited_or_left_as_they_are(size: int, tmp_path: Path) -> None:
    """`install` and `uninstall` on whatever stands in the file: done, or refused with a line, and then untouched."""
    chance = random.Random(SEED)
    home = tmp_path / "home"
    settings_file = home / ".claude" / "settings.json"
    settings_file.parent.mkdir(parents=True)
    pieces = [
        b'{"hooks":',
        b"{",
        b"}",
        b"[",
        b"]",
        b'"Stop"',
        b":",
        b",",
        b"//x\n",
        b"/*",
        b"\xff",
        ESCAPE.encode(),
        b" null",
        b"1",
    ]
    refused = 0
    for _ in range(size):
        before = b"".join(chance.choice(pieces) for _ in range(chance.randrange(8)))
        settings_file.write_bytes(before)
        done = call(tmp_path / "root", "install", "claude-code", HOME=str(home), PATH="")
        assert done.code in {0, 1}, done.err
        if done.code:
            refused += 1
            assert done.err.startswith("clankers: ")
            assert settings_file.read_bytes() == before
        else:
            assert call(tmp_path / "root", "uninstall", "claude-code", HOME=str(home), PATH="").code == 0
            assert not settings_file.exists() or b"/clankers/hook" not in settings_file.read_bytes()
        for path in settings_file.parent.iterdir():
            path.unlink()
    assert refused > 0
