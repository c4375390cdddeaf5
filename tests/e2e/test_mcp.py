"""The real clients ask their history: `install --mcp` sets it up, the model calls each tool, and gets the answer."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from clankers.mcp.recorded import NOTICE
from tests.e2e.machine import Machine
from tests.e2e.step import Step

pytestmark = pytest.mark.e2e

# How each client names the tools of the server to its model.
TOOLS = {"claude-code": "mcp__clankers__{}", "codex-0.171.0": "mcp__clankers.{}", "opencode-1.18.33": "clankers_{}"}
SERVER = "[mcp_servers.clankers]"
TRIED = [pytest.param(one, marks=pytest.mark.long) if one.startswith("opencode") else one for one in TOOLS]
ASKED: dict[str, dict[str, Any]] = {
    "search": {"words": "hello"},
    "list_sessions": {},
    "read_session": {"session": "last", "tools": "outputs"},
    "usage": {"by": "tool"},
    "failures": {},
    "files": {},
}


@pytest.mark.parametrize("client", TRIED)
def test_the_model_calls_each_tool_and_gets_the_answer(client: str, new_machine: Callable[[str], Machine]) -> None:
    machine = new_machine(client)
    machine.install()
    name = client.partition("-")[0]
    machine.clankers("install", "claude-code" if name == "claude" else name, "--mcp")
    assert machine.run("go [[tools]]").code == 0
    settings = machine.home / ".codex" / "config.toml"
    if settings.exists():  # else the client sends the first request before the server has started
        settings.write_text(settings.read_text("utf-8").replace(SERVER, f"{SERVER}\nrequired = true"), "utf-8")
    calls = tuple((TOOLS[client].format(tool), given) for tool, given in ASKED.items())
    machine.model.scripts["asks"] = [Step(tools=calls), Step("Asked.")]
    done = machine.run("how was that? [[asks]]")
    assert done.code == 0, done.err
    outputs = {
        row["tool_name"]: row["tool_output"] or "" for row in machine.rows()["tools"] if "clankers" in row["tool_name"]
    }
    assert len(outputs) == len(ASKED), sorted(outputs)
    for tool, output in outputs.items():
        assert NOTICE in output, (tool, output[:500])
        assert "how was that?" not in output or client.startswith("opencode"), "the session that asks is left out"
    told = json.dumps(outputs)
    assert all(word in told for word in ("echo hello", "new.txt", "go [[tools]]"))
