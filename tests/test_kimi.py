"""Kimi Code: its recordings against what the model served, and what its wire logs hold."""

import json
import os
import shutil
import tomllib
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from clankers.harnesses.installer import InstallError
from clankers.harnesses.kimi.harness import HARNESS
from clankers.harnesses.kimi.install import EVENTS, KimiInstaller
from clankers.harnesses.kimi.session_files import folder_of
from clankers.ingest.source import SourceError
from projector.derived.response_lines import messages_of
from projector.model.evidence import ResponseLine
from tests.contract.captures import feed_live, feed_stores
from tests.feeding import append, project
from tests.kimi_recording import HOME, NAMES, Recording

# By recording: responses and their [prompt, completion, cache read] tokens; requests beside the conversation and
# theirs; prompts, sessions, calls, failed and open calls, errors, retries.
EXPECTED: dict[str, tuple[Any, ...]] = {
    "compact": (3, [3007, 157, 607], 1, [1003, 53, 203], 3, 1, 0, 0, 0, 0, 0),
    "err401": (0, [0, 0, 0], 0, [0, 0, 0], 1, 1, 0, 0, 0, 1, 0),
    "err500": (1, [1002, 52, 202], 0, [0, 0, 0], 1, 1, 0, 0, 0, 0, 1),
    "fail": (5, [5015, 265, 1015], 0, [0, 0, 0], 1, 1, 5, 3, 0, 0, 0),
    "fork": (6, [6021, 321, 1221], 0, [0, 0, 0], 2, 4, 3, 0, 0, 0, 0),
    "kill": (2, [2003, 103, 403], 0, [0, 0, 0], 2, 1, 1, 0, 1, 0, 0),
    "plain": (1, [1001, 51, 201], 0, [0, 0, 0], 1, 1, 0, 0, 0, 0, 0),
    "resume": (4, [4010, 210, 810], 0, [0, 0, 0], 3, 1, 1, 0, 0, 0, 0),
    "sub": (4, [4010, 210, 810], 0, [0, 0, 0], 1, 2, 2, 0, 0, 0, 0),
    "undo": (5, [5015, 265, 1015], 0, [0, 0, 0], 4, 1, 1, 0, 0, 0, 0),
}
_TOKENS = "total(prompt_tokens), total(completion_tokens), total(cache_read_tokens)"


def one(db: apsw.Connection, query: str) -> Any:
    return db.execute(query).get


def stored(tmp_path: Path, *names: str) -> apsw.Connection:
    """The database of recordings that were imported."""
    for name in names:
        Recording(name, tmp_path).write()
    assert feed_stores(tmp_path / "data", "kimi", tmp_path).problems == []
    return project(tmp_path / "data")


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_what_the_model_served(name: str, tmp_path: Path) -> None:
    with closing(stored(tmp_path, name)) as db:
        responses = "FROM messages WHERE role = 'assistant' AND"
        found = (
            one(db, f"SELECT count(*) {responses} NOT synthetic"),
            list(one(db, f"SELECT {_TOKENS} {responses} NOT synthetic")),
            one(db, f"SELECT count(*) {responses} synthetic"),
            list(one(db, f"SELECT {_TOKENS} {responses} synthetic")),
            one(db, "SELECT count(*) FROM messages WHERE role = 'user' AND NOT synthetic"),
            one(db, "SELECT count(*) FROM sessions"),
            *one(db, "SELECT count(*), total(success = 0), total(status = 'running') FROM tools"),
            *one(db, "SELECT total(NOT will_retry), total(will_retry) FROM session_errors"),
        )
        assert found == EXPECTED[name]
        assert one(db, f"SELECT count(*) {responses} model IS NOT 'mock-1'") == 0, "`mock` is the user's name for it"


