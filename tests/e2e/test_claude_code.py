"""The real Claude Code, from npm, against a mock model on loopback: what it did is what we recorded."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from clankers import transcripts
from clankers.log import Log
from tests.e2e.mock_model import MockModel, serving
from tests.feeding import project, rows

CLIENTS = Path(os.environ.get("CLANKERS_TEST_CLIENTS", Path(__file__).parents[2] / ".clients"))
PACKAGES = CLIENTS / "claude-code" / "node_modules" / "@anthropic-ai"
CLAUDE = next(iter(sorted(PACKAGES.glob("claude-code-*/claude"))), None)

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(CLAUDE is None, reason="Claude Code is not installed in .clients; .ci/run does it where npm is"),
]

HOOKS = (
    "SessionStart",
    "UserPromptSubmit",
    "PreToolUse",
    "PostToolUse",
    "PostToolUseFailure",
    "PostToolBatch",
    "Stop",
    "StopFailure",
    "SubagentStart",
    "SubagentStop",
    "SessionEnd",
)
SCRIPTS: dict[str, list[dict[str, Any]]] = {
    "tools": [
        {"text": "First.", "tools": [("Bash", {"command": "echo hello", "description": "d"})]},
        {"tools": [("Write", {"file_path": "@/new.txt", "content": "alpha\n"}), ("Read", {"file_path": "@/none.txt"})]},
        {"tools": [("Bash", {"command": "echo out; exit 3", "description": "d"})]},
        {"text": "All done."},
    ],
    "again": [{"text": "Second turn."}],
    "delegate": [
        {
            "tools": [
                (
                    "Agent",
                    {
                        "description": "Look around",
                        "prompt": "Do it [[sub]]",
                        "subagent_type": "general-purpose",
                        "run_in_background": False,
                    },
                )
            ]
        },
        {"text": "Delegated."},
    ],
    "sub": [{"tools": [("Bash", {"command": "echo sub", "description": "d"})]}, {"text": "Nothing there."}],
    "refused": [{"error": (401, "authentication_error", "invalid x-api-key")}] * 20,
    "slow": [{"tools": [("Bash", {"command": "echo started > @/started; sleep 60", "description": "d"})]}],
}


class Client:
    """Claude Code with a home of its own, our hooks in its settings, and a model that follows a script."""

    def __init__(self, folder: Path, model: MockModel) -> None:
        self.model = model
        self.root = folder / "data"
        self.home = folder / "home"
        self.work = folder / "work"
        self.work.mkdir()
        (self.home / ".claude").mkdir(parents=True)
        command = f"trap '' TERM; {sys.executable} -m clankers append claude-code"
        hook = [{"hooks": [{"type": "command", "command": command, "timeout": 30}]}]
        (self.home / ".claude" / "settings.json").write_text(json.dumps({"hooks": dict.fromkeys(HOOKS, hook)}))
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "SHELL": shutil.which("bash") or "/bin/sh",
            "LANG": "C.UTF-8",
            "CLANKERS_DATA_PATH": str(self.root),
            "ANTHROPIC_BASE_URL": model.url,
            "ANTHROPIC_API_KEY": "sk-ant-mock-" + "0" * 30,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_MAX_RETRIES": "1",
            "IS_SANDBOX": "1",
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        assert CLAUDE
        return subprocess.Popen(
            [str(CLAUDE), *arguments, "--permission-mode", "bypassPermissions"],
            cwd=self.work,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str) -> str:
        process = self.start(*arguments)
        out, _ = process.communicate(timeout=120)
        return out

    def own_totals(self) -> dict[str, tuple[int, int, int, int]]:
        """What the client itself counted for each session, its subagents included: input, output, cache read, write."""
        found = {}
        for path in self.home.glob(".claude/projects/*/*.jsonl"):
            for line in map(json.loads, path.read_text("utf-8").splitlines()):
                if line["type"] == "cost-state":
                    used = line["modelUsage"].values()
                    keys = ("inputTokens", "outputTokens", "cacheReadInputTokens", "cacheCreationInputTokens")
                    a, b, c, d = (sum(u[k] for u in used) for k in keys)
                    found[path.stem] = (a, b, c, d)
        return found

    def recorded(self) -> dict[str, list[dict[str, Any]]]:
        with Log(str(self.root)) as log:
            transcripts.sweep(log)
        return rows(project(self.root))


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    text = json.dumps(SCRIPTS).replace("@/", f"{tmp_path}/work/")
    with serving(json.loads(text)) as model:
        yield Client(tmp_path, model)


def totals(found: dict[str, list[dict[str, Any]]]) -> dict[str, tuple[int, int, int, int]]:
    """Our tokens for each session, its subagents included."""
    sums: dict[str, tuple[int, int, int, int]] = {}
    for s in found["sessions"]:
        of = s["parent_id"] or s["id"]
        own = (s["prompt_tokens"], s["completion_tokens"], s["cache_read_tokens"], s["cache_write_tokens"])
        a, b, c, d = (x + y for x, y in zip(sums.get(of, (0, 0, 0, 0)), own, strict=True))
        sums[of] = (a, b, c, d)
    return sums


def test_what_the_client_did_is_what_was_recorded(client: Client) -> None:
    assert "All done." in client.run("-p", "go [[tools]]")
    assert "Second turn." in client.run("-p", "more [[again]]", "--continue")
    assert "Delegated." in client.run("-p", "please [[delegate]]")
    client.run("-p", "no [[refused]]")
    found = client.recorded()

    assert totals(found) == client.own_totals()
    assert len(found["tools"]) == client.model.tool_calls == 6
    by_name = sorted((t["tool_name"], t["success"], t["exit_code"]) for t in found["tools"] if t["success"] == 0)
    assert by_name == [("Bash", 0, 3), ("Read", 0, None)]
    (child,) = [s for s in found["sessions"] if s["parent_id"]]
    assert (child["title"], child["agent"], child["tool_call_count"]) == ("Look around", "general-purpose", 1)
    assert [e["status_code"] for e in found["session_errors"] if not e["will_retry"]] == [401]
    resumed = next(s for s in found["sessions"] if s["title"] == "go [[tools]]")
    said = [m["text_content"] for m in found["messages"] if m["session_id"] == resumed["id"] and m["role"] == "user"]
    assert sorted(said) == ["go [[tools]]", "more [[again]]"]
    assert {s["status"] for s in found["sessions"]} == {"ended"}
    assert not [m for m in found["messages"] if m["id"].startswith("hook:")]

    shutil.rmtree(client.home)
    (client.root / "clankers.db").unlink()
    assert rows(project(client.root)) == found


def test_a_killed_client_leaves_the_tool_that_ran(client: Client) -> None:
    process = client.start("-p", "go [[slow]]")
    deadline = time.monotonic() + 60
    while not (client.work / "started").exists():
        assert time.monotonic() < deadline, "the tool did not start"
        time.sleep(0.05)  # until the tool runs, with the deadline above
    process.send_signal(signal.SIGKILL)
    process.wait()
    found = client.recorded()
    (tool,) = found["tools"]
    assert (tool["tool_name"], tool["status"], tool["success"]) == ("Bash", "running", None)
    assert [m["text_content"] for m in found["messages"] if m["role"] == "user"] == ["go [[slow]]"]
