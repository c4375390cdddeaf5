"""The real OpenCode, of both ways to store: what it did is what we recorded, by its own count."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw
import pytest

from tests.e2e.conftest import Day
from tests.e2e.machine import Machine, Rows
from tests.patience import wait_for

pytestmark = pytest.mark.e2e

CLIENTS = ["opencode-1.18.33", "opencode-1.1.65"]
OTHERS = ["opencode-1.2.27", "opencode-1.0.185"]  # .ci/run does not install them
GATHERED = 0.8  # seconds that the plugin keeps streamed text for
LATENCY = 2.0  # seconds that a client on a busy machine may take to tell its plugins of a piece of text

# Of a session, ours and the client's.
COLUMNS = (
    *("title", "project_path", "parent_id", "client_version", "prompt_tokens", "completion_tokens"),
    *("reasoning_tokens", "cache_read_tokens", "cache_write_tokens", "cost"),
)


@pytest.fixture(params=CLIENTS)
def day(request: pytest.FixtureRequest, a_day_of: Callable[[str], Day]) -> Day:
    return a_day_of(request.param)


def store(machine: Machine) -> apsw.Connection:
    return apsw.Connection(str(_data(machine) / "opencode.db"), flags=apsw.SQLITE_OPEN_READONLY)


def _data(machine: Machine) -> Path:
    return machine.home / ".local" / "share" / "opencode"


def _files(machine: Machine, kind: str) -> list[Any]:
    return [json.loads(path.read_bytes()) for path in _data(machine).glob(f"storage/{kind}/**/*.json")]


def own_sessions(machine: Machine) -> dict[str, tuple[Any, ...]]:
    """The sessions in the client's own store: what is in COLUMNS, by its own count."""
    if (_data(machine) / "opencode.db").exists():
        statement = """SELECT id, title, directory, parent_id, version, tokens_input, tokens_output, tokens_reasoning,
            tokens_cache_read, tokens_cache_write, cost FROM session"""
        return {row[0]: row[1:] for row in store(machine).execute(statement)}
    spent: dict[str, list[Any]] = {}
    for message in _files(machine, "message"):
        tokens = message.get("tokens", {"input": 0, "output": 0, "reasoning": 0, "cache": {"read": 0, "write": 0}})
        cache = tokens["cache"]
        new = (tokens["input"], tokens["output"], tokens["reasoning"], cache["read"], cache["write"])
        sums = spent.setdefault(message["sessionID"], [0] * 6)
        sums[:] = [a + b for a, b in zip(sums, (*new, message.get("cost", 0)), strict=True)]
    return {
        s["id"]: (s["title"], s["directory"], s.get("parentID"), s["version"], *spent[s["id"]])
        for s in _files(machine, "session")
    }


def test_the_sessions_are_the_client_s_own_by_its_own_count(day: Day) -> None:
    assert [done.out.split("\n")[-2:] for done in day.said[:3]] == [
        ["All done.", ""],
        ["Second turn.", ""],
        ["Delegated.", ""],
    ]
    ours = {s["id"]: tuple(s[name] for name in COLUMNS) for s in day.rows["sessions"]}
    own = own_sessions(day.machine)
    assert {id: s[:-1] for id, s in ours.items()} == {id: s[:-1] for id, s in own.items()}
    assert {id: s[-1] for id, s in ours.items()} == pytest.approx({id: s[-1] for id, s in own.items()})
    assert sorted(bool(s[-1]) for s in own.values()) == [False, True, True, True]


def test_sessions_name_their_project_and_model(day: Day) -> None:
    named = {(s["project_path"], s["project_name"], s["model"], s["provider"]) for s in day.rows["sessions"]}
    assert named == {(str(day.machine.work), "work", "mock-1", "mock")}
    assert [p["path"] for p in day.rows["projects"]] == [str(day.machine.work)]


def test_every_tool_call_is_a_row_and_failures_are_failures(day: Day) -> None:
    assert sorted(t["tool_name"] for t in day.rows["tools"]) == sorted(day.asked)
    failed = sorted((t["tool_name"], t["exit_code"]) for t in day.rows["tools"] if t["success"] == 0)
    assert failed == [("bash", 3), ("nosuchtool", None), ("read", None)]
    assert len([t for t in day.rows["tools"] if t["success"]]) == 5


