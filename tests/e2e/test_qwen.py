"""The real Qwen Code: its chat files, as its hooks announce them, make the rows of what the model served."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.machine import Machine
from tests.e2e.test_any_client import differences

pytestmark = pytest.mark.e2e

_COUNTS = ("prompt_tokens", "cache_read_tokens", "completion_tokens", "reasoning_tokens")
_SERVED = (400, 800, 45, 10)  # the counts of every response, the input without the cache


def test_rows_are_what_the_model_served_live_and_by_backfill(
    new_machine: Callable[[str], Machine], tmp_path: Path
) -> None:
    machine = new_machine("qwen-0.24.4")
    machine.install()
    assert machine.run("go [[tools]]").out == "All done.\n"
    assert machine.run("more [[again]]", "--continue").out == "Second turn.\n"
    assert machine.run("no [[refused]]").code == 1
    machine.wait_for_rest()
    live = machine.rows()

    responses = [message for message in live["messages"] if message["role"] == "assistant"]
    assert sorted((row["text_content"] or "", *(row[name] for name in _COUNTS)) for row in responses) == sorted(
        (step.text, *_SERVED) for step in machine.model.served
    )
    assert sorted(tool["tool_name"] for tool in live["tools"]) == sorted(machine.model.asked)
    failed = {tool["tool_name"]: tool["exit_code"] for tool in live["tools"] if not tool["success"]}
    assert failed == {"read_file": None, "run_shell_command": 3, "nosuchtool": None}
    assert [edit["file_path"] for edit in live["file_edits"]] == [f"{machine.work}/new.txt"]

    sessions = {session["title"]: session for session in live["sessions"]}
    parent, child, refused = (sessions[title] for title in ("go [[tools]]", "Do it [[sub]]", "no [[refused]]"))
    # Requests beside the conversation are rows of their own, not responses of the session.
    assert sum(row["session_id"] == parent["id"] and not row["synthetic"] for row in responses) == 5
    assert (parent["tool_call_count"], parent["error_count"]) == (6, 0)
    assert (child["parent_id"], child["tool_call_count"], child["prompt_tokens"]) == (parent["id"], 1, 2 * 400)
    errors = [(error["session_id"], error["status_code"], error["error_message"]) for error in live["session_errors"]]
    assert errors == [(refused["id"], 401, "401 invalid x-api-key")]

    machine.clankers("backfill", "--all", CLANKERS_DATA_PATH=str(tmp_path / "past"))
    assert differences(live, machine.rows(tmp_path / "past")) == {"sessions.status", "sessions.ended_at"}

    shutil.rmtree(machine.home / ".qwen")
    machine.clankers("project", "--rebuild")
    assert machine.plain_rows() == live
