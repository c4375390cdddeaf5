"""The real pi: every line of its session files is in the log, by the extension that `install` put there."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.machine import Machine
from tests.patience import wait_for

pytestmark = pytest.mark.e2e


@pytest.fixture
def machine(new_machine: Callable[[str], Machine]) -> Machine:
    made = new_machine("pi-1.6.0")
    made.install()
    return made


def session_file(machine: Machine) -> Path:
    (path,) = machine.home.glob(".pi/agent/sessions/*/*.jsonl")
    return path


def recorded(machine: Machine) -> str:
    """The lines of session files in the log, in their order."""
    lines = [line for path in sorted(machine.root.glob("clankers-*.jsonl")) for line in path.open(encoding="utf-8")]
    found = {}
    for line in lines:
        place = json.loads(line)["id"].partition("@")[2]
        if place:
            found[int(place.partition("#")[0])] = line.partition(',"payload":')[2].rpartition(',"crc"')[0] + "\n"
    return "".join(found[at] for at in sorted(found))


def test_what_the_client_wrote_down_makes_the_rows_also_when_it_deleted_it(machine: Machine) -> None:
    assert machine.run("go [[tools]]").out == "All done.\n"
    assert machine.run("more [[again]]", "--continue").out == "Second turn.\n"
    machine.wait_for_rest()
    assert recorded(machine) == session_file(machine).read_text("utf-8")
    session_file(machine).unlink()
    machine.clankers("project", "--rebuild")
    rows = machine.rows()
    (session,) = rows["sessions"]
    assert (session["status"], session["message_count"], session["tool_call_count"]) == ("ended", 7, 5)
    assert session["prompt_tokens"] == 5 * 400
    assert {tool["tool_name"] for tool in rows["tools"] if not tool["success"]} == {"read", "bash", "nosuchtool"}


def test_what_a_killed_client_wrote_down_last_is_swept(machine: Machine) -> None:
    process = machine.start("go [[slow]]")
    wait_for((machine.work / "started").exists, "the tool runs")
    process.kill()
    process.communicate()
    (machine.work / "started").unlink()
    machine.clankers("project")
    assert recorded(machine) == session_file(machine).read_text("utf-8")
    assert [tool["success"] for tool in machine.rows()["tools"]] == [None]
