"""Mistral Vibe: its recordings against what the model served, what its journals hold, and its old sessions."""

import json
import shutil
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest

from clankers.harnesses.vibe.harness import HARNESS
from clankers.harnesses.vibe.history import sources
from clankers.harnesses.vibe.install import EVENTS, VibeInstaller
from clankers.ingest.source import SourceError
from clankers.log import envelope
from clankers.log.writer import Log
from tests.contract.captures import feed_live, feed_stores, vibe
from tests.feeding import CAPTURES, VIBE, Record, append, project

# By recording: responses, [prompt, completion, cache read] tokens of all rows, those that only the session's sum has;
# prompts, sessions, calls, failed and open ones, errors.
EXPECTED: dict[str, tuple[Any, ...]] = {
    "err401": (0, [0, 0, 0], 0, 1, 1, 0, 0, 0, 1),
    "fail": (5, [5015, 265, 1015], 0, 1, 1, 5, 3, 0, 0),
    "kill": (3, [3006, 156, 606], 2003, 2, 1, 1, 1, 0, 0),
    "killstream": (0, [0, 0, 0], 0, 1, 1, 0, 0, 0, 0),
    "old-2.18.4_fail": (5, [6030, 265, 0], 6030, 1, 1, 5, 3, 0, 0),
    "old-2.18.4_resume": (4, [4820, 210, 0], 4820, 3, 3, 1, 0, 0, 0),
    "old-2.18.4_sub": (4, [4820, 210, 0], 4820, 1, 2, 2, 1, 0, 0),
    "plain": (1, [1001, 51, 201], 0, 1, 1, 0, 0, 0, 0),
    "resume": (4, [4010, 210, 810], 2003, 3, 1, 1, 0, 0, 0),
}
_TOKENS = "total(prompt_tokens), total(completion_tokens), total(cache_read_tokens)"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def one(db: apsw.Connection, query: str) -> Any:
    return db.execute(query).get


def imported(name: str, home: Path, root: Path) -> apsw.Connection:
    vibe(name).store(home)
    assert feed_stores(root, "vibe", home).problems == []
    return project(root)


@pytest.mark.parametrize("name", VIBE)
def test_rows_are_what_the_model_served(name: str, home: Path, tmp_path: Path) -> None:
    with closing(imported(name, home, tmp_path / "data")) as db:
        responses = "FROM messages WHERE role = 'assistant' AND"
        found = (
            one(db, f"SELECT count(*) {responses} NOT synthetic"),
            list(one(db, f"SELECT {_TOKENS} {responses} 1")),
            one(db, f"SELECT total(prompt_tokens) {responses} session_total"),
            one(db, "SELECT count(*) FROM messages WHERE role = 'user' AND NOT synthetic"),
            one(db, "SELECT count(*) FROM sessions"),
            *one(db, "SELECT count(*), total(success = 0), total(success IS NULL) FROM tools"),
            one(db, "SELECT count(*) FROM session_errors"),
        )
        assert found == EXPECTED[name]
        assert list(one(db, f"SELECT {_TOKENS} FROM sessions")) == EXPECTED[name][1]
        assert one(db, "SELECT count(*) FROM messages WHERE created_at IS NULL") == 0
        assert db.execute("SELECT type FROM event_types WHERE NOT known").fetchall() == []


def test_a_journal_that_is_read_live_has_what_the_store_only_sums_up(home: Path, tmp_path: Path) -> None:
    """The client deletes the journal of a killed run when the next one has ended."""
    root = tmp_path / "data"
    feed_live(root, [_while_journals_grow("kill", home)])
    with closing(project(root)) as live, closing(imported("kill", home, tmp_path / "past")) as past:
        each = "SELECT id, text_content, prompt_tokens FROM messages WHERE NOT session_total ORDER BY created_at, id"
        heard, read = live.execute(each).fetchall(), past.execute(each).fetchall()
        assert [row[:2] for row in heard] == [row[:2] for row in read]
        assert [tokens for *_, tokens in heard if tokens] == [1001, 1002, 1003]
        assert one(live, "SELECT count(*) FROM messages WHERE session_total") == 0
        calls = "SELECT id, message_id, tool_name, tool_input, status, success, error_message FROM tools"
        assert live.execute(calls).fetchall() == past.execute(calls).fetchall()
        assert one(past, "SELECT status FROM tools") == "interrupted"


