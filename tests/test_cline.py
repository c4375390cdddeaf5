"""Cline: its recordings against what the model served, and what its documents, its database and its hooks hold."""

import json
import os
import time
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock

import apsw
import pytest

from clankers.errors import EX_FAIL, EX_OK
from clankers.harnesses.cline.harness import HARNESS
from clankers.harnesses.cline.install import EVENTS
from clankers.harnesses.hook_command import hook_command
from clankers.ingest.source import SourceError
from clankers.system import detached
from tests.cline_recording import EXPECTED, NAMES, Recording
from tests.commands import Result, call
from tests.contract.captures import feed_stores
from tests.feeding import append, project


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable in ("CLINE_DATA_DIR", "CLINE_SESSION_DATA_DIR", "CLINE_DB_DATA_DIR"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("CLINE_DIR", str(tmp_path / "home" / ".cline"))
    return tmp_path / "home"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def one(db: apsw.Connection, query: str) -> Any:
    return db.execute(query).get


def stored(root: Path, home: Path, *names: str) -> apsw.Connection:
    for name in names:
        Recording(name, home).write_all()
    assert feed_stores(root, "cline", home).problems == []
    return project(root)


def documents(home: Path, ending: str) -> list[Path]:
    return sorted(home.glob(f".cline/data/sessions/*/*{ending}"))


def edit(path: Path, **members: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | members), "utf-8")


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_what_the_model_served(name: str, root: Path, home: Path) -> None:
    with closing(stored(root, home, name)) as db:
        columns = ("prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_write_tokens")
        tools: list[Any] = db.execute("SELECT id, success FROM tools ORDER BY id").fetchall()
        found = {
            "tokens": [one(db, f"SELECT total({column}) FROM sessions") for column in columns],
            "reasoning": one(db, "SELECT total(reasoning_tokens) FROM sessions"),
            "prompts": one(db, "SELECT count(*) FROM messages WHERE role = 'user' AND NOT synthetic"),
            "responses": one(db, "SELECT count(*) FROM messages WHERE role = 'assistant' AND NOT synthetic"),
            "sessions": one(db, "SELECT count(*) FROM sessions"),
            "errors": one(db, "SELECT count(*) FROM session_errors"),
            "tools": [id for id, _ in tools],
            "failed_tools": sum(success == 0 for _, success in tools),
            "open_tools": sum(success is None for _, success in tools),
        }
        assert found == {key: EXPECTED[name][key] for key in found}


def test_a_call_fails_where_one_of_its_results_does(root: Path, home: Path) -> None:
    """The hooks call every one of them a success."""
    with closing(stored(root, home, "fail", "multi")) as db:
        calls: list[Any] = db.execute(
            "SELECT id, status, exit_code, tool_output, error_message FROM tools WHERE success = 0 ORDER BY id"
        ).fetchall()
        failed, several = "Command exited with code 3", "[Command exited with code 4]"
        assert [call[:3] for call in calls] == [
            ("call_0010fail", "error", 3),
            ("call_0010multi", "error", 4),
            ("call_0020fail", "error", None),
            ("call_0020multi", "error", None),
            ("call_0030fail", "error", None),
        ]
        assert calls[0][3:] == (f"[{failed}]\nout\n\n[stderr]\nbad\n", failed)
        assert calls[1][3] == f"a\n\n{several}\nb\n\nc\n"
        assert calls[3][3].startswith("1 | # demo\nError reading file: ENOENT")
        assert "unavailable tool 'nosuchtool'" in calls[4][4]
        assert db.execute("SELECT file_path FROM file_edits").fetchall() == [(str(home / "src/multi/nofile.txt"),)]


