"""What the model says, in the words of each client's tools."""

from pathlib import Path

from tests.e2e.step import Step

_MADE = "def made():\n    return 'by an agent'\n"
_COMMIT = "git add -A && git -c user.name=agent -c user.email=agent@example.org commit -m 'Add what was made'"


def scripts(client: str, work: Path) -> dict[str, list[Step]]:
    """The scripts for `client`, which works in the directory `work`."""
    slow = f"echo > {work}/started; for i in $(seq 600); do [ -e {work}/started ] || break; sleep 0.1; done"
    return {
        **_SCRIPTS[client.partition("-")[0]](work, slow),
        "again": [Step("Second turn.")],
        "refused": [Step(refused=(401, "invalid x-api-key"))],
    }


def _claude_code(work: Path, slow: str) -> dict[str, list[Step]]:
    delegation = {
        "description": "Look around",
        "prompt": "Do it [[sub]]",
        "subagent_type": "general-purpose",
        "run_in_background": False,
    }
    return {
        "tools": [
            Step("First.", (_bash("echo hello"),), thought="Well."),
            Step(
                tools=(
                    ("Write", {"file_path": f"{work}/new.txt", "content": "alpha\n"}),
                    ("Read", {"file_path": f"{work}/none.txt"}),
                )
            ),
            Step(tools=(_bash("echo out; exit 3"), ("NoSuchTool", {"x": 1}))),
            Step("All done."),
        ],
        "delegate": [Step(tools=(("Agent", delegation),)), Step("Delegated.")],
        "sub": [Step(tools=(_bash("echo sub"),)), Step("Nothing there.")],
        "commit": [
            Step(tools=(("Write", {"file_path": f"{work}/made.txt", "content": _MADE}),)),
            Step(tools=(_bash(_COMMIT),)),
            Step("Committed."),
        ],
        "slow": [Step(tools=(_bash(slow),))],
    }


def _bash(command: str, name: str = "Bash") -> tuple[str, dict[str, object]]:
    return name, {"command": command, "description": "d"}


def _pi(work: Path, slow: str) -> dict[str, list[Step]]:
    return {
        "tools": [
            Step("First.", (("bash", {"command": "echo hello"}),), thought="Well."),
            Step(tools=(("write", {"path": f"{work}/new.txt", "content": "alpha\n"}), ("read", {"path": "none"}))),
            Step(tools=(("bash", {"command": "echo out; exit 3"}), ("nosuchtool", {"x": 1}))),
            Step("All done."),
        ],
        "slow": [Step(tools=(("bash", {"command": slow}),))],
    }


def _cline(work: Path, slow: str) -> dict[str, list[Step]]:
    delegation = {"systemPrompt": "You look around.", "task": "Do it [[sub]]"}
    return {
        "tools": [
            Step("First.", (_commands("echo hello"),), thought="Well."),
            Step(
                tools=(
                    ("editor", {"path": f"{work}/new.txt", "new_text": "alpha\n"}),
                    ("read_files", {"files": [f"{work}/none.txt"]}),
                )
            ),
            Step(tools=(_commands("echo out", "exit 3"), ("nosuchtool", {"x": 1}))),
            Step(tools=(("spawn_agent", delegation),)),
            Step("All done."),
        ],
        "sub": [Step(tools=(_commands("echo sub"),)), Step("Nothing there.")],
        "slow": [Step(tools=(_commands(slow),))],
    }


def _commands(*commands: str) -> tuple[str, dict[str, object]]:
    return "run_commands", {"commands": list(commands)}


def _opencode(work: Path, slow: str) -> dict[str, list[Step]]:
    delegation = {"description": "Look around", "prompt": "Do it [[sub]]", "subagent_type": "general"}
    todos = [{"id": "1", "content": "first", "status": "completed", "priority": "high"}]
    return {
        "tools": [
            Step("First.", (_bash("echo hello", "bash"),), thought="Well."),
            Step(
                tools=(
                    ("write", {"filePath": f"{work}/new.txt", "content": "alpha\n"}),
                    ("read", {"filePath": f"{work}/none.txt"}),
                )
            ),
            Step(tools=(_bash("echo out; exit 3", "bash"), ("nosuchtool", {"x": 1}), ("todowrite", {"todos": todos}))),
            Step("All done."),
        ],
        "delegate": [Step(tools=(("task", delegation),)), Step("Delegated.")],
        "sub": [Step(tools=(_bash("echo sub", "bash"),)), Step("Nothing there.")],
        "commit": [
            Step(tools=(("write", {"filePath": f"{work}/made.txt", "content": _MADE}),)),
            Step(tools=(_bash(_COMMIT, "bash"),)),
            Step("Committed."),
        ],
        "slow": [Step(tools=(_bash(slow, "bash"),))],
        "kill": [
            Step(tools=(_bash("echo before", "bash"),)),
            Step("".join(f"word{i:02} " for i in range(80)), chunks=80, delay=0.1),
        ],
    }


