"""The launcher that every hook runs, and the recorder that it starts."""

import os
import subprocess
from collections.abc import Iterator

from clankers.checks.finding import Finding
from clankers.errors import EX_USAGE, ClankersError
from clankers.harnesses.launcher import launcher_path, launcher_text
from clankers.system.config_files import content


def hook_findings() -> Iterator[Finding]:
    """Whether the command of the hooks reaches a recorder: without one they do nothing, silently."""
    path, again = launcher_path(), "run `clankers install` again for each harness"
    try:
        found = content(path)
    except ClankersError as e:
        yield Finding("Hooks", False, str(e), again)
        return
    if found is None:
        yield Finding("Hooks", False, f"{path}, which every hook runs, is gone: nothing is recorded", again)
        return
    problem = _problem_of_recorder(str(path))
    if problem is None:
        yield Finding("Hooks", False, f"{path} finds no recorder: nothing is recorded", again)
    elif problem:
        yield Finding("Hooks", False, f"the recorder that {path} starts fails: {problem}", again)
    elif found != launcher_text():
        text = f"{path} starts the recorder, but another environment or version installed it"
        yield Finding("Hooks", True, text, f"to record with this one, {again}")
    else:
        yield Finding("Hooks", True, f"{path} starts the recorder")


def recorder_problem() -> str | None:
    """What the recorder that a launcher would start says is wrong; None or empty if nothing is."""
    return _problem_of_recorder("-c", os.fsdecode(launcher_text()))


def _problem_of_recorder(*script: str) -> str | None:
    """What the recorder that a launcher starts says is wrong, empty if nothing is; None if it finds no recorder."""
    done = subprocess.run(["/bin/sh", *script], stdin=subprocess.DEVNULL, capture_output=True, check=False)
    if done.returncode == EX_USAGE:  # it misses the name of a harness, so it is the recorder
        return ""
    return None if done.returncode == 0 else done.stderr.decode("utf-8", "replace").strip()[-300:] or "it says nothing"