RESULTS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "nothing": (None, ("completed", None)),
    "text": ("plain", ("completed", "plain")),
    "text that is a number": ("17", ("completed", "17")),
    "blocks of text": ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], ("completed", "a\nb")),
    "a form of others": ({"odd": [1]}, ("completed", '{"odd": [1]}')),
    "a subagent that failed": ('{"text":"Refused.","finishReason":"error"}', ("error", "Refused.")),
    "a call that a person declined": (
        '{"error":"User rejected the tool call -- NOT a tool or system failure. Clarify with user before proceeding."}',
        ("denied", "User rejected the tool call -- NOT a tool or system failure. Clarify with user before proceeding."),
    ),
    "a wrong value": ([{"result": 5, "success": False, "error": "bad"}], ("error", "bad")),
}


@pytest.mark.parametrize(("content", "expected"), RESULTS.values(), ids=RESULTS)
def test_results_in_every_form(content: Any, expected: tuple[Any, ...], root: Path) -> None:
    append(root, [hook("tool_result", tool_result={"id": "call_x", "name": "run_commands", "output": content})])
    with closing(project(root)) as db:
        assert one(db, "SELECT status, tool_output FROM tools") == expected


def hook(kind: str, **members: Any) -> tuple[str, str, bytes]:
    payload = {"hookName": kind, "sessionContext": {"rootSessionId": "1_a"}, **members}
    return "cline", HARNESS.kind(payload), json.dumps(payload).encode()


def test_a_prompt_is_what_was_typed_and_known_though_the_client_was_killed_before_its_answer(
    root: Path, home: Path
) -> None:
    Recording("killstream", home).write_all()
    (manifest,) = documents(home, "_pezwc.json")
    # As a client in full screen writes it.
    edit(manifest, prompt='<user_input mode="act">say something [[S:hang]]</user_input>')
    with closing(stored(root, home, "plain")) as db:
        prompts = "SELECT text_content FROM messages WHERE role = 'user' ORDER BY created_at"
        assert db.execute(prompts).fetchall() == [("say hello [[S:plain]]",), ("say something [[S:hang]]",)]


def test_what_the_client_puts_around_a_prompt_is_synthetic(root: Path, home: Path) -> None:
    Recording("plain", home).write_all()
    (path,) = documents(home, ".messages.json")
    text = '<user_input mode="plan"><mode_notice>The user switched.</mode_notice>\nWhy?</user_input>'
    said = [
        {
            "id": "a",
            "role": "user",
            "ts": 1,
            "content": [{"type": "text", "text": text}, {"type": "text", "text": "<file>"}],
        },
        {"id": "b", "role": "user", "ts": 2, "content": '<user_input mode="act">[TASK RESUMPTION] Go on.</user_input>'},
        {"id": "c", "role": "user", "ts": 3, "content": "Be brief.", "metadata": {"kind": "loop_detection_notice"}},
    ]
    edit(path, messages=said)
    with closing(stored(root, home)) as db:
        rows = db.execute(
            "SELECT id, synthetic, text_content FROM messages WHERE length(id) = 1 ORDER BY id"
        ).fetchall()
        assert [row[:2] for row in rows] == [("a", 0), ("b", 1), ("c", 1)]
        parts = "SELECT text FROM parts WHERE message_id = 'a' AND NOT synthetic"
        assert db.execute(parts).fetchall() == [("Why?",)]


def test_a_session_that_was_killed_or_left_has_no_end_of_its_own(root: Path, home: Path) -> None:
    """The next client that starts writes that it failed, and its own time."""
    with closing(stored(root, home, "err401", "kill", "plain", "resume")) as db:
        ends = db.execute(
            "SELECT project_name, status, ended_at IS NULL FROM sessions ORDER BY project_name"
        ).fetchall()
        assert ends == [("err401", "error", 0), ("kill", "ended", 1), ("plain", "ended", 0), ("resume", "ended", 1)]