def _codex(work: Path, slow: str) -> dict[str, list[Step]]:
    patch = f"*** Begin Patch\n*** Add File: {work}/new.txt\n+alpha\n*** End Patch\n"
    made = patch.replace("new.txt", "made.txt").replace("+alpha", "+" + _MADE.strip().replace("\n", "\n+"))
    return {
        "tools": [
            Step("First.", (_shell("echo hello"),), thought="Well."),
            Step(tools=(("apply_patch", patch), _shell("cat none.txt"))),
            Step(tools=(_shell("echo out; exit 3"), ("no_such_tool", {"x": 1}))),
            Step("All done."),
        ],
        "delegate": [
            Step(tools=(("multi_agent_v1.spawn_agent", {"message": "Do it [[sub]]"}),)),
            Step(tools=(("multi_agent_v1.wait_agent", {"targets": ["AGENT"], "timeout_ms": 60_000}),)),
            Step("Delegated."),
        ],
        "sub": [Step(tools=(_shell("echo sub"),)), Step("Nothing there.")],
        "commit": [Step(tools=(("apply_patch", made),)), Step(tools=(_shell(_COMMIT),)), Step("Committed.")],
        "slow": [Step(tools=(_shell(slow),))],
    }


def _shell(command: str) -> tuple[str, dict[str, object]]:
    return "exec_command", {"cmd": command}


def _gemini(work: Path, _slow: str) -> dict[str, list[Step]]:
    shell = "run_shell_command"
    slow = f"echo > {work}/started; while [ -e {work}/started ]; do sleep 0.1; done"  # it refuses `$(...)`
    delegation = {"agent_name": "generalist", "prompt": "Do it [[sub]]"}
    return {
        "tools": [
            Step("First.", (_bash("echo hello", shell),), thought="Well."),
            Step(
                tools=(
                    ("write_file", {"file_path": f"{work}/new.txt", "content": "alpha\n"}),
                    ("read_file", {"file_path": f"{work}/none.txt"}),
                )
            ),
            Step(tools=(_bash("echo out; exit 3", shell), ("no_such_tool", {"x": 1}))),
            Step("All done."),
        ],
        "delegate": [Step(tools=(("invoke_agent", delegation),)), Step("Delegated.")],
        "sub": [
            Step(tools=(_bash("echo sub", shell),)),
            Step(tools=(("complete_task", {"result": {"response": "Nothing there."}}),)),
        ],
        "slow": [Step(tools=(_bash(slow, shell),))],
        "long": [Step(tools=(_bash("seq 1 30000", shell),)), Step("Long.")],
    }


def _copilot(work: Path, slow: str) -> dict[str, list[Step]]:
    delegation = {"description": "look around", "prompt": "Do it [[sub]]", "agent_type": "general-purpose"}
    delegation |= {"name": "helper", "mode": "sync"}
    return {
        "tools": [
            Step("First.", (_bash("echo hello", "bash"),), thought="Well."),
            Step(
                tools=(
                    ("create", {"path": f"{work}/new.txt", "file_text": "alpha\n"}),
                    ("view", {"path": f"{work}/no"}),
                )
            ),
            Step(tools=(_bash("echo out; exit 3", "bash"), ("nosuchtool", {"x": 1}), ("task", delegation))),
            Step("All done."),
        ],
        "sub": [Step(tools=(_bash("echo sub", "bash"),)), Step("Nothing there.")],
        "slow": [Step(tools=(_bash(slow, "bash"),))],
    }


def _qwen(work: Path, _slow: str) -> dict[str, list[Step]]:
    shell = "run_shell_command"
    delegation = {
        "description": "look around",
        "prompt": "Do it [[sub]]",
        "subagent_type": "general-purpose",
        "run_in_background": False,
    }
    return {
        "tools": [
            Step("First.", (_bash("echo hello", shell),), thought="Well."),
            Step(
                tools=(
                    ("write_file", {"file_path": f"{work}/new.txt", "content": "alpha\n"}),
                    ("read_file", {"file_path": f"{work}/none.txt"}),
                )
            ),
            Step(tools=(_bash("echo out; exit 3", shell), ("nosuchtool", {"x": 1}), ("agent", delegation))),
            Step("All done."),
        ],
        "sub": [Step(tools=(_bash("echo sub", shell),)), Step("Nothing there.")],
    }


_SCRIPTS = {
    "claude": _claude_code,
    "opencode": _opencode,
    "codex": _codex,
    "gemini": _gemini,
    "pi": _pi,
    "copilot": _copilot,
    "cline": _cline,
    "qwen": _qwen,
}
