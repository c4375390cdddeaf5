"""The real Gemini CLI: what its hooks record is complete, also where it deletes or loses what it wrote."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import Day
from tests.e2e.machine import Machine, Rows
from tests.e2e.test_any_client import differences
from tests.patience import wait_for

pytestmark = pytest.mark.e2e

CLIENTS = ["gemini-0.61.0", pytest.param("gemini-0.36.0", marks=pytest.mark.long)]
CLIENT = "gemini-0.61.0"
ONLY_LIVE = {"sessions.status", "sessions.ended_at", "tools.duration_ms"}


@pytest.fixture(params=[CLIENT])
def day(request: pytest.FixtureRequest, a_day_of: Callable[[str], Day]) -> Day:
    return a_day_of(request.param)


def calls(rows: Rows) -> list[tuple[str, str, int | None]]:
    return sorted((t["tool_name"], t["status"], t["exit_code"]) for t in rows["tools"])


def tokens(rows: Rows) -> tuple[int, ...]:
    names = ("prompt_tokens", "completion_tokens", "reasoning_tokens", "cache_read_tokens")
    return tuple(sum(s[name] for s in rows["sessions"]) for name in names)


def own_words(out: str) -> str:
    """What the client printed, but for what 0.36 says at the end of any hook of anybody."""
    return out.partition("Created execution plan")[0]


def test_a_day_is_recorded_by_hooks_and_survives_the_clients_files(day: Day, tmp_path: Path) -> None:
    """Each request of the day spent the same."""
    assert [done.out for done in day.said] == ["First.\nAll done.\n", "Second turn.\n", "Delegated.\n", ""]
    rows = day.rows
    assert calls(rows) == [
        ("complete_task", "completed", None),
        ("invoke_agent", "completed", None),
        ("no_such_tool", "error", None),
        ("read_file", "error", None),
        ("run_shell_command", "completed", None),
        ("run_shell_command", "completed", None),
        ("run_shell_command", "error", 3),
        ("write_file", "completed", None),
    ]
    requests = 4 + 1 + 2 + 2
    assert tokens(rows) == (400 * requests, 35 * requests, 10 * requests, 800 * requests)
    root = Path(shutil.copytree(day.machine.root, tmp_path / "root"))
    home = day.machine.home.rename(tmp_path / "home")
    try:
        day.machine.clankers("project", "--rebuild", CLANKERS_DATA_PATH=str(root))
        assert day.machine.plain_rows(root) == rows
    finally:
        home.rename(day.machine.home)


def test_the_past_alone_lacks_only_what_only_hooks_know(new_machine: Callable[[str], Machine], tmp_path: Path) -> None:
    machine = new_machine(CLIENT)
    machine.install()
    machine.run("go [[tools]]")
    machine.run("please [[delegate]]")
    machine.clankers("backfill", "gemini", "--all", CLANKERS_DATA_PATH=str(tmp_path))
    assert differences(machine.rows(), machine.rows(tmp_path)) == ONLY_LIVE


@pytest.mark.parametrize("client", CLIENTS)
def test_hooks_print_nothing_and_a_killed_tool_stays_open(client: str, new_machine: Callable[[str], Machine]) -> None:
    machine = new_machine(client)
    unrecorded = machine.run("go [[tools]]")
    settings = machine.home / ".gemini" / "settings.json"
    before = settings.read_bytes()
    machine.install()
    recorded = machine.run("go [[tools]]")
    assert (recorded.code, own_words(recorded.out)) == (0, unrecorded.out)
    process = machine.start("go [[slow]]")
    wait_for((machine.work / "started").exists, "the tool runs")
    process.kill()
    process.communicate()
    (machine.work / "started").unlink()
    machine.wait_for_rest()
    rows = machine.rows()
    running = [t for t in rows["tools"] if t["status"] == "running"]
    assert [(t["tool_name"], t["success"]) for t in running] == [("run_shell_command", None)]
    assert len(rows["sessions"]) == 3, "one of them is from before the hooks"
    machine.clankers("uninstall", "gemini")
    assert settings.read_bytes() == before


def test_the_complete_output_of_a_call_is_kept(new_machine: Callable[[str], Machine]) -> None:
    machine = new_machine(CLIENT)
    machine.install()
    machine.run("go [[long]]")
    (call,) = machine.rows()["tools"]
    assert "\n15000\n" in call["tool_output"], "the client's record has the begin and the end"


def test_a_session_that_the_client_deletes_stays(new_machine: Callable[[str], Machine]) -> None:
    """A resume in a later minute leaves an empty file, for which the next start deletes the complete session."""
    machine = new_machine(CLIENT)
    machine.install()
    machine.run("go [[tools]]")
    (chat,) = machine.home.glob(".gemini/tmp/*/chats/session-*.jsonl")
    before = machine.rows()
    header = json.loads(chat.read_text("utf-8").splitlines()[0])
    stub = chat.with_name(f"session-2026-01-01T00-00-{header['sessionId'][:8]}.jsonl")
    stub.write_text(json.dumps(header) + "\n", "utf-8")
    machine.run("more [[again]]")
    assert not chat.exists()
    after = machine.rows()
    messages = [m for m in after["messages"] if m["session_id"] == header["sessionId"]]
    assert messages == before["messages"]
    assert len(after["sessions"]) == 2
