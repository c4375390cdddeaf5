"""OpenHands: its recordings against what the model served, and what its conversations hold."""

import json
import os
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from clankers.harnesses.openhands.conversation import OpenHandsConversation, epoch_millis
from clankers.harnesses.openhands.harness import HARNESS
from clankers.harnesses.openhands.history import sources
from clankers.harnesses.openhands.install import OpenHandsInstaller
from tests.contract.captures import feed_stores, openhands
from tests.feeding import OPENHANDS, append, project

# By recording: responses, [prompt, completion, cache read] tokens, reasoning, responses of which nothing says what they
# used, prompts, sessions, calls, failed and open ones, errors.
EXPECTED: dict[str, tuple[Any, ...]] = {
    "err401": (0, [0, 0, 0], 0, 0, 1, 1, 0, 0, 0, 1),
    "fail": (5, [5015, 265, 1015], 0, 0, 1, 1, 5, 3, 0, 0),
    "kill": (2, [1002, 52, 202], 0, 1, 2, 1, 1, 0, 0, 0),
    "plain": (1, [1001, 51, 201], 5, 0, 1, 1, 0, 0, 0, 0),
    "resume": (4, [4010, 210, 810], 5, 0, 3, 1, 1, 0, 0, 0),
    "sub": (4, [4010, 210, 810], 0, 0, 1, 2, 2, 0, 0, 0),
}
_TOKENS = "total(prompt_tokens), total(completion_tokens), total(cache_read_tokens)"
LOCAL = "2026-11-27T20:19:07.212"
UTC = 1795810747212  # the same in UTC, in epoch milliseconds


@pytest.fixture(autouse=True)
def in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def one(db: apsw.Connection, query: str) -> Any:
    return db.execute(query).get


def imported(name: str, home: Path, root: Path) -> apsw.Connection:
    openhands(name).store(home)
    assert feed_stores(root, "openhands", home).problems == []
    return project(root)


@pytest.mark.parametrize("name", OPENHANDS)
def test_rows_are_what_the_model_served(name: str, home: Path, tmp_path: Path) -> None:
    with closing(imported(name, home, tmp_path / "data")) as db:
        responses = "FROM messages WHERE role = 'assistant' AND NOT synthetic"
        found = (
            one(db, f"SELECT count(*) {responses}"),
            list(one(db, f"SELECT {_TOKENS} FROM sessions")),
            one(db, f"SELECT total(reasoning_tokens) {responses}"),
            one(db, f"SELECT count(*) {responses} AND prompt_tokens IS NULL"),
            one(db, "SELECT count(*) FROM messages WHERE role = 'user' AND NOT synthetic"),
            one(db, "SELECT count(*) FROM sessions"),
            *one(db, "SELECT count(*), total(success = 0), total(success IS NULL) FROM tools"),
            one(db, "SELECT count(*) FROM session_errors"),
        )
        assert found == EXPECTED[name]


def test_a_subagent_counts_what_it_used_and_its_parent_does_not(home: Path, tmp_path: Path) -> None:
    with closing(imported("sub", home, tmp_path / "data")) as db:
        parent = one(db, "SELECT id FROM sessions WHERE parent_id IS NULL")
        assert one(db, "SELECT parent_id, prompt_tokens FROM sessions WHERE parent_id NOT NULL") == (parent, 2005)
        assert one(db, "SELECT synthetic FROM messages WHERE text_content LIKE 'Look around%'") == 1


def test_parallel_calls_are_of_one_response_and_a_command_has_its_exit_code(home: Path, tmp_path: Path) -> None:
    with closing(imported("fail", home, tmp_path / "data")) as db:
        both = "SELECT count(DISTINCT message_id), count(*) FROM tools WHERE id IN ('call_0040fail', 'call_0041fail')"
        assert one(db, both) == (1, 2)
        call = "SELECT success, exit_code, status FROM tools WHERE id = 'call_0010fail'"
        assert one(db, call) == (0, 3, "completed")


def test_a_call_that_is_run_again_after_a_kill_is_one(home: Path, tmp_path: Path) -> None:
    """Its result comes behind the next prompt; -1 is no exit code."""
    with closing(imported("kill", home, tmp_path / "data")) as db:
        rows = db.execute(
            "SELECT id, exit_code, completed_at > (SELECT max(created_at) FROM messages WHERE role = 'user') FROM tools"
        ).fetchall()
        assert rows == [("call_0010slow", None, 1)]


