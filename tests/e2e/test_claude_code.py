"""The real Claude Code: what it did is what we recorded, by its own count."""

import json
import os
import sys
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

import pytest

from tests.e2e.conftest import Day
from tests.e2e.machine import Machine, Rows
from tests.patience import wait_for

pytestmark = pytest.mark.e2e

Totals = dict[str, tuple[int, int, int, int, float]]


@pytest.fixture(params=["claude-code"])
def day(request: pytest.FixtureRequest, a_day_of: Callable[[str], Day]) -> Day:
    return a_day_of(request.param)


def own_totals(machine: Machine) -> Totals:
    """The client's count for each session, its subagents included: input, output, cache read, cache write, cost."""
    found = {}
    for path in machine.home.glob(".claude/projects/*/*.jsonl"):
        for line in map(json.loads, path.read_text("utf-8").splitlines()):
            if line["type"] == "cost-state":  # cumulative: the last one counts
                used = line["modelUsage"].values()
                keys = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
                a, b, c, d = (sum(u[k] for u in used) for k in keys)
                found[path.stem] = (a, b, c, d, line["totalCostUSD"])
    return found


def totals(found: Rows) -> Totals:
    """Our count of the same."""
    sums: Totals = {}
    for s in found["sessions"]:
        of = s["parent_id"] or s["id"]
        a, b, c, d, cost = sums.get(of, (0, 0, 0, 0, 0.0))
        sums[of] = (
            a + s["prompt_tokens"],
            b + s["completion_tokens"],
            c + s["cache_read_tokens"],
            d + s["cache_write_tokens"],
            cost + (0.0 if s["parent_id"] else s["cost"]),  # a session's cost is with its subagents'
        )
    return sums


def test_totals_and_costs_are_the_client_s_own(day: Day) -> None:
    assert [done.out.strip() for done in day.said[:3]] == ["All done.", "Second turn.", "Delegated."]
    assert day.said[3].code == 1
    assert totals(day.rows) == own_totals(day.machine)
    assert len([s for s in day.rows["sessions"] if s["cost"]]) == 2


def test_every_tool_call_is_a_row_and_failures_are_failures(day: Day) -> None:
    assert sorted(t["tool_name"] for t in day.rows["tools"]) == sorted(day.asked)
    failed = sorted((t["tool_name"], t["exit_code"]) for t in day.rows["tools"] if t["success"] == 0)
    assert failed == [("Bash", 3), ("NoSuchTool", None), ("Read", None)]
    assert len([t for t in day.rows["tools"] if t["success"]]) == 4


def test_a_subagent_is_a_session_of_its_own(day: Day) -> None:
    (child,) = [s for s in day.rows["sessions"] if s["parent_id"]]
    assert (child["title"], child["agent"], child["tool_call_count"]) == ("Look around", "general-purpose", 1)
    (parent,) = [s for s in day.rows["sessions"] if s["id"] == child["parent_id"]]
    assert (parent["title"], parent["tool_call_count"]) == ("please [[delegate]]", 1)


def test_a_resumed_session_is_one_session(day: Day) -> None:
    assert len(day.rows["sessions"]) == 4
    (resumed,) = [s for s in day.rows["sessions"] if s["title"] == "go [[tools]]"]
    said = [m["text_content"] for m in day.rows["messages"] if m["session_id"] == resumed["id"] and m["role"] == "user"]
    assert sorted(said) == ["go [[tools]]", "more [[again]]"]
    assert {s["status"] for s in day.rows["sessions"]} == {"ended"}
    assert {(s["project_path"], s["git_branch"]) for s in day.rows["sessions"]} == {(str(day.machine.work), "trunk")}


def test_a_refused_request_is_an_error(day: Day) -> None:
    assert [e["status_code"] for e in day.rows["session_errors"] if not e["will_retry"]] == [401]


def test_no_message_is_left_with_an_id_of_our_making(day: Day) -> None:
    assert not [m for m in day.rows["messages"] if m["id"].startswith("hook:")]


def test_a_killed_client_leaves_the_tool_that_ran(new_machine: Callable[[str], Machine]) -> None:
    machine = new_machine("claude-code")
    machine.install()
    process = machine.start("go [[slow]]")
    started = machine.work / "started"
    wait_for(started.exists, "the tool starts")
    process.kill()
    process.communicate()
    started.unlink()  # the end of the tool, which outlives the client
    found = machine.rows()
    (tool,) = found["tools"]
    assert (tool["tool_name"], tool["status"], tool["success"]) == ("Bash", "running", None)
    assert [m["text_content"] for m in found["messages"] if m["role"] == "user"] == ["go [[slow]]"]


def test_hooks_in_the_settings_and_the_plugin_beside_them_record_nothing_twice(
    day: Day, new_machine: Callable[[str], Machine]
) -> None:
    here = new_machine("claude-code")
    here.install()
    bin_path = f"{Path(sys.executable).parent}{os.pathsep}{here.environment['PATH']}"
    here.run("go [[tools]]", "--plugin-dir", str(files("clankers") / "assets" / "claude-code"), PATH=bin_path)
    log = "".join(path.read_text("utf-8") for path in here.root.glob("clankers-*.jsonl"))
    assert log.count('"type":"UserPromptSubmit"') == log.count('"type":"Stop"') == 2, "both have run"
    found = here.rows()
    assert totals(found) == own_totals(here)
    assert len(found["tools"]) == len(here.model.asked)
    assert len(found["sessions"]) == 1
    once = [m["text_content"] for m in day.rows["messages"] if m["session_id"] == session_of(day.rows, "go [[tools]]")]
    assert sorted(str(m["text_content"]) for m in found["messages"]) == sorted(
        str(text) for text in once if text not in ("more [[again]]", "Second turn.")
    )


def session_of(found: Rows, title: str) -> str:
    (id,) = [str(s["id"]) for s in found["sessions"] if s["title"] == title]
    return id