def test_a_subagent_is_a_session_of_its_own(day: Day) -> None:
    (child,) = [s for s in day.rows["sessions"] if s["parent_id"]]
    assert (child["title"], child["agent"]) == ("Look around (@general subagent)", "general")
    (tool,) = [t for t in day.rows["tools"] if t["session_id"] == child["id"]]
    assert (tool["tool_name"], tool["tool_output"]) == ("bash", "sub\n")


def test_a_resumed_session_is_one_session(day: Day) -> None:
    prompts = sorted(
        (m["session_id"], m["text_content"]) for m in day.rows["messages"] if "[[" in (m["text_content"] or "")
    )
    of = {text.strip().strip('"'): session for session, text in prompts}  # 1.x keeps the quotes
    assert of["go [[tools]]"] == of["more [[again]]"]
    assert len(day.rows["sessions"]) == len(set(of.values())) == 4
    assert {m["session_id"] for m in day.rows["messages"]} == {s["id"] for s in day.rows["sessions"]}


def test_a_refused_request_is_one_error(day: Day) -> None:
    assert day.said[3].code == 1 or day.said[3].out == ""
    errors = [(e["error_type"], e["status_code"], e["will_retry"]) for e in day.rows["session_errors"]]
    assert errors == [("APIError", 401, 0)]


def test_what_the_model_thought_said_and_planned_is_there(day: Day) -> None:
    texts = [m["text_content"] for m in day.rows["messages"]]
    assert {"First.", "All done.", "Second turn.", "Delegated.", "Nothing there."} <= set(texts)
    assert [p["text"] for p in day.rows["parts"] if p["type"] == "reasoning"] == ["Well."]
    assert [(t["content"], t["status"], t["priority"]) for t in day.rows["todos"]] == [("first", "completed", "high")]
    assert [e["file_path"] for e in day.rows["file_edits"]] == [str(day.machine.work / "new.txt")]


@pytest.mark.parametrize("client", CLIENTS)
def test_a_kill_in_mid_stream_takes_less_than_a_second_of_text(
    client: str, new_machine: Callable[[str], Machine]
) -> None:
    machine = new_machine(client)
    machine.install()
    process = machine.start("go [[kill]]")
    wait_for(lambda: len(machine.model.sent) > 50, "the model speaks")
    process.kill()
    killed = time.monotonic()
    process.communicate()

    sent = [(at, text) for at, text in machine.model.sent if text.startswith("word")]
    safe = "".join(text for at, text in sent if at < killed - GATHERED - LATENCY)
    found = machine.rows()
    kept = _spoken(found)
    assert kept.startswith(safe)
    assert "".join(text for _, text in sent).startswith(kept)
    assert "word09 " in safe
    (tool,) = found["tools"]
    assert (tool["tool_name"], tool["tool_output"], tool["success"]) == ("bash", "before\n", 1)

    machine.clankers("backfill", "--all", "--force")
    if client == CLIENTS[0]:
        own = [json.loads(data) for (data,) in store(machine).execute("SELECT data FROM part")]
        assert [p["text"] for p in own if p["type"] == "text" and "[[kill]]" not in p["text"]] == [""]
        assert machine.rows() == found
    else:  # wrote the text so far to its tree with each piece: the last pieces are there
        assert _spoken(machine.rows()).startswith(kept)


def _spoken(found: Rows) -> str:
    (text,) = [m["text_content"] for m in found["messages"] if "word00" in (m["text_content"] or "")]
    return str(text)


@pytest.mark.parametrize("client", OTHERS)
def test_other_versions_load_the_plugin_and_work(client: str, new_machine: Callable[[str], Machine]) -> None:
    machine = new_machine(client)
    machine.install()
    assert "All done." in machine.run("go [[tools]]").out
    found = machine.rows()
    assert sorted(t["tool_name"] for t in found["tools"]) == sorted(machine.model.asked)
    (session,) = found["sessions"]
    assert (session["client_version"], session["prompt_tokens"]) == (machine.version, 4 * 400)
