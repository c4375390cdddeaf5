"""`clankers blame` in a repository that a real client made a commit in, and that a person worked on after that."""

import json
import subprocess
from collections.abc import Callable

import pytest

from tests.e2e.machine import Machine

pytestmark = pytest.mark.e2e

PROMPT = "go [[commit]]"


def git(machine: Machine, *arguments: str) -> str:
    """By hand, and nobody's identity but a person's."""
    identity = ("-c", "user.name=person", "-c", "user.email=person@example.org")
    return subprocess.run(
        ["git", *identity, *arguments],
        cwd=machine.work,
        env=machine.environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout


def blamed(machine: Machine, what: str) -> tuple[str, list[str]]:
    """How sure the answer is, and the prompts of its origins."""
    found = json.loads(machine.clankers("blame", "--json", what).out)
    (one,) = found["commits"] or found["lines"]
    for origin in one["origins"]:
        for evidence in origin["evidence"]:
            line = (machine.root / evidence["file"]).read_text("utf-8").splitlines()[evidence["line"] - 1]
            assert "git" in line or "by an agent" in line
    return one["sure"], [origin["prompt"]["text"].strip().strip('"') for origin in one["origins"]]


@pytest.mark.parametrize("client", ["claude-code", "opencode-1.18.33", "codex-0.171.0"])
def test_every_commit_and_line_is_known_by_its_prompt(client: str, new_machine: Callable[[str], Machine]) -> None:
    machine = new_machine(client)
    machine.install()
    assert machine.run(PROMPT).out.strip().endswith("Committed.")
    git(machine, "branch", "made")
    assert blamed(machine, "HEAD") == ("certain", [PROMPT])
    assert blamed(machine, "made.txt:2") == ("likely", [PROMPT])
    assert "Add what was made" in machine.clankers("show").out
    (machine.work / "by-hand.txt").write_text("a line that a person wrote\n")
    git(machine, "add", "-A")
    git(machine, "commit", "-qm", "By hand")
    assert blamed(machine, "HEAD") == ("none", [])
    assert blamed(machine, "by-hand.txt:1") == ("none", [])
    git(machine, "checkout", "-q", "-b", "other", "made^")
    git(machine, "cherry-pick", "trunk")
    assert blamed(machine, "HEAD") == ("none", [])
    git(machine, "merge", "-q", "--squash", "made")
    git(machine, "commit", "-qm", "Squashed")
    assert blamed(machine, "HEAD") == ("likely", [PROMPT])
    git(machine, "checkout", "-q", "made")
    git(machine, "rebase", "-q", "other^")
    assert blamed(machine, "HEAD") == ("likely", [PROMPT])
    git(machine, "commit", "-q", "--amend", "-m", "Amended")
    assert blamed(machine, "HEAD") == ("likely", [PROMPT])
