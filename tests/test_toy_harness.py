"""A harness of another package touches three places: its harness folder, its adapter folder and its entry points."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from clankers.harnesses import BUILT_IN
from clankers.harnesses.hook_command import hook_command
from tests.commands import Result, command, environment
from tests.patience import DEADLINE, wait_for
from tests.test_detached import is_free

ENTRY_POINTS = """\
[clankers.harnesses]
toy = clankers_toy.harness:HARNESS
[clankers.adapters]
toy = clankers_toy.adapter:ADAPTER
"""


class Machine(NamedTuple):
    """A machine on which the package of the toy is installed."""

    root: Path
    home: Path
    packages: Path

    def run(self, *args: str, stdin: bytes = b"") -> Result:
        done = subprocess.run(
            command(*args),
            env=environment(self.root, TOY_HOME=str(self.home), PYTHONPATH=str(self.packages)),
            input=stdin,
            capture_output=True,
            timeout=DEADLINE,
            check=False,
        )
        return Result(done.returncode, done.stdout.decode(), done.stderr.decode())

    def say(self, session: str, *texts: str) -> Path:
        path = self.home / f"{session}.jsonl"
        with path.open("a", encoding="utf-8") as f:
            for text in texts:
                f.write(json.dumps({"role": "user", "text": text}) + "\n")
        return path

    def hook(self, event: str, path: Path) -> None:
        document = {"type": event, "file": str(path)}
        assert self.run("append", "toy", stdin=json.dumps(document).encode()) == (0, "", "")

    def logged(self) -> list[tuple[str, str, Any]]:
        lines = [line for file in sorted(self.root.glob("clankers-*.jsonl")) for line in file.open("rb")]
        events = [json.loads(line) for line in lines]
        return [(e["source"], e["type"], e["payload"].get("text")) for e in events]


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = Machine(tmp_path / "share" / "data", tmp_path / "toy", tmp_path / "packages")
    made.home.mkdir()
    shutil.copytree(Path(__file__).parent / "toy", made.packages / "clankers_toy")
    about = made.packages / "clankers_toy-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: clankers-toy\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(ENTRY_POINTS)
    return made


def past_is_there(machine: Machine, text: str) -> None:
    """Wait for the import that `install` starts in the background, until it is done."""
    wait_for(lambda: machine.logged() == [("toy", "toy.line", text)] and is_free(machine.root / "backfill.lock"))


def test_it_is_installed_recorded_swept_imported_and_uninstalled(machine: Machine) -> None:
    machine.say("past", "before")
    done = machine.run("install", "toy")
    assert (done.code, done.out.splitlines()[0]) == (0, f"Toy is recorded: {machine.home / 'toy-hook'}")
    assert (machine.home / "toy-hook").read_text() == hook_command("toy")
    past_is_there(machine, "before")

    live = machine.say("live", "one", "two")
    machine.hook("Begun", live)
    assert machine.logged()[1:] == [("toy", "Begun", None), ("toy", "toy.line", "one"), ("toy", "toy.line", "two")]

    machine.say("live", "three")
    assert machine.run("project").code == 0
    assert machine.logged()[4:] == [("toy", "toy.line", "three")], "the sweep reads it"

    machine.say("unheard", "four")
    assert machine.run("backfill", "toy").out.startswith("1 new records of 1 sessions in ")
    assert machine.logged()[5:] == [("toy", "toy.line", "four")]
    assert machine.run("backfill", "toy", "--force").out.startswith("0 new records of 0 sessions in ")

    assert (
        f"Toy\n  ok `toy` is not on the PATH\n  ok is recorded by {machine.home / 'toy-hook'}"
        in machine.run("doctor").out
    )
    texts = machine.run("query", "SELECT text_content FROM messages ORDER BY id", "--csv").out
    assert texts.split() == ["text_content", "one", "two", "three", "before", "four"]
    assert machine.run("uninstall", "toy").code == 0
    assert not (machine.home / "toy-hook").exists()


def test_a_package_that_is_gone_costs_no_event_and_is_reported(machine: Machine) -> None:
    machine.say("past", "before")
    machine.run("install", "toy")
    past_is_there(machine, "before")
    shutil.rmtree(machine.packages)
    done = machine.run("append", "toy", stdin=b'{"type":"Begun"}')
    assert done.code == 0
    assert done.err.startswith("clankers append: the extension toy (clankers_toy.harness:HARNESS) cannot be loaded: ")
    assert machine.logged()[1:] == [("toy", "Begun", None)]
    assert machine.run("project").code == 0
    done = machine.run("doctor")
    assert "  !  the extension toy (clankers_toy.harness:HARNESS) cannot be loaded: ModuleNotFoundError" in done.out
    assert "not imported: the extension toy" in machine.run("backfill").err
    known = ", ".join(BUILT_IN)
    assert machine.run("install", "toy").err == f"clankers: 'toy' is not a known harness; there are {known}\n"


def test_before_it_is_installed_its_events_are_logged_all_the_same(machine: Machine) -> None:
    machine.hook("Begun", machine.say("live", "one"))
    assert machine.logged() == [("toy", "Begun", None)]
    assert not (machine.root / "extensions.json").exists()


def test_a_dry_run_lists_nothing(machine: Machine) -> None:
    done = machine.run("install", "toy", "--dry-run")
    assert (done.code, "toy-hook" in done.out) == (0, True)
    assert not machine.root.exists()
