"""Qwen Code: its recordings against what the model served, and what its chat files hold."""

import json
import os
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from clankers.harnesses.qwen.harness import HARNESS
from clankers.harnesses.qwen.history import sources
from clankers.harnesses.qwen.install import QwenInstaller
from tests.contract.captures import feed_live, feed_stores, qwen
from tests.feeding import QWEN, append, project

# By recording: responses, [prompt, completion, cache read] tokens, reasoning; requests beside the conversation and
# their tokens; prompts, sessions, calls, failed calls, errors.
EXPECTED: dict[str, tuple[Any, ...]] = {
    "compact": (3, [3011, 161, 611], 5, 5, [5025, 275, 1025], 3, 1, 0, 0, 0),
    "err401": (0, [0, 0, 0], 0, 0, [0, 0, 0], 1, 1, 0, 0, 1),
    "fail": (5, [5015, 265, 1015], 0, 0, [0, 0, 0], 1, 1, 5, 3, 0),
    "fork": (6, [6021, 321, 1221], 0, 1, [1007, 57, 207], 2, 2, 4, 0, 0),
    "plain": (1, [1001, 51, 201], 5, 1, [1002, 52, 202], 1, 1, 0, 0, 0),
    "resume": (4, [4015, 215, 815], 5, 2, [2006, 106, 406], 3, 1, 1, 0, 0),
    "sub": (4, [4010, 210, 810], 0, 0, [0, 0, 0], 1, 2, 2, 0, 0),
}
_TOKENS = "total(prompt_tokens), total(completion_tokens), total(cache_read_tokens)"


def one(db: apsw.Connection, query: str) -> Any:
    return db.execute(query).get


@pytest.mark.parametrize("name", QWEN)
def test_rows_are_what_the_model_served(name: str, tmp_path: Path) -> None:
    qwen(name).store(tmp_path / "home")
    feed_stores(tmp_path / "data", "qwen", tmp_path / "home")
    with closing(project(tmp_path / "data")) as db:
        responses = "FROM messages WHERE role = 'assistant' AND"
        found = (
            one(db, f"SELECT count(*) {responses} NOT synthetic"),
            list(one(db, f"SELECT {_TOKENS} {responses} NOT synthetic")),
            one(db, f"SELECT total(reasoning_tokens) {responses} NOT synthetic"),
            one(db, f"SELECT count(*) {responses} synthetic"),
            list(one(db, f"SELECT {_TOKENS} {responses} synthetic")),
            one(db, "SELECT count(*) FROM messages WHERE role = 'user' AND NOT synthetic"),
            one(db, "SELECT count(*) FROM sessions"),
            *one(db, "SELECT count(*), total(success = 0) FROM tools"),
            one(db, "SELECT count(*) FROM session_errors"),
        )
        assert found == EXPECTED[name]


def test_a_call_has_its_exit_code_its_time_and_its_response(tmp_path: Path) -> None:
    for name in ("fail", "sub"):
        qwen(name).store(tmp_path / "home")
    feed_stores(tmp_path / "data", "qwen", tmp_path / "home")
    with closing(project(tmp_path / "data")) as db:
        assert one(db, "SELECT success, exit_code, duration_ms FROM tools WHERE id = 'call_0010fail'") == (0, 3, 407)
        child = "SELECT m.completion_tokens FROM tools AS t JOIN messages AS m ON m.id = t.message_id WHERE t.id = '%s'"
        assert one(db, child % "call_0020child") == 52, "a subagent's calls follow their response in another line"
        assert one(db, "SELECT parent_id IS NOT NULL, agent FROM sessions WHERE id LIKE '%/%'") == (
            1,
            "general-purpose",
        )
        models = (
            "SELECT DISTINCT model, model_inferred FROM messages WHERE session_id LIKE '%/%' AND role = 'assistant'"
        )
        assert db.execute(models).fetchall() == [("mock-1", 1)], "only the parent's telemetry names it"


@pytest.mark.parametrize("first", [0, 1])
def test_what_a_fork_copied_stays_its_origins(first: int, tmp_path: Path) -> None:
    home = tmp_path / "home"
    qwen("fork").store(home)
    origin, fork = sorted(home.rglob("chats/*.jsonl"))
    os.utime((origin, fork)[first])  # the last changed is read first
    feed_stores(tmp_path / "data", "qwen", home)
    with closing(project(tmp_path / "data")) as db:
        totals = db.execute("SELECT id, forked_from, prompt_tokens, tool_call_count FROM sessions").fetchall()
        assert sorted(totals) == [(origin.stem, None, 5015, 4), (fork.stem, origin.stem, 1006 + 1007, 0)]


def test_a_prompt_is_reported_once_though_its_hook_comes_after_each_round(tmp_path: Path) -> None:
    feed_live(tmp_path / "data", qwen("fail").live(tmp_path / "home"))
    with closing(project(tmp_path / "data")) as db:
        assert db.execute("SELECT text_content FROM messages WHERE role = 'user'").fetchall() == [
            ("try things [[S:fail]]",)
        ]


def test_a_request_that_fails_ends_the_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No hook says so: the last one was that of the prompt, before the failure."""
    monkeypatch.setattr(time, "time_ns", lambda: 1_600_000_000 * 10**9)
    feed_live(tmp_path / "data", qwen("err401").live(tmp_path / "home"))
    with closing(project(tmp_path / "data")) as db:
        assert one(db, "SELECT status FROM sessions") == "idle"


def test_a_file_that_is_not_the_sessions_is_not_read(tmp_path: Path) -> None:
    event = {"hook_event_name": "Stop", "session_id": "s", "transcript_path": str(tmp_path / "chats" / "t.jsonl")}
    with pytest.raises(Exception, match="is not the chat file of session s"):
        append(tmp_path / "data", [("qwen", "Stop", json.dumps(event).encode())], follow=True)


def test_places_and_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QWEN_HOME", str(tmp_path / "q"))
    monkeypatch.setenv("QWEN_RUNTIME_DIR", str(tmp_path / "r"))
    chat = tmp_path / "r" / "projects" / "-x" / "chats" / "a.jsonl"
    chat.parent.mkdir(parents=True)
    chat.touch()
    assert [source.path for source in sources()] == [str(chat)]
    installer = QwenInstaller(HARNESS)
    settings = installer.file(None)
    assert settings == tmp_path / "q" / "settings.json"
    settings.parent.mkdir()
    settings.write_text('{"disableAllHooks": true}', "utf-8")
    (obstacle,) = installer.obstacles(settings, None)
    assert "disableAllHooks" in obstacle.finding
