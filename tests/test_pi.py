"""pi: its recordings against what the model served, what its files hold, and our extension in the real client."""

import json
import os
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from typing import Any

import apsw
import pytest

from clankers.harnesses.pi import history
from clankers.ingest.source import SourceError
from tests.contract.captures import feed_live, feed_stores
from tests.feeding import append, project
from tests.pi_recording import NAMES, Recording

# By recording: responses, [prompt, completion, cache read, cache write] tokens, reasoning, those beside the
# conversation, prompts, sessions, calls, failed and open ones, errors and those after which the client tried again.
EXPECTED: dict[str, tuple[Any, ...]] = {
    "compact": (2, [2004, 104, 404, 0], 0, [1002, 52, 202, 0], 2, 1, 0, 0, 0, 0, 0),
    "err401": (0, [0, 0, 0, 0], 0, [0, 0, 0, 0], 1, 1, 0, 0, 0, 1, 0),
    "err500": (1, [1002, 52, 202, 0], 0, [0, 0, 0, 0], 1, 1, 0, 0, 0, 1, 1),
    "fail": (5, [5015, 265, 1015, 0], 0, [0, 0, 0, 0], 1, 1, 5, 3, 0, 0, 0),
    "fork": (8, [8036, 436, 1636, 0], 0, [0, 0, 0, 0], 3, 2, 5, 0, 0, 0, 0),
    "kill": (2, [2003, 103, 403, 0], 0, [0, 0, 0, 0], 2, 1, 1, 0, 1, 0, 0),
    "plain": (1, [1001, 51, 201, 0], 5, [0, 0, 0, 0], 1, 1, 0, 0, 0, 0, 0),
    "resume": (4, [4010, 210, 810, 0], 5, [0, 0, 0, 0], 3, 1, 1, 0, 0, 0, 0),
    # The child ran without a session file: only its result says what it used.
    "sub": (2, [2005, 105, 405, 0], 0, [2005, 105, 405, 0], 1, 1, 1, 0, 0, 0, 0),
}
_TOKENS = "total(prompt_tokens), total(completion_tokens), total(cache_read_tokens), total(cache_write_tokens)"


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("PI_CODING_AGENT_DIR", "PI_CODING_AGENT_SESSION_DIR"):
        monkeypatch.delenv(variable, raising=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def one(db: apsw.Connection, query: str) -> Any:
    return db.execute(query).get


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_what_the_model_served(name: str, home: Path, tmp_path: Path) -> None:
    Recording(name, home).write_all()
    feed_stores(tmp_path / "data", "pi", home)
    with closing(project(tmp_path / "data")) as db:
        responses = "FROM messages WHERE role = 'assistant' AND NOT copied AND"
        found = (
            one(db, f"SELECT count(*) {responses} NOT synthetic"),
            list(one(db, f"SELECT {_TOKENS} {responses} NOT synthetic")),
            one(db, f"SELECT total(reasoning_tokens) {responses} NOT synthetic"),
            list(one(db, f"SELECT {_TOKENS} {responses} synthetic")),
            one(db, "SELECT count(*) FROM messages WHERE role = 'user' AND NOT synthetic AND NOT copied"),
            one(db, "SELECT count(*) FROM sessions"),
            *one(db, "SELECT count(*), total(success = 0), total(success IS NULL) FROM tools"),
            *one(db, "SELECT count(*), total(will_retry) FROM session_errors"),
        )
        assert found == EXPECTED[name]
        sums = one(db, f"SELECT {_TOKENS} FROM sessions")
        assert list(sums) == [own + side for own, side in zip(EXPECTED[name][1], EXPECTED[name][3], strict=True)]


@pytest.mark.parametrize("first", [0, 1])
def test_what_a_fork_copied_stays_its_origins(first: int, home: Path, tmp_path: Path) -> None:
    Recording("fork", home).write_all()
    os.utime(sorted(home.rglob("*.jsonl"))[first])  # the last changed is read first
    feed_stores(tmp_path / "data", "pi", home)
    with closing(project(tmp_path / "data")) as db:
        fork, origin = db.execute("SELECT id, forked_from FROM sessions WHERE forked_from IS NOT NULL").get
        totals = db.execute("SELECT id, tool_call_count, prompt_tokens FROM sessions ORDER BY created_at").fetchall()
        assert totals == [(origin, 4, 5015), (fork, 1, 3021)]


def test_a_command_that_fails_and_the_file_that_a_call_edits(home: Path, tmp_path: Path) -> None:
    for name in ("fail", "fork"):
        Recording(name, home).write_all()
    feed_stores(tmp_path / "data", "pi", home)
    with closing(project(tmp_path / "data")) as db:
        assert one(db, "SELECT success, exit_code, duration_ms FROM tools WHERE id = 'call_0010fail'") == (0, 3, 18)
        edited = db.execute("SELECT tool_name FROM file_edits ORDER BY edited_at").fetchall()
        assert edited == [("write",), ("edit",)]


@pytest.mark.parametrize("summarised", [False, True])
def test_a_branch_that_a_person_left_is_marked_and_its_tokens_count(
    summarised: bool, home: Path, tmp_path: Path
) -> None:
    Recording("resume", home).write_all()
    (path,) = home.rglob("*.jsonl")
    entries = [json.loads(line) for line in path.open(encoding="utf-8")]
    second, third = (entry for entry in entries[6:] if entry.get("message", {}).get("role") == "user")
    third["parentId"] = second["parentId"]
    if summarised:
        base = {"timestamp": "2026-11-27T19:34:08.500Z", "usage": {"input": 7, "output": 5}, "summary": "It was tried."}
        branch = {"type": "branch_summary", "id": "0badcafe", "parentId": third["parentId"], **base}
        third["parentId"] = branch["id"]
        entries.insert(entries.index(third), branch)
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries), "utf-8")
    feed_stores(tmp_path / "data", "pi", home)
    with closing(project(tmp_path / "data")) as db:
        left = db.execute(
            "SELECT text_content FROM messages WHERE deleted_at IS NOT NULL ORDER BY created_at"
        ).fetchall()
        assert left == [("second [[S:second]]",), ("Second answer.",)]
        assert one(db, "SELECT prompt_tokens FROM sessions") == 4010 + 7 * summarised