def test_a_subagent_belongs_to_who_started_it(root: Path, home: Path) -> None:
    with closing(stored(root, home, "subnest")) as db:
        first, second = (
            "1795838427881_u4snj__agent_1795838429903_3l6eju",
            "1795838427881_u4snj__agent_1795838430436_szr355",
        )
        children = "SELECT id, parent_id, title, prompt_tokens FROM sessions WHERE parent_id IS NOT NULL ORDER BY id"
        assert db.execute(children).fetchall() == [
            (first, "1795838427881_u4snj", "Nest please [[S:nest]]", 1002 + 1005),
            (second, first, "Look [[S:child]]", 1003 + 1004),
        ]


def test_what_a_fork_copied_stays_its_origins(root: Path, home: Path) -> None:
    Recording("resume", home).write_all()
    (folder,) = (home / ".cline/data/sessions").iterdir()
    origin, fork = folder.name, "1795900000000_forkd"
    manifest, messages = (
        json.loads(documents(home, end)[0].read_text("utf-8")) for end in ("_xil7d.json", ".messages.json")
    )
    manifest |= {"session_id": fork, "started_at": "2026-11-28T21:06:40.000Z", "ended_at": None}
    manifest["metadata"] = {"fork": {"forkedFromSessionId": origin}, "title": "first (fork)"}
    messages["messages"].append(
        {"id": "msg_new", "role": "assistant", "content": "More.", "ts": 1795900001000, "metrics": {"inputTokens": 7}}
    )
    new = folder.with_name(fork)
    new.mkdir()
    (new / f"{fork}.json").write_text(json.dumps(manifest), "utf-8")
    (new / f"{fork}.messages.json").write_text(json.dumps(messages), "utf-8")
    os.utime(folder)  # the last changed is read first
    with closing(stored(root, home)) as db:
        found = db.execute(
            "SELECT id, forked_from, prompt_tokens, tool_call_count FROM sessions ORDER BY id"
        ).fetchall()
        assert found == [(origin, None, 3006, 1), (fork, origin, 7, 0)]


def test_a_summary_is_a_compaction_and_the_conversation_stays(root: Path, home: Path) -> None:
    with closing(stored(root, home, "compact")) as db:
        assert db.execute("SELECT created_at, pre_tokens FROM compaction_events").fetchall() == [(1795838483248, 340)]
        assert one(db, "SELECT count(*) FROM messages WHERE deleted_at IS NOT NULL") == 0
        assert (
            one(db, "SELECT text_content LIKE 'Context summary:%' FROM messages WHERE synthetic AND role = 'user'") == 1
        )


def test_what_is_not_known_is_counted_and_a_wrong_value_costs_only_itself(root: Path, home: Path) -> None:
    Recording("plain", home).write_all()
    (path,) = documents(home, ".messages.json")
    messages = json.loads(path.read_text("utf-8"))["messages"]
    messages[1]["content"].append({"type": "hologram"})
    messages[1]["metrics"] |= {"thoughtTokens": 9, "cacheWriteTokens": "many"}
    edit(path, messages=messages)
    with closing(stored(root, home)) as db:
        unknown = "SELECT type FROM event_types WHERE NOT known ORDER BY type"
        assert [type.partition(": ")[2] or type for (type,) in db.execute(unknown)] == [
            "block hologram",
            "metrics.thoughtTokens",
        ]
        assert one(
            db, "SELECT prompt_tokens, cache_read_tokens, cache_write_tokens FROM messages WHERE role = 'assistant'"
        ) == (
            1001,
            201,
            None,
        )


def test_a_document_that_is_being_written_is_read_the_next_time(root: Path, home: Path) -> None:
    Recording("plain", home).write_all()
    (path,) = documents(home, ".messages.json")
    whole = path.read_bytes()
    path.write_bytes(whole[:-100])
    with closing(stored(root, home)) as db:
        assert one(db, "SELECT message_count FROM sessions") == 1, "the prompt, which the manifest has"
    path.write_bytes(whole)
    with closing(stored(root, home)) as db:
        assert one(db, "SELECT message_count FROM sessions") == 2