def test_a_call_has_its_exit_code_its_time_and_its_response(tmp_path: Path) -> None:
    with closing(stored(tmp_path, "fail", "sub", "err401")) as db:
        call = "SELECT success, exit_code, duration_ms FROM tools WHERE id = 'call_0010fail'"
        assert one(db, call) == (0, 3, 37)
        child = "SELECT parent_id, agent FROM sessions WHERE id = (SELECT session_id FROM tools WHERE id = '%s')"
        parent = "session_5fcc805f-aae9-4d48-a5fd-54aed94bdbe3"
        assert one(db, child % "call_0020child") == (parent, "coder"), "its hooks name the parent alone"
        assert one(db, "SELECT error_type, status_code FROM session_errors") == ("provider.auth_error", 401)


@pytest.mark.parametrize("first", [0, 1])
def test_what_a_fork_copied_stays_its_origins(first: int, tmp_path: Path) -> None:
    Recording("fork", tmp_path).write()
    states = sorted(tmp_path.rglob("state.json"))
    os.utime(states[first])  # the last changed is read first
    with closing(stored(tmp_path)) as db:
        found = db.execute("SELECT forked_from, prompt_tokens, tool_call_count FROM sessions ORDER BY id").fetchall()
    origin = "session_bbfe0718-719b-4113-9a0e-069e7a4dcc7f"
    agent = f"{origin}:agent-0"
    assert found == [(origin, 2011, 1), (agent, 0, 0), (None, 2005, 1), (None, 2005, 1)]


def test_an_undo_takes_back_the_last_prompt_and_its_answer(tmp_path: Path) -> None:
    with closing(stored(tmp_path, "undo")) as db:
        gone = "SELECT text_content FROM messages WHERE deleted_at = 1795839671450 ORDER BY created_at"
        assert db.execute(gone).fetchall() == [("second [[S:second]]",), ("Second answer.",)]


def test_a_fork_takes_back_nothing_of_its_origin() -> None:
    def line(place: int, kind: str, **more: Any) -> ResponseLine:
        return ResponseLine(str(place), "s", "kimi", place, kind, place, **more)

    lines = [line(1, "prompt", message="p"), line(2, "begin", message="r"), line(3, "usage"), line(4, "copied")]
    assert [seen.deleted_at for seen in messages_of([*lines, line(5, "undo", count=1)])] == [None]
    assert [seen.deleted_at for seen in messages_of([*lines[:3], line(5, "undo", count=1)])] == [None, 5, 5]


def test_a_cut_off_stream_has_no_counts(tmp_path: Path) -> None:
    """The client writes 0 for each, which would be a price of 0."""
    Recording("plain", tmp_path).write()
    (wire,) = tmp_path.rglob("wire.jsonl")
    text = wire.read_text("utf-8")
    wire.write_text(text.replace('"inputOther":1001,"output":51,"inputCacheRead":201', _NOTHING), "utf-8")
    with closing(stored(tmp_path)) as db:
        row = one(db, "SELECT prompt_tokens, completion_tokens, cost FROM messages WHERE role = 'assistant'")
        assert row == (None, None, None)


_NOTHING = '"inputOther":0,"output":0,"inputCacheRead":0'


def test_calls_that_are_only_numbered_are_their_lines(tmp_path: Path) -> None:
    """A model may number its calls, `Bash:0`: each agent and each session has that one."""
    for name in ("sub", "resume", "fork"):
        Recording(name, tmp_path).write()
    for wire in tmp_path.rglob("wire.jsonl"):
        text = wire.read_text("utf-8")
        for call in ("call_0010sub", "call_0020child", "call_0030onetool", "call_0050onetool"):
            text = text.replace(call, "Bash:0")
        wire.write_text(text, "utf-8")
    with closing(stored(tmp_path)) as db:
        assert one(db, "SELECT count(*), count(DISTINCT id), total(success), min(call_id) FROM tools") == (
            *(6, 6, 6.0),
            "Bash:0",
        )


