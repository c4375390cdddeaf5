"""What a real client has lost is restored from the log: it resumes the session, and nothing is recorded twice."""

import json
import os
import pty
import select
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.machine import Machine, Rows
from tests.patience import DEADLINE

pytestmark = pytest.mark.e2e

LONG = pytest.mark.long
# By client: what it loses, and how it is asked to resume the session with an id.
RESUMED: dict[str, tuple[str, Callable[[str], tuple[str, ...]]]] = {
    "claude-code": (".claude/projects", lambda session: ("--resume", session)),
    "codex-0.171.0": (".codex", lambda _: ("--continue",)),
    "pi-1.6.0": (".pi/agent/sessions", lambda session: ("--session", session)),
    "opencode-1.18.33": (".local/share/opencode", lambda session: ("--session", session)),
    "gemini-0.61.0": (".gemini", lambda _: ("--continue",)),
    "qwen-0.24.4": (".qwen", lambda session: ("--resume", session)),
    "copilot-1.0.102": (".copilot", lambda session: (f"--resume={session}",)),
}
TRIED_LONG = ("opencode-1.18.33", "gemini-0.61.0", "qwen-0.24.4", "copilot-1.0.102")
SETTINGS = ("config.toml", "hooks.json", "settings.json", "hooks")  # which a person would set up again


@pytest.mark.parametrize("client", [pytest.param(one, marks=LONG) if one in TRIED_LONG else one for one in RESUMED])
def test_a_session_that_the_client_has_lost_goes_on(client: str, new_machine: Callable[[str], Machine]) -> None:
    machine = new_machine(client)
    machine.install()
    assert machine.run("go [[tools]]").code == 0
    machine.wait_for_rest()
    before = machine.rows()
    (id,) = (session["id"] for session in before["sessions"] if not session["parent_id"])
    folder, how = RESUMED[client]
    lose(machine.home / folder)
    assert id in machine.clankers("restore", id).out
    assert of_conversation(machine.rows()) == of_conversation(before)

    resumed = machine.run("more [[again]]", *how(id))
    assert (resumed.code, "Second turn." in resumed.out) == (0, True), resumed.err
    machine.wait_for_rest()
    after = machine.rows()
    assert {session["id"] for session in after["sessions"]} == {session["id"] for session in before["sessions"]}
    own = (message for message in after["messages"] if message["session_id"] == id and not message["synthetic"])
    texts = [message["text_content"] for message in own]
    assert (texts.count("All done."), texts.count("Second turn.")) == (1, 1)
    lines = (json.loads(line) for file in machine.root.glob("clankers-*.jsonl") for line in file.open("rb"))
    assert [id for id, times in Counter(line["id"] for line in lines).items() if times > 1] == []


def lose(folder: Path) -> None:
    """Remove all that is in `folder` but the settings."""
    for path in folder.iterdir():
        if path.name not in SETTINGS:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def of_conversation(rows: Rows) -> dict[str, Any]:
    return {table: rows[table] for table in ("sessions", "messages", "parts", "tools", "file_edits")}


@pytest.mark.parametrize(("client", "to"), [("codex-0.171.0", "claude-code"), ("claude-code", "pi-1.6.0")])
def test_another_client_goes_on_with_a_session(client: str, to: str, new_machine: Callable[[str], Machine]) -> None:
    machine, other = new_machine(client), new_machine(to)
    machine.install()
    assert machine.run("go [[tools]]").code == 0
    machine.wait_for_rest()
    machine.clankers("project")
    asked: list[str] = []
    answer = other.model.step

    def step(request: Any, messages: Iterable[Any]) -> Any:
        asked.append(json.dumps(request))
        return answer(request, messages)

    other.model.step = step  # type: ignore[method-assign]
    if to == "claude-code":  # whose first start asks for a theme, and whether the directory is trusted
        state = {
            "hasCompletedOnboarding": True,
            "customApiKeyResponses": {"approved": [other.environment["ANTHROPIC_API_KEY"][-20:]], "rejected": []},
            "projects": {str(machine.work): {"hasTrustDialogAccepted": True}},
        }
        (other.home / ".claude.json").write_text(json.dumps(state))
    environment = other.environment | {"CLANKERS_DATA_PATH": str(machine.root), "TERM": "xterm-256color"}
    name = to.partition("-")[0] if to != "claude-code" else to
    on_a_terminal(
        ["handoff", "last", "--to", name], environment, until=lambda: any("The last turns" in one for one in asked)
    )


def on_a_terminal(arguments: list[str], environment: dict[str, str], *, until: Callable[[], bool]) -> None:
    """Run the command on a terminal that answers what clients ask it, until something has happened; then end it."""
    pid, fd = pty.fork()
    if pid == 0:
        os.execve(sys.executable, [sys.executable, "-m", "clankers", *arguments], environment)
    printed = b""
    deadline = time.monotonic() + DEADLINE
    try:
        while not until():
            assert time.monotonic() < deadline, printed[-2000:]
            if select.select([fd], [], [], 0.1)[0]:
                with suppress(OSError):
                    printed += (more := os.read(fd, 1 << 16))
                    for question, reply in ((b"\x1b[6n", b"\x1b[1;1R"), (b"\x1b[c", b"\x1b[?62;c")):
                        if question in more:
                            os.write(fd, reply)
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(fd)