def test_side_models_and_costs_count(home: Path, tmp_path: Path) -> None:
    openhands("plain").store(home)
    (path,) = home.rglob("base_state.json")
    state = json.loads(path.read_text("utf-8"))
    metrics = state["stats"]["usage_to_metrics"]
    metrics["agent"]["accumulated_cost"] = 0.25
    metrics["condenser"] |= {
        "accumulated_cost": 0.5,
        "token_usages": [{"model": "openai/mock-1", "prompt_tokens": 10, "cache_write_tokens": 4, "response_id": "c"}],
    }
    metrics["task:1"] = {"accumulated_cost": 9.0, "token_usages": [{"prompt_tokens": 999, "response_id": "t"}]}
    path.write_text(json.dumps(state), "utf-8")
    feed_stores(tmp_path / "data", "openhands", home)
    with closing(project(tmp_path / "data")) as db:
        assert one(db, "SELECT prompt_tokens, cache_write_tokens, cost, cost_source FROM sessions") == (
            1001 + 6,
            4,
            0.75,
            "client",
        )
        assert one(db, "SELECT agent FROM messages WHERE synthetic") == "condenser"


@pytest.mark.parametrize(
    ("written", "at"),
    [
        (UTC / 1000 + 0.01, UTC),
        (UTC / 1000 - 5.5 * 3600 + 0.5, UTC - 19_800_000),  # in India
        (UTC / 1000 + 8 * 3600 + 4, UTC + 28_800_000),  # in California
        (UTC / 1000 + 3100, UTC),  # copied within the hour: by this machine's zone
        (UTC / 1000 + 86_400 * 30, UTC),  # copied later
    ],
)
def test_a_local_time_is_of_the_zone_in_which_its_file_was_written(written: float, at: int) -> None:
    assert epoch_millis(LOCAL, written) == at


@pytest.mark.parametrize("value", [None, "", "yesterday", 7, [], "9999-99-99"])
def test_what_is_no_time_is_none(value: Any) -> None:
    assert epoch_millis(value, 0) is None


def test_an_event_that_is_being_written_is_left_for_the_next_look(home: Path, tmp_path: Path) -> None:
    openhands("plain").store(home)
    last = max(home.rglob("event-*.json"))
    whole = last.read_text("utf-8")
    last.write_text(whole[:40], "utf-8")
    first = feed_stores(tmp_path / "data", "openhands", home)
    assert (first.records, first.problems) == (7, [])
    last.write_text(whole, "utf-8")
    assert feed_stores(tmp_path / "data", "openhands", home).records == 1
    os.utime(last)
    assert feed_stores(tmp_path / "data", "openhands", home).records == 0


def test_an_event_that_is_damaged_is_a_line_of_its_own(home: Path, tmp_path: Path) -> None:
    openhands("plain").store(home)
    first = min(home.rglob("event-*.json"))
    first.write_text("{", "utf-8")
    os.utime(first, (0, 0))
    assert feed_stores(tmp_path / "data", "openhands", home).records == 8
    with closing(project(tmp_path / "data")) as db:
        assert one(db, "SELECT count(*) FROM rejects") == 1
        assert one(db, "SELECT prompt_tokens FROM sessions") == 1001


def test_an_id_that_is_none_announces_nothing(tmp_path: Path) -> None:
    for session in ("../../etc", "", 7, None, "z" * 32):
        event = {"event_type": "Stop", "session_id": session, "working_dir": "/"}
        append(tmp_path / "data", [("openhands", "Stop", json.dumps(event).encode())], follow=True)
    assert not (tmp_path / "data" / "cursors").exists() or not any((tmp_path / "data" / "cursors").glob("*.json"))


def test_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENHANDS_CONVERSATIONS_DIR", raising=False)
    monkeypatch.setenv("OPENHANDS_PERSISTENCE_DIR", str(tmp_path))
    folder = tmp_path / "conversations" / ("0" * 32)
    (folder / "events").mkdir(parents=True)
    (folder / "subagents" / ("1" * 32) / "events").mkdir(parents=True)
    (source,) = sources()
    assert isinstance(source, OpenHandsConversation)
    assert set(source.sessions()) == {
        "00000000-0000-0000-0000-000000000000",
        "11111111-1111-1111-1111-111111111111",
    }
    assert OpenHandsInstaller(HARNESS).file(None) == tmp_path / "hooks.json"
    monkeypatch.setenv("OPENHANDS_CONVERSATIONS_DIR", str(tmp_path / "elsewhere"))
    assert list(sources()) == []
