"""The real Codex: every line of its rollouts is in the log, by the hooks that `install` put there."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.conftest import Day
from tests.e2e.machine import Codex, Machine
from tests.patience import wait_for
from tests.test_codex_recording import content, owner, records, reviews

pytestmark = pytest.mark.e2e

CLIENT = "codex-0.171.0"


@pytest.fixture
def day(a_day_of: Callable[[str], Day]) -> Day:
    return a_day_of(CLIENT)


@pytest.fixture
def machine(new_machine: Callable[[str], Machine]) -> Codex:
    made = new_machine(CLIENT)
    assert isinstance(made, Codex)
    return made


def rollouts(machine: Machine) -> list[Path]:
    return sorted(machine.home.glob(".codex/sessions/*/*/*/rollout-*.jsonl"))


def assert_recorded(machine: Machine) -> None:
    for path in rollouts(machine):
        assert content(machine.root, owner(path)) == path.read_bytes()


def test_hooks_alone_record_all_that_the_client_wrote_down(day: Day) -> None:
    assert [done.out for done in day.said] == ["All done.\n", "Second turn.\n", "Delegated.\n", ""]
    assert len(rollouts(day.machine)) == 4, "the subagent has its own"
    assert_recorded(day.machine)


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
