"""Droid: its recordings against what the model served, and what its files hold."""

import json
import os
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from clankers.harnesses.droid.harness import HARNESS
from clankers.harnesses.droid.history import sources
from clankers.harnesses.droid.install import DroidInstaller
from clankers.ingest.source import SourceError
from tests.contract.captures import droid, feed_stores
from tests.feeding import DROID, append, project

# By recording: responses, [prompt, completion, cache read] tokens of its sessions, prompts, sessions, calls, failed and
# open ones, errors.
EXPECTED: dict[str, tuple[Any, ...]] = {
    "cut": (1, [0, 0, 0], 1, 1, 0, 0, 0, 0),  # the client counts nothing of it
    "err401": (0, [0, 0, 0], 1, 1, 0, 0, 0, 1),
    "fail": (5, [5015, 265, 1015], 1, 1, 5, 3, 0, 0),
    "fork": (6, [6021, 321, 1221], 2, 2, 4, 0, 0, 0),
    "kill": (2, [2003, 103, 403], 2, 1, 1, 0, 1, 0),
    "plain": (1, [1001, 51, 201], 1, 1, 0, 0, 0, 0),
    "resume": (4, [4010, 210, 810], 3, 1, 1, 0, 0, 0),
}
_TOKENS = "total(prompt_tokens), total(completion_tokens), total(cache_read_tokens)"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def one(db: apsw.Connection, query: str) -> Any:
    return db.execute(query).get


def imported(name: str, home: Path, root: Path) -> apsw.Connection:
    droid(name).store(home)
    assert feed_stores(root, "droid", home).problems == []
    return project(root)


@pytest.mark.parametrize("name", DROID)
def test_rows_are_what_the_model_served(name: str, home: Path, tmp_path: Path) -> None:
    with closing(imported(name, home, tmp_path / "data")) as db:
        found = (
            one(db, "SELECT count(*) FROM messages WHERE role = 'assistant' AND NOT synthetic"),
            list(one(db, f"SELECT {_TOKENS} FROM sessions")),
            one(db, "SELECT count(*) FROM messages WHERE role = 'user' AND NOT synthetic"),
            one(db, "SELECT count(*) FROM sessions"),
            *one(db, "SELECT count(*), total(success = 0), total(success IS NULL) FROM tools"),
            one(db, "SELECT count(*) FROM session_errors"),
        )
        assert found == EXPECTED[name]
        assert list(one(db, f"SELECT {_TOKENS} FROM messages WHERE session_total")) == EXPECTED[name][1]
        assert one(db, "SELECT total(prompt_tokens) FROM messages WHERE NOT session_total") == 0


@pytest.mark.parametrize("first", [0, 1])
def test_what_a_fork_copied_stays_its_origins(first: int, home: Path, tmp_path: Path) -> None:
    droid("fork").store(home)
    files = sorted(home.rglob("*.jsonl"), key=lambda file: b"forkedAtMessageId" in file.read_bytes())
    os.utime(files[first])  # the last changed is read first
    with closing(imported("fork", home, tmp_path / "data")) as db:
        rows = "SELECT id, forked_from, prompt_tokens, tool_call_count FROM sessions ORDER BY created_at"
        origin, fork = (file.stem for file in files)
        assert db.execute(rows).fetchall() == [(origin, None, 5015, 4), (fork, origin, 1006, 0)]


def test_settings_that_are_read_between_turns_book_the_difference(home: Path, tmp_path: Path) -> None:
    """A look that finds the same counts adds nothing, and a smaller count takes nothing away."""
    droid("resume").store(home)
    (settings,) = home.rglob("*.settings.json")
    (conversation,) = (path for path in home.rglob("*.jsonl") if path.parent == settings.parent)
    lines, last = conversation.read_text("utf-8").splitlines(keepends=True), json.loads(settings.read_text("utf-8"))
    for count, used in ((7, [1001, 51, 201]), (13, [2003, 103, 403]), (14, [2003, 103, 403]), (18, [2000, 103, 403])):
        conversation.write_text("".join(lines[:count]), "utf-8")
        names = ("inputTokens", "outputTokens", "cacheReadTokens")
        usage = dict(zip(names, used, strict=True))
        with_subagents = {name: 2 * tokens for name, tokens in usage.items()}  # which count in theirs
        found = {"turn": count, "tokenUsage": usage, "inclusiveTokenUsage": with_subagents}
        settings.write_text(json.dumps(found), "utf-8")
        feed_stores(tmp_path / "data", "droid", home)
        project(tmp_path / "data").close()  # the rows that are there count once
    conversation.write_text("".join(lines), "utf-8")
    settings.write_text(json.dumps(last), "utf-8")
    with closing(imported("resume", home, tmp_path / "data")) as db:
        rows = db.execute(
            "SELECT prompt_tokens, completion_tokens FROM messages WHERE session_total ORDER BY created_at"
        )
        assert rows.fetchall() == [(1001, 51), (1002, 52), (2007, 107)]
        assert one(db, "SELECT prompt_tokens, cache_read_tokens FROM sessions") == (4010, 810)


def test_a_failure_is_no_prompt_and_a_command_has_its_exit_code(home: Path, tmp_path: Path) -> None:
    for name in ("err401", "fail"):
        droid(name).store(home)
    feed_stores(tmp_path / "data", "droid", home)
    with closing(project(tmp_path / "data")) as db:
        assert one(db, "SELECT status_code, substr(error_message, 1, 15) FROM session_errors") == (
            401,
            "BYOK Error: 401",
        )
        assert one(db, "SELECT success, exit_code FROM tools WHERE id = 'call_0010fail'") == (0, 3)
        assert one(db, "SELECT count(*) FROM messages WHERE text_content LIKE '%/.rec/hook%'") == 0


def test_settings_that_are_being_written_are_left_for_the_next_look(home: Path, tmp_path: Path) -> None:
    droid("plain").store(home)
    (settings,) = home.rglob("*.settings.json")
    whole = settings.read_text("utf-8")
    settings.write_text(whole[:50], "utf-8")
    assert feed_stores(tmp_path / "data", "droid", home).problems == []
    with closing(imported("plain", home, tmp_path / "data")) as db:
        assert one(db, "SELECT prompt_tokens FROM sessions") == 1001


def test_a_file_that_is_not_the_sessions_is_not_read(tmp_path: Path) -> None:
    event = {"hook_event_name": "Stop", "session_id": "s", "transcript_path": "/x/sessions/-y/t.jsonl"}
    with pytest.raises(SourceError, match="is not the file of session s"):
        append(tmp_path / "data", [("droid", "Stop", json.dumps(event).encode())], follow=True)


def test_places_and_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACTORY_HOME_OVERRIDE", str(tmp_path))
    file = tmp_path / ".factory" / "sessions" / "-x" / "a.jsonl"
    file.parent.mkdir(parents=True)
    file.touch()
    assert [source.path for source in sources()] == [str(file)]
    installer = DroidInstaller(HARNESS)
    settings = installer.file(None)
    assert settings == tmp_path / ".factory" / "settings.json"
    settings.write_text('{"enableHooks": false}', "utf-8")
    (obstacle,) = installer.obstacles(settings, None)
    assert "enableHooks" in obstacle.finding
