"""The real Cline: what its hooks announce makes the rows of its own files, and the log alone suffices."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.machine import Machine
from tests.e2e.test_any_client import differences
from tests.patience import wait_for

pytestmark = pytest.mark.e2e


@pytest.fixture
def machine(new_machine: Callable[[str], Machine]) -> Machine:
    made = new_machine("cline-3.0.65")
    made.install()
    return made


def test_what_the_client_wrote_down_makes_the_rows_live_and_by_backfill(machine: Machine, tmp_path: Path) -> None:
    assert machine.run("go [[tools]]").out.endswith("All done.\n")
    assert machine.run("no [[refused]]").code == 1
    machine.wait_for_rest()
    live = machine.rows()
    sessions = {session["title"]: session for session in live["sessions"]}
    parent, child, refused = (sessions[title] for title in ("go [[tools]]", "Do it [[sub]]", "no [[refused]]"))
    assert (parent["status"], parent["message_count"], parent["prompt_tokens"]) == ("ended", 6, 5 * 400)
    assert (child["parent_id"], child["prompt_tokens"]) == (parent["id"], 2 * 400)
    assert refused["status"] == "error"
    assert [error["error_message"] for error in live["session_errors"]] == ["invalid x-api-key"]
    failed = {tool["tool_name"]: tool["exit_code"] for tool in live["tools"] if not tool["success"]}
    assert failed == {"read_files": None, "run_commands": 3, "nosuchtool": None}

    machine.clankers("backfill", "--all", CLANKERS_DATA_PATH=str(tmp_path))
    assert differences(live, machine.rows(tmp_path)) == {"tools.duration_ms"}

    shutil.rmtree(machine.home / ".cline")
    machine.clankers("project", "--rebuild")
    assert machine.plain_rows() == live


def test_what_a_killed_client_wrote_down_last_is_swept(machine: Machine) -> None:
    process = machine.start("go [[slow]]")
    wait_for((machine.work / "started").exists, "the tool runs")
    process.kill()
    process.communicate()
    (machine.work / "started").unlink()
    rows = machine.rows()
    assert [message["text_content"] for message in rows["messages"] if message["role"] == "user"] == ["go [[slow]]"]
    assert [tool["success"] for tool in rows["tools"]] == [None]
