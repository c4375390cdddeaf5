"""The real Codex: what it did is what we recorded, by its own count, and every line of its rollouts is in the log."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import Day
from tests.e2e.machine import Codex, Machine
from tests.patience import wait_for
from tests.test_codex_recording import assert_once, content, owner, records, reviews

pytestmark = pytest.mark.e2e

CLIENT = "codex-0.171.0"


# The second one writes rollouts of another form, which have no errors and no usage of requests.
EACH = pytest.mark.parametrize("day", [CLIENT, pytest.param("codex-0.144.6", marks=pytest.mark.long)], indirect=True)
NEWEST = pytest.mark.parametrize("day", [CLIENT], indirect=True)


@pytest.fixture
def day(request: pytest.FixtureRequest, a_day_of: Callable[[str], Day]) -> Day:
    return a_day_of(request.param)


@pytest.fixture
def machine(new_machine: Callable[[str], Machine]) -> Codex:
    made = new_machine(CLIENT)
    assert isinstance(made, Codex)
    return made


def rollouts(machine: Machine) -> list[Path]:
    return sorted(machine.home.glob(".codex/sessions/*/*/*/rollout-*.jsonl"))


def assert_recorded(machine: Machine) -> None:
    assert_once(machine.root)
    for path in rollouts(machine):
        assert content(machine.root, owner(path)) == path.read_bytes()


@EACH
def test_hooks_alone_record_all_that_the_client_wrote_down(day: Day) -> None:
    assert [done.out for done in day.said] == ["All done.\n", "Second turn.\n", "Delegated.\n", ""]
    assert len(rollouts(day.machine)) == 4, "the subagent has its own"
    assert_recorded(day.machine)


def own_usage(machine: Machine) -> dict[str, tuple[int, ...]]:
    """The client's count for each thread: input, output, cache read, cache write, reasoning."""
    kinds = ("input", "output", "cached_input", "cache_write_input", "reasoning_output")
    found = {}
    for path in rollouts(machine):
        for line in map(json.loads, path.read_text("utf-8").splitlines()):
            if line["type"] == "token_usage_record":  # cumulative: the last one counts
                used = line["payload"]["thread_token_usage"]
                found[owner(path)] = tuple(used[f"{kind}_tokens"] for kind in kinds)
    return found


@NEWEST
def test_tokens_are_the_client_s_own(day: Day) -> None:
    ours = {}
    for s in day.rows["sessions"]:
        read, written = s["cache_read_tokens"], s["cache_write_tokens"]
        whole = s["prompt_tokens"] + read + written
        ours[s["id"]] = (whole, s["completion_tokens"], read, written, s["reasoning_tokens"])
    assert {id: used for id, used in ours.items() if any(used)} == own_usage(day.machine)
    assert len(ours) == 4


@EACH
def test_every_tool_call_is_a_row_and_failures_are_failures(day: Day) -> None:
    assert sorted(t["tool_name"] for t in day.rows["tools"]) == sorted(name.rpartition(".")[2] for name in day.asked)
    failed = sorted((t["tool_name"], t["exit_code"]) for t in day.rows["tools"] if not t["success"])
    assert failed == [("exec_command", 1), ("exec_command", 3), ("no_such_tool", None)]
    assert [e["file_path"] for e in day.rows["file_edits"]] == [str(day.machine.work / "new.txt")]


@EACH
def test_a_resumed_thread_is_one_session_and_a_subagent_one_of_its_own(day: Day) -> None:
    (child,) = [s for s in day.rows["sessions"] if s["parent_id"]]
    (parent,) = [s for s in day.rows["sessions"] if s["id"] == child["parent_id"]]
    assert (parent["title"], child["tool_call_count"]) == ("please [[delegate]]", 1)
    prompts = {m["text_content"]: m["session_id"] for m in day.rows["messages"] if m["role"] == "user"}
    assert prompts["go [[tools]]"] == prompts["more [[again]]"]


@NEWEST
def test_a_refused_request_is_one_error(day: Day) -> None:
    assert day.said[3].code == 1
    assert [(e["status_code"], e["will_retry"]) for e in day.rows["session_errors"]] == [(401, 0)]


def test_what_a_killed_client_wrote_down_last_is_swept(machine: Codex) -> None:
    machine.install()
    process = machine.start("go [[slow]]")
    wait_for((machine.work / "started").exists, "the tool runs")
    process.kill()
    process.communicate()
    (machine.work / "started").unlink()
    machine.clankers("project")
    assert_recorded(machine)


def test_a_thread_that_is_not_kept_is_recorded_by_its_hooks(machine: Codex) -> None:
    machine.install()
    assert machine.run("go [[tools]]", "--ephemeral").out == "All done.\n"
    assert [*rollouts(machine), *records(machine.root)] == []
    log = "".join(path.read_text("utf-8") for path in machine.root.glob("clankers-*.jsonl"))
    assert log.count('"type":"PostModelRequest"') == 4


def test_hooks_run_once_they_are_reviewed_and_doctor_knows(machine: Codex) -> None:
    machine.install()
    machine.bypass = ()
    assert machine.run("go [[again]]").out == "Second turn.\n"
    assert records(machine.root) == []
    with pytest.raises(AssertionError):
        machine.clankers("doctor")
    with (machine.home / ".codex" / "config.toml").open("a") as config:
        config.write(reviews(machine.home))
    assert machine.run("go [[again]]").out == "Second turn.\n"
    assert records(machine.root) != []
    assert "reviewed" not in machine.clankers("doctor").out