def test_a_prompt_is_known_before_its_answer_begins(home: Path, tmp_path: Path) -> None:
    """A client that is killed then leaves no file."""
    for payload in islice(Recording("plain", home).steps(), 2):
        append(tmp_path / "data", [("pi", json.loads(payload)["type"], payload)], follow=True)
    with closing(project(tmp_path / "data")) as db:
        assert db.execute("SELECT role, text_content FROM messages").fetchall() == [("user", "say hello [[S:plain]]")]


def test_an_event_that_overtakes_another_does_not_open_an_ended_session(home: Path, tmp_path: Path) -> None:
    def events() -> Iterator[tuple[str, str, bytes]]:
        *begun, last_turn, shutdown = Recording("plain", home).steps()
        for payload in (*begun, shutdown, last_turn):
            yield "pi", json.loads(payload)["type"], payload

    feed_live(tmp_path / "data", [events()])
    with closing(project(tmp_path / "data")) as db:
        assert one(db, "SELECT status FROM sessions") == "ended"


def test_where_sessions_are_looked_for(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its own directory, the one that is named, and those of programs that are built on pi."""
    header = '{"type":"session","version":3,"id":"%s","timestamp":"2026-11-27T19:34:23.647Z","cwd":"/"}\n'
    places = {
        "a": home / ".pi/agent/sessions/--x--/t_a.jsonl",
        "b": home / "named/t_b.jsonl",
        "c": home / ".omp/agent/sessions/--x--/t_c.jsonl",
        "d": home / ".openclaw/agents/main/sessions/d.jsonl",
    }
    for id, path in places.items():
        path.parent.mkdir(parents=True)
        path.write_text(header % id, "utf-8")
    (home / ".pi/agent/sessions/other.jsonl").write_text('{"type":"other"}\n', "utf-8")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("PI_CODING_AGENT_SESSION_DIR", str(home / "named"))
    assert {source.session: source.path for source in history.sources()} == {k: str(v) for k, v in places.items()}


def test_a_file_that_is_not_the_sessions_is_not_read(home: Path, tmp_path: Path) -> None:
    Recording("plain", home).write_all()
    secret = home / "secret_other.jsonl"
    secret.write_text('{"type":"key","id":"other"}\n', "utf-8")
    event = {"type": "turn_end", "session_id": "other", "session_file": str(secret)}
    with pytest.raises(SourceError, match="does not begin as a session"):
        append(tmp_path / "data", [("pi", "turn_end", json.dumps(event).encode())], follow=True)
