"""Continue: its recordings against what the model served, and what its files hold."""

import json
import os
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from clankers.errors import EX_OK
from tests.commands import call
from tests.continue_recording import EXPECTED, NAMES, write
from tests.contract.captures import feed_stores
from tests.feeding import project


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


@pytest.fixture
def root(home: Path) -> Path:
    return home / "data"


def one(db: apsw.Connection, query: str) -> Any:
    return db.execute(query).get


def stored(root: Path, home: Path, *names: str) -> apsw.Connection:
    for name in names:
        write(name, home)
    assert feed_stores(root, "continue", home).problems == []
    return project(root)


def files(home: Path) -> list[Path]:
    return sorted(home.glob(".continue/sessions/*-*.json"))


def edit(path: Path, change: Callable[[Any], object]) -> None:
    document = json.loads(path.read_text("utf-8"))
    change(document)
    path.write_text(json.dumps(document, indent=2), "utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_what_the_model_served(name: str, root: Path, home: Path) -> None:
    with closing(stored(root, home, name)) as db:
        columns = ("prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_write_tokens")
        tools: list[Any] = db.execute("SELECT id, success FROM tools ORDER BY id").fetchall()
        found = {
            "tokens": [one(db, f"SELECT total({column}) FROM sessions") for column in columns],
            "reasoning": one(db, "SELECT total(reasoning_tokens) FROM sessions"),
            "prompts": one(db, "SELECT count(*) FROM messages WHERE role = 'user' AND NOT synthetic AND NOT copied"),
            "responses": one(db, "SELECT count(*) FROM messages WHERE role = 'assistant' AND NOT copied"),
            "sessions": one(db, "SELECT count(*) FROM sessions"),
            "errors": one(db, "SELECT count(*) FROM session_errors"),
            "tools": [id for id, _ in tools],
            "failed_tools": sum(success == 0 for _, success in tools),
        }
        assert found == {key: EXPECTED[name][key] for key in found}


def test_a_call_has_its_exit_code_and_its_file_and_messages_the_time_of_the_session(root: Path, home: Path) -> None:
    with closing(stored(root, home, "fail", "fork")) as db:
        assert one(db, "SELECT success, exit_code FROM tools WHERE id = 'call_0010fail'") == (0, 3)
        edited = db.execute("SELECT tool_name FROM file_edits ORDER BY tool_name").fetchall()
        assert edited == [("Edit",), ("Write",)]
        times = (
            "SELECT created_at, time_inferred FROM messages WHERE session_id LIKE 'c0e9%' ORDER BY created_at LIMIT 2"
        )
        assert db.execute(times).fetchall() == [(1795807079177, 1), (1795807079178, 1)]


@pytest.mark.parametrize("first", [0, 1])
def test_what_a_fork_copied_stays_its_origins(first: int, root: Path, home: Path) -> None:
    """Neither an id nor a mark says so: the entries are equal, up to an answer."""
    write("fork", home)
    origin, fork = files(home)
    os.utime((origin, fork)[first])  # the last changed is read first
    with closing(stored(root, home)) as db:
        totals = db.execute("SELECT id, prompt_tokens, message_count, tool_call_count FROM sessions").fetchall()
        assert sorted(totals) == [(origin.stem, 5015, 6, 4), (fork.stem, 1006, 2, 0)]


def test_the_same_prompt_twice_is_no_copy(root: Path, home: Path) -> None:
    write("plain", home)
    (path,) = files(home)
    other = path.with_name("00000000-0000-4000-8000-000000000000.json")
    other.write_bytes(path.read_bytes())

    def answer_otherwise(document: Any) -> None:
        document["history"][1]["message"]["content"] = "Hello!"

    edit(other, answer_otherwise)
    with closing(stored(root, home)) as db:
        assert one(db, "SELECT count(*) FROM messages WHERE role = 'user' AND NOT copied") == 2
        assert one(db, "SELECT total(prompt_tokens) FROM sessions") == 2002


def test_each_command_looks_at_the_files(root: Path, home: Path) -> None:
    """No hook of this client runs."""
    write("resume", home)
    (path,) = files(home)
    whole = json.loads(path.read_text("utf-8"))
    edit(path, lambda document: document.update(history=whole["history"][:2]))

    def count() -> int:
        (session,) = json.loads(call(root, "sessions", "--json", CONTINUE_GLOBAL_DIR=str(home / ".continue")).out)
        return int(session["prompt_tokens"])

    assert count() == 1001
    edit(path, lambda document: document.update(whole))
    assert count() == 4010
    assert count() == 4010


def test_without_a_home_directory_there_is_nothing_to_look_at(root: Path) -> None:
    done = call(root, "sessions", HOME="relative", CONTINUE_GLOBAL_DIR="")
    assert (done.code, done.err) == (EX_OK, "")


def test_an_entry_of_an_editor_has_no_counts_and_what_is_not_known_is_counted(root: Path, home: Path) -> None:
    write("plain", home)
    (path,) = files(home)

    def as_an_editor_writes(document: Any) -> None:
        prompt, answer = document["history"]
        prompt["message"]["content"] = [{"type": "text", "text": "Look:"}, {"type": "imageUrl"}, {"type": "scent"}]
        del answer["message"]["usage"]

    edit(path, as_an_editor_writes)
    path.with_name("sessions.json").write_text("[")
    with closing(stored(root, home)) as db:
        messages = "SELECT role, text_content, prompt_tokens FROM messages ORDER BY role"
        assert db.execute(messages).fetchall() == [
            ("assistant", "Hello from the mock. Grüße, 日本語 ✓.", None),
            ("user", "Look:", None),
        ]
        assert [type for (type,) in db.execute("SELECT type FROM event_types WHERE NOT known")] == [
            "document.message: part scent"
        ]


def test_a_file_that_is_damaged_is_named_and_the_others_are_read(root: Path, home: Path) -> None:
    for name in ("plain", "fail"):
        write(name, home)
    path = files(home)[0]
    path.write_bytes(path.read_bytes()[:-100])
    os.utime(path, (time.time() - 60,) * 2)
    (problem,) = feed_stores(root, "continue", home).problems
    assert path.name in problem
    with closing(project(root)) as db:
        assert one(db, "SELECT count(*) FROM messages") > 0