def test_a_long_output_is_read_from_its_file(tmp_path: Path) -> None:
    Recording("sub", tmp_path).write()
    (wire,) = tmp_path.rglob("agent-0/wire.jsonl")
    folder = wire.parent / "tool-results"
    folder.mkdir()
    (folder / "Bash-call_0020child-1.txt").write_text("from-child\n" * 9000, "utf-8")
    cut = f"[preview]\\noutput_path: {folder}/Bash-call_0020child-1.txt\\nnext_step: Use Read"
    wire.write_text(wire.read_text("utf-8").replace('"output":"from-child\\n"', f'"output":"{cut}"'), "utf-8")
    with closing(stored(tmp_path)) as db:
        assert one(db, "SELECT length(tool_output) FROM tools WHERE id = 'call_0020child'") == 99_000


def test_the_system_prompt_and_the_tools_are_elided(tmp_path: Path) -> None:
    with closing(stored(tmp_path, "plain")):
        logged = [json.loads(line) for file in (tmp_path / "data").glob("clankers-*.jsonl") for line in file.open("rb")]
    payloads = {line["type"]: line["payload"] for line in logged}
    assert payloads["wire.profile.bind"]["systemPrompt"]["elided"] == len('"(elided)"')
    assert payloads["wire.llm.tools_snapshot"]["tools"]["elided"] > 0


def test_what_the_adapter_does_not_read_is_counted(tmp_path: Path) -> None:
    Recording("plain", tmp_path).write()
    (wire,) = tmp_path.rglob("wire.jsonl")
    text = wire.read_text("utf-8").replace('"inputCacheRead":201', '"inputCacheRead":201,"inputSearch":7')
    text = text.replace('"type":"think"', '"type":"dream"').replace('"type":"step.begin"', '"type":"step.pause"')
    wire.write_text(text.replace('"type":"plugin.session_start"', '"type":"plugin.new"'), "utf-8")
    with closing(stored(tmp_path)) as db:
        unknown = {type for (type,) in db.execute("SELECT type FROM event_types WHERE NOT known")}
    assert unknown == {
        "wire.plugin.new",
        "wire.usage.record: usage.inputSearch",
        *(
            f"wire.context.append_loop_event: {what}"
            for what in ("event step.pause", "part dream", "usage.inputSearch")
        ),
    }


def test_a_hook_finds_the_files_of_its_session_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME, "")
    recording = Recording("plain", tmp_path)
    feed_live(tmp_path / "data", [(("kimi", "Stop", payload) for payload in recording.steps())])
    session = recording.hooks[0]["payload"]["session_id"]
    assert folder_of(session)
    shutil.rmtree(tmp_path / ".kimi-code")
    assert folder_of(session) is None, "before the client has written anything"
    for name in ("..", "a/b", ""):
        (tmp_path / ".kimi-code" / "sessions" / "w").mkdir(parents=True, exist_ok=True)
        with pytest.raises(SourceError, match="is not the directory of session"):
            folder_of(name)
        append(tmp_path / "other", [("kimi", "Stop", json.dumps({"session_id": None}).encode())], follow=True)


CONFIG = '# mine\ndefault_model = "k2"\n[[hooks]]\nevent = "Stop"\ncommand = "say done"\n# about the model\n[models.k2]'


def test_hooks_are_added_to_the_settings_and_removed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME, str(tmp_path))
    installer = KimiInstaller(HARNESS)
    settings = installer.file(None)
    settings.write_text(CONFIG, "utf-8")
    edit = installer.install(settings)
    assert edit.after
    settings.write_bytes(edit.after)
    assert installer.installed(settings)
    assert not installer.obstacles(settings, (2, 1, 0))
    assert [hook["event"] for hook in tomllib.loads(edit.after.decode())["hooks"]] == ["Stop", *EVENTS]
    after = "# the other model\n[models.k3]\n"
    settings.write_bytes(edit.after + after.encode())
    removed = installer.uninstall(settings).after
    assert removed == f"{CONFIG}\n\n{after}".encode(), "a comment behind our hooks is not ours"
    with pytest.raises(InstallError, match="no hooks for one project"):
        installer.file(tmp_path)