def test_a_database_that_cannot_be_read_is_named_and_the_documents_are_read(root: Path, home: Path) -> None:
    Recording("sub", home).write_all()
    (home / ".cline/data/db/sessions.db").write_bytes(b"no database" * 1000)
    (problem,) = feed_stores(root, "cline", home).problems
    assert "sessions.db cannot be read" in problem
    with closing(project(root)) as db:
        assert one(db, "SELECT count(*), total(prompt_tokens) FROM sessions") == (2, 4010)


def test_the_instructions_to_the_model_are_not_recorded(root: Path, home: Path) -> None:
    Recording("plain", home).write_all()
    (path,) = documents(home, ".messages.json")
    edit(path, system_prompt="You are Cline." * 100)
    stored(root, home).close()
    (log,) = root.glob("clankers-*.jsonl")
    assert "You are Cline." not in log.read_text("utf-8")
    assert '"system_prompt":{"elided":1402' in log.read_text("utf-8")


def test_the_end_of_a_turn_waits_for_its_last_message(root: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = Recording("plain", home)
    *_, last = recording.steps()
    (path,) = documents(home, ".messages.json")
    whole = json.loads(path.read_text("utf-8"))
    edit(path, messages=whole["messages"][:1], updated_at="2026-11-27T19:15:53.100Z")
    # The client writes while the hook sleeps.
    monkeypatch.setattr(time, "sleep", lambda _: edit(path, **whole))
    append(root, [("cline", "agent_end", last)], follow=True)
    with closing(project(root)) as db:
        assert one(db, "SELECT prompt_tokens FROM sessions") == 1001


def test_hooks_that_the_client_waits_for_read_nothing(root: Path, home: Path) -> None:
    for payload in Recording("fail", home).steps():
        kind = HARNESS.kind(json.loads(payload))
        if kind in ("tool_call", "tool_result"):
            append(root, [("cline", kind, payload)], follow=True)
    with closing(project(root)) as db:
        assert one(db, "SELECT count(*) FROM messages") == 0
        assert one(db, "SELECT exit_code, duration_ms FROM tools WHERE id = 'call_0010fail'") == (3, 39)
    assert not (root / "cursors").exists()


@pytest.mark.parametrize("session", ["../secrets", "a/b", "x#y", ""])
def test_a_session_is_a_name_and_no_path(session: str, root: Path) -> None:
    payload = json.dumps({"hookName": "agent_end", "sessionContext": {"rootSessionId": session}}).encode()
    if session:
        with pytest.raises(SourceError):
            append(root, [("cline", "agent_end", payload)], follow=True)
    else:
        append(root, [("cline", "agent_end", payload)], follow=True)


def test_hooks_are_installed_beside_ones_own_and_removed_again(tmp_path: Path, home: Path) -> None:
    hooks = home / ".cline" / "hooks"
    hooks.mkdir(parents=True)
    own = hooks / "PreToolUse"
    own.write_text("#!/bin/sh\nexit 0\n")

    def clankers(*args: str) -> Result:
        with mock.patch.object(detached, "start"):
            return call(home / "data", *args, PATH="", CLINE_DIR=str(home / ".cline"))

    done = clankers("install", "cline")
    assert (done.code, done.out.count(str(hooks))) == (EX_FAIL, 1)
    assert f"{own} exists and is not from clankers; add .sh to its name" in done.err
    own.rename(own.with_suffix(".sh"))
    assert clankers("install", "cline").code == EX_OK
    ours = [hooks / event for event in EVENTS]
    assert {path.stat().st_mode & 0o777 for path in ours} == {0o755}
    assert all(path.read_bytes().endswith(hook_command("cline").encode() + b"\n") for path in ours)
    doctor = clankers("doctor")
    assert f"is recorded by {hooks}\n" in doctor.out
    assert clankers("uninstall", "cline").code == EX_OK
    assert list(hooks.iterdir()) == [own.with_suffix(".sh")]
