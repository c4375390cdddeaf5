"""aider: its recordings against what the model served, as far as its chat history holds it."""

import os
import shutil
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from clankers.harnesses.aider import history
from clankers.harnesses.aider.chat_history import NAME
from clankers.ingest.watched import read_changed
from clankers.log.writer import Log
from tests.contract.captures import feed_stores
from tests.feeding import CAPTURES, project

# By recording: prompts, responses, sessions, errors.
EXPECTED = {
    "badedit": (1, 2, 1, 0),
    "edit": (1, 1, 1, 0),
    "err401": (1, 0, 1, 1),
    "plain": (1, 1, 1, 0),
    "resume": (3, 3, 3, 0),
}


def one(db: apsw.Connection, query: str) -> Any:
    return db.execute(query).get


def stored(tmp_path: Path, name: str) -> apsw.Connection:
    shutil.copytree(CAPTURES / "aider" / name / "home", tmp_path, dirs_exist_ok=True)
    assert feed_stores(tmp_path / "data", "aider", tmp_path).problems == []
    return project(tmp_path / "data")


@pytest.mark.parametrize("name", EXPECTED)
def test_rows_are_what_the_model_served(name: str, tmp_path: Path) -> None:
    with closing(stored(tmp_path, name)) as db:
        messages = "SELECT count(*) FROM messages WHERE NOT synthetic AND role ="
        assert (
            one(db, f"{messages} 'user'"),
            one(db, f"{messages} 'assistant'"),
            one(db, "SELECT count(*) FROM sessions"),
            one(db, "SELECT count(*) FROM session_errors"),
        ) == EXPECTED[name]
        assert one(db, "SELECT count(*) FROM tools") == 0
        counted = (
            "SELECT count(*) FROM messages WHERE prompt_tokens NOTNULL OR completion_tokens NOTNULL OR cost NOTNULL"
        )
        assert one(db, counted) == 0, "the client has estimates only"


def test_the_estimate_is_kept_and_marked(tmp_path: Path) -> None:
    with closing(stored(tmp_path, "plain")) as db:
        parts = db.execute("SELECT type, text, data FROM parts WHERE message_id LIKE '%/1' ORDER BY seq").fetchall()
        estimate = '{"estimated":true,"prompt_tokens":2300,"completion_tokens":68}'
        assert parts == [
            ("reasoning", "A short thought.", None),
            ("text", "Hello from the mock. Grüße, 日本語 ✓.", None),
            ("estimate", None, estimate),
        ]
        session = "SELECT title, model, provider, client_version, project_path FROM sessions"
        assert one(db, session) == ("say hello [[S:plain]]", "mock-1", "openai", "0.86.2", str(tmp_path / "src/plain"))


def test_the_local_time_of_a_run_is_that_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Kolkata")
    time.tzset()
    try:
        with closing(stored(tmp_path, "plain")) as db:
            assert one(db, "SELECT created_at FROM sessions") == 1795791194000  # 14:53:14 UTC
    finally:
        monkeypatch.undo()
        time.tzset()


def test_a_history_that_grows_is_read_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut anywhere, and looked at each time: the rows are those of the complete file."""
    with closing(stored(tmp_path / "whole", "resume")) as db:
        expected = _texts(db)
    text = (CAPTURES / "aider" / "resume" / "home" / "src" / "resume" / NAME).read_bytes()
    monkeypatch.chdir(tmp_path)
    file, root = tmp_path / NAME, tmp_path / "data"
    for end in (700, 760, 800, 1000, 1010, 1300, len(text), len(text)):
        file.write_bytes(text[:end])
        os.utime(file, (time.time() + end, time.time() + end))
        with Log(str(root)) as log:
            read_changed(log, history.watched(str(root)))
    with closing(project(root)) as db:
        assert _texts(db) == expected
    monkeypatch.chdir("/")
    assert [source.path for source in history.watched(str(root))] == [str(file)], "it was read before"


def _texts(db: apsw.Connection) -> list[Any]:
    return db.execute("SELECT role, synthetic, text_content FROM messages ORDER BY created_at, id").fetchall()
