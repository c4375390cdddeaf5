"""The real GitHub Copilot CLI: every line of its event logs is in the log, by the hooks that `install` put there."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.machine import Machine
from tests.patience import wait_for

pytestmark = pytest.mark.e2e

_LOGS = ".copilot/session-state/*/events.jsonl"


@pytest.fixture
def machine(new_machine: Callable[[str], Machine]) -> Machine:
    made = new_machine("copilot-1.0.102")
    made.install()
    return made


def event_log(machine: Machine) -> Path:
    (path,) = machine.home.glob(_LOGS)
    return path


def recorded(machine: Machine) -> list[str]:
    """The ids of the events in the log, in their order."""
    found = {}
    for path in machine.root.glob("clankers-*.jsonl"):
        for line in map(json.loads, path.open(encoding="utf-8")):
            if line["type"].startswith("event."):
                place = line["id"].partition("@")[2].partition("#")[0]
                found[int(place)] = line["payload"]["id"]
    return [found[at] for at in sorted(found)]


def written(machine: Machine) -> list[str]:
    return [json.loads(line)["id"] for line in event_log(machine).read_text("utf-8").split("\n") if line]


def test_what_the_client_wrote_last_is_in_the_log_though_no_hook_follows(machine: Machine) -> None:
    assert machine.run("go [[tools]]").out.startswith("First.")
    assert machine.run("more [[again]]", "--continue").out.startswith("Second turn.")
    machine.wait_for_rest()
    assert recorded(machine) == written(machine)
    event_log(machine).unlink()
    machine.clankers("project", "--rebuild")
    rows = machine.rows()
    parent, child = sorted(rows["sessions"], key=lambda session: session["parent_id"] or "")
    assert (parent["status"], parent["prompt_tokens"], parent["tool_call_count"]) == ("ended", 5 * 400, 6)
    assert (child["parent_id"], child["prompt_tokens"], child["project_path"]) == (
        parent["id"],
        2 * 400,
        f"{machine.work}",
    )
    assert sorted(tool["tool_name"] for tool in rows["tools"] if not tool["success"]) == ["bash", "nosuchtool", "view"]
    assert [edit["file_path"] for edit in rows["file_edits"]] == [f"{machine.work}/new.txt"]


def test_what_a_killed_client_wrote_last_is_swept(machine: Machine) -> None:
    process = machine.start("go [[slow]]")
    wait_for((machine.work / "started").exists, "the tool runs")
    wait_for(
        lambda: any("tool.execution_start" in log.read_text("utf-8") for log in machine.home.glob(_LOGS)),
        "the client wrote down the call",
    )
    process.kill()
    process.communicate()
    (machine.work / "started").unlink()
    machine.clankers("project")
    assert recorded(machine) == written(machine)
    assert [tool["success"] for tool in machine.rows()["tools"]] == [None]