@pytest.mark.parametrize("last_first", [False, True])
def test_a_response_without_a_model_has_the_only_one_of_its_session(
    last_first: bool, home: Path, tmp_path: Path
) -> None:
    """It is marked, and priced by the model's name, for the client names no provider."""
    imported("plain", home, tmp_path / "first").close()
    (log,) = (tmp_path / "first").glob("clankers-*.jsonl")
    lines = log.read_text("utf-8").splitlines()
    records = sorted(map(json.loads, lines), key=lambda one: one["type"] == "meta", reverse=last_first)
    root = tmp_path / "data"

    def write(record: dict[str, Any], id: str, model: str) -> None:
        payload = json.dumps(record["payload"]).replace("mock-1", model).encode()
        with Log(str(root), synced=False) as log:
            log.write("2026-11-28", [envelope.line("vibe", record["type"], payload, id=id)])

    found = "SELECT model, model_inferred, cost_source FROM messages WHERE role = 'assistant'"
    for record in records:
        write(record, record["id"], "gpt-5.5")
        project(root).close()
    with closing(project(root)) as db:
        assert db.execute(found).fetchall() == [("gpt-5.5", 1, "prices")]
    write(next(record for record in records if record["type"] == "meta"), "another", "gpt-4o")
    with closing(project(root)) as db:
        assert db.execute(found).fetchall() == [(None, 0, "unknown")]


def _while_journals_grow(name: str, home: Path) -> Iterator[Record]:
    """The hooks of a capture, with the journals as they were at each; at last the files at the end."""
    vibe(name).store(home)
    ((journals,),) = [[*home.glob(".vibe/logs/session/unified/*/journal")]]
    shutil.move(journals.parent, home / "end")
    for line in (CAPTURES / "vibe" / name / "hooks.jsonl").open(encoding="utf-8"):
        hook = json.loads(line.replace("/home/dev", str(home)))
        shutil.rmtree(journals, ignore_errors=True)
        journals.mkdir(parents=True)
        for file in (CAPTURES / "vibe" / name / "gone").glob(f"{hook['n']}-*"):
            shutil.copy(file, journals / file.name.partition("-")[2])
        yield "vibe", hook["payload"]["hook_event_name"], json.dumps(hook["payload"]).encode()
    shutil.rmtree(journals.parent)
    shutil.move(home / "end", journals.parent)


def test_what_each_request_repeats_is_elided(home: Path, tmp_path: Path) -> None:
    with closing(imported("plain", home, tmp_path / "data")):
        (log,) = (tmp_path / "data").glob("clankers-*.jsonl")
        lines = [json.loads(line)["payload"] for line in log.open(encoding="utf-8")]
        requests = [line["payload"]["request"] for line in lines if line.get("type") == "action_intent"]
        assert [sorted(one["model_input"]) for one in requests if "model_input" in one] == [["elided", "sha256"]]
        assert "Hello from the mock" in log.read_text("utf-8")


def test_a_command_that_fails_and_a_file_that_a_call_edits(home: Path, tmp_path: Path) -> None:
    for name in ("fail", "old-2.18.4_fail"):
        with closing(imported(name, home / name, tmp_path / name)) as db:
            call = "SELECT success, exit_code, tool_name, message_id IS NOT NULL FROM tools WHERE id = 'call_0010fail'"
            assert one(db, call) == (0, 3, "bash", 1)
            assert one(db, "SELECT count(*) FROM tools WHERE error_message LIKE '%nosuchtool%'") == 1


