"""What recording costs the clients: the same run with and without us, in turns: `python -m benchmarks.clients [RUNS]`.

The real clients answer to a scripted model on loopback (`.ci/run` installs them): a prompt, some tools, an answer.
For clients with hooks the floor stands beside: hooks at the same events that start the same Python and do nothing.
CPU is the client's own and that of the processes it waits for, so that of its hooks, not of what a turn starts behind.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from clankers.harnesses.hook_command import hook_command
from tests.e2e.machine import Machine, machine

CLIENTS = ("claude-code", "opencode-1.18.33", "opencode-1.1.65", "codex-0.171.0")
PROMPT = "go [[tools]]"
FLOOR = f"trap '' TERM; exec {sys.executable} -IS -c pass"

HOOKS = {"claude-code": ".claude/settings.json", "codex": ".codex/hooks.json"}  # where they are in a home

Cost = tuple[float, float]  # seconds: wall, CPU


def run(here: Machine) -> Cost:
    """One run of the client; the work that it left behind is over when this returns."""
    for path in here.work.glob("*.txt"):
        path.unlink()
    begun = time.monotonic()
    process = subprocess.Popen(
        here.command(PROMPT),
        cwd=here.work,
        env=here.environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    wall = time.monotonic() - begun
    if process.returncode:
        raise SystemExit(f"{here.program} ended with {process.returncode}")
    here.wait_for_rest()
    return wall, used.ru_utime + used.ru_stime


def variants(client: str, stack: ExitStack, folder: Path) -> Iterator[tuple[str, Machine]]:
    """The machines to compare, each with the client and its own way of being recorded."""
    without = stack.enter_context(machine(client, folder / "without"))
    yield "without", without
    for source, file in HOOKS.items():
        if client.startswith(source):
            floor = stack.enter_context(machine(client, folder / "floor"))
            floor.install()
            settings = floor.home / file
            ours = json.dumps(hook_command(source))
            settings.write_text(settings.read_text("utf-8").replace(ours, json.dumps(FLOOR)), "utf-8")
            yield "hooks that do nothing", floor
    recorded = stack.enter_context(machine(client, folder / "recorded"))
    recorded.install()
    yield "recorded", recorded


def measure(client: str, runs: int, folder: Path) -> None:
    with ExitStack() as stack:
        compared = list(variants(client, stack, folder))
        for _, here in compared:
            here.wait_for_rest()
            run(here)  # the first one makes the client's home
        costs = [[run(here) for _, here in compared] for _ in range(runs)]
    without = [cost[0] for cost in costs]
    for i, (name, _) in enumerate(compared):
        wall, cpu = (statistics.median(cost[i][kind] for cost in costs) for kind in (0, 1))
        ratios = [
            statistics.median(cost[i][kind] / base[kind] for cost, base in zip(costs, without, strict=True))
            for kind in (0, 1)
        ]
        print(f"| {client} | {name} | {wall:.2f} s | {ratios[0]:.2f}x | {cpu:.2f} s | {ratios[1]:.2f}x |", flush=True)


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    print("| client | | wall | against without | CPU | against without |\n|---|---|---|---|---|---|")
    for client in CLIENTS:
        with tempfile.TemporaryDirectory(prefix="clankers-bench-") as folder:
            try:
                measure(client, runs, Path(folder))
            except pytest.skip.Exception as e:
                print(f"| {client} | {e} | | | | |")


if __name__ == "__main__":
    main()
