"""The real Claude Code while the package below its hooks is upgraded, replaced, moved and removed."""

import json
import shutil
import subprocess
import sysconfig
import venv
from collections.abc import Callable
from pathlib import Path

import pytest

import clankers
from tests.e2e.machine import Machine
from tests.patience import DEADLINE

pytestmark = pytest.mark.e2e

CHECKOUT = Path(clankers.__file__).parents[1]
OLD_HOOK = "trap '' TERM; exec /old/python -IS -c 'from clankers.__main__ import main; main()' append claude-code"


def environment(place: Path) -> Path:
    """A virtual environment with a copy of clankers, and with what it needs from the environment of the tests."""
    venv.create(place, symlinks=True)
    (packages(place) / "needed.pth").write_text(sysconfig.get_path("purelib"))
    program = place / "bin" / "clankers"
    program.write_text(f"#!{place}/bin/python\nfrom clankers.__main__ import main\nimport sys\nsys.exit(main())\n")
    program.chmod(0o755)
    copy_package(place)
    return place


def packages(place: Path) -> Path:
    (found,) = place.glob("lib/python3*/site-packages")
    return found


def copy_package(place: Path) -> None:
    for name in ("clankers", "projector"):
        shutil.copytree(CHECKOUT / name, packages(place) / name, dirs_exist_ok=True)


def run(machine: Machine, place: Path, *arguments: str) -> None:
    """A command of the clankers in the environment at `place`."""
    command = [str(place / "bin" / "clankers"), *arguments]
    subprocess.run(command, cwd=machine.work, env=machine.environment, check=True, timeout=DEADLINE)


def prompts(machine: Machine) -> int:
    """How many prompts were recorded."""
    log = "".join(path.read_text("utf-8") for path in machine.root.glob("clankers-*.jsonl"))
    return log.count('"type":"UserPromptSubmit"')


def is_recorded(machine: Machine) -> bool:
    """Whether the client's next session is recorded. It shows no failed hook, neither to the user nor to the model."""
    before = prompts(machine)
    done = machine.run("more [[again]]")
    assert (done.code, done.out, done.err) == (0, "Second turn.\n", "")
    for path in machine.home.glob(".claude/projects/*/*.jsonl"):
        text = path.read_text("utf-8")
        assert "hook_non_blocking_error" not in text
        assert text.count('"hookErrors":[]') == text.count('"hookErrors"')
    return prompts(machine) > before


def test_no_hook_fails_whatever_becomes_of_the_package(new_machine: Callable[[str], Machine]) -> None:
    machine = new_machine("claude-code")
    settings = machine.home / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text(json.dumps({"hooks": {"Stop": [{"hooks": [{"type": "command", "command": OLD_HOOK}]}]}}))

    first = environment(machine.home / "first")
    run(machine, first, "install", "claude-code")
    command = json.loads(settings.read_text())["hooks"]["Stop"][0]["hooks"][0]["command"]
    (packages(first) / "clankers").rename(machine.home / "gone")  # the first import still writes there
    assert not is_recorded(machine), "in the middle of an upgrade"
    copy_package(first)
    assert is_recorded(machine), "upgraded"

    second = environment(machine.home / "second")
    run(machine, second, "install", "claude-code")
    assert json.loads(settings.read_text())["hooks"]["Stop"][0]["hooks"][0]["command"] == command
    shutil.rmtree(first)
    assert is_recorded(machine), "by the last environment to install"

    moved = second.rename(machine.home / "moved")
    assert not is_recorded(machine), "moved"
    shutil.rmtree(moved)
    assert not is_recorded(machine), "removed"

    machine.clankers("uninstall", "claude-code")
    assert json.loads(settings.read_text()) == {}
    assert not (machine.home / ".local" / "lib" / "clankers").exists()