def test_a_subagent_of_an_old_session_has_its_parent_by_its_directory(home: Path, tmp_path: Path) -> None:
    with closing(imported("old-2.18.4_sub", home, tmp_path / "data")) as db:
        parent = one(db, "SELECT id FROM sessions WHERE parent_id IS NULL")
        assert one(db, "SELECT parent_id, agent, model FROM sessions WHERE parent_id NOT NULL") == (
            parent,
            "explore",
            "mock-1",
        )


def test_a_resumed_old_session_copies_messages_that_stay_their_owners(home: Path, tmp_path: Path) -> None:
    with closing(imported("old-2.18.4_resume", home, tmp_path / "data")) as db:
        own = "SELECT (SELECT count(*) FROM messages WHERE session_id = s.id AND NOT synthetic) FROM sessions AS s"
        assert db.execute(f"{own} ORDER BY created_at").fetchall() == [(2,), (2,), (3,)]
        assert one(db, "SELECT min(cost_source), max(cost_source) FROM sessions") == ("client", "client")
        texts = "SELECT text_content FROM messages WHERE NOT synthetic AND text_content <> '' ORDER BY created_at"
        assert [text.partition(" ")[0] for (text,) in db.execute(texts)] == [
            *("first", "Hello", "second", "Second", "third", "One")
        ]


@pytest.mark.parametrize("path", ["/x/s", "unified/s", "/x/unified/t", "/x/unified/../unified/s", None])
def test_a_directory_that_is_not_the_sessions_is_not_read(path: str | None, tmp_path: Path) -> None:
    event = {"hook_event_name": "post_agent", "session_id": "s", "transcript_path": path or 7}
    with pytest.raises(SourceError, match="is not"):
        append(tmp_path / "data", [("vibe", "post_agent", json.dumps(event).encode())], follow=True)


def test_a_store_of_another_form_is_a_problem_and_costs_no_journal(home: Path, tmp_path: Path) -> None:
    vibe("plain").store(home)
    (current,) = home.rglob("CURRENT")
    current.write_text('{"generation":"../../x"}', "utf-8")
    (problem,) = feed_stores(tmp_path / "data", "vibe", home).problems
    assert "no name of a generation" in str(problem)
    with closing(project(tmp_path / "data")) as db:
        assert one(db, "SELECT prompt_tokens FROM sessions") == 1001


def test_where_sessions_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIBE_HOME", str(tmp_path / "v"))
    meta = tmp_path / "v" / "logs" / "session" / "unified" / "a" / "meta.json"
    named = tmp_path / "elsewhere" / "unified" / "b" / "meta.json"
    for file in (meta, named):
        file.parent.mkdir(parents=True)
        file.write_text("{}", "utf-8")
    assert [source.session for source in sources()] == ["a"]
    (tmp_path / "v" / "config.toml").write_text(f'[session_logging]\nsave_dir = "{tmp_path}/elsewhere"\n', "utf-8")
    assert [source.session for source in sources()] == ["b"]


@pytest.mark.parametrize(
    "before",
    [
        "",
        '# mine\n[[hooks]]\nname = "a"\ntype = "pre_tool"\ncommand = "true"\n',
        '[[hooks]]\nname = "a"\ncommand = """\n[[hooks]]\n"""',
        "x = 1\r\n",
    ],
)
def test_hooks_are_added_to_the_file_and_removed_again(before: str, tmp_path: Path) -> None:
    path = tmp_path / "hooks.toml"
    path.write_bytes(before.encode())
    installer = VibeInstaller(HARNESS)
    edit = installer.install(path)
    assert edit.after is not None
    path.write_bytes(edit.after)
    edit.backup.write_bytes(before.encode())
    assert installer.installed(path)
    assert installer.obstacles(path, None) == []
    assert installer.install(path).after == edit.after
    assert installer.uninstall(path).after == before.encode()
    path.write_bytes(edit.after + b'[[hooks]]\nname = "later"\ncommand = "true"\n')
    left = installer.uninstall(path).after or b""
    assert b"clankers" not in left
    assert b"later" in left
    assert edit.after.count(b'[[hooks]]\nname = "clankers-') == len(EVENTS)
