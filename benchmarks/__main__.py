"""What recording and replaying cost, as ratios against a floor or a peer in the same run: `python -m benchmarks [MB]`.

Machines are noisy, so each measure and what it is compared with run in turns, and medians are compared.
"""

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from clankers import envelope
from clankers.harnesses.claude_code import hook_command

Run = Callable[[], object]
ROUNDS = 15


def seconds(run: Run) -> float:
    begun = time.perf_counter()
    run()
    return time.perf_counter() - begun


def ratio(ours: Run, theirs: Run, rounds: int = ROUNDS) -> tuple[float, float, float]:
    """The median seconds of both, run in turns, and the first over the second."""
    pairs = [(seconds(ours), seconds(theirs)) for _ in range(rounds)]
    a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
    return a, b, a / b


def process(*arguments: str, data: bytes | None = None, env: dict[str, str] | None = None) -> Run:
    def run() -> None:
        environment = {**os.environ, **(env or {})}
        subprocess.run(arguments, input=data, stdout=subprocess.DEVNULL, check=True, env=environment)

    return run


def jq(program: str, path: Path) -> Run:
    return process("jq", "-c", program, str(path))


def make_log(path: Path, megabytes: int) -> None:
    """A log of that size from the recorded sample: its sessions again and again, each time under other ids."""
    sample = files("clankers").joinpath("assets", "demo", "log.jsonl").read_text("utf-8").splitlines()
    lines = [json.loads(line) for line in sample]
    with path.open("wb") as log:
        for copy in range(10**9):
            for line in lines:
                payload = json.dumps(line["payload"], separators=(",", ":"))
                for prefix in ("ses_", "msg_", "prt_", "toolu_0", "-4", "-8", "-9", "-a", "-b"):
                    payload = payload.replace(prefix, f"{prefix[:-1]}{copy:06x}{prefix[-1]}") if copy else payload
                log.write(envelope.line(line["source"], line["type"], payload.encode(), level=line["level"]))
            if log.tell() > megabytes << 20:
                return


FLOOR = """
import sys, msgspec, apsw
class Line(msgspec.Struct):
    id: str
    type: str
    payload: msgspec.Raw
db = apsw.Connection(sys.argv[2])
db.pragma("journal_mode", "OFF")
db.execute("create table e (id text primary key, type text, payload blob)")
decode = msgspec.json.Decoder(Line).decode
with db, open(sys.argv[1], "rb") as log:
    rows = ((e.id, e.type, bytes(e.payload)) for e in map(decode, log))
    db.executemany("insert into e values (?, ?, ?) on conflict (id) do update set payload = excluded.payload", rows)
"""


def main() -> None:
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    rows = []

    def row(what: str, against: str, measured: tuple[float, float, float]) -> None:
        rows.append((what, against, *measured))
        print(f"| {what} | {against} | {measured[0]:.3f} s | {measured[1]:.3f} s | {measured[2]:.2f}x |", flush=True)

    print("| what | against | it | that | ratio |\n|---|---|---|---|---|")
    with tempfile.TemporaryDirectory(prefix="clankers-bench-") as folder:
        root = Path(folder, "data")
        env = {"CLANKERS_DATA_PATH": str(root)}
        clankers = shutil.which("clankers", path=str(Path(sys.executable).parent)) or "clankers"
        event = json.dumps({"hook_event_name": "PostToolUse", "session_id": "s", "pad": "x" * 4000}).encode()
        hook = process("sh", "-c", hook_command(), data=event, env=env)
        row(
            "a hook as installed, 4 KB, synced",
            "python -I -c pass",
            ratio(hook, process(sys.executable, "-I", "-c", "pass")),
        )
        if node := shutil.which("node"):
            row("a hook as installed, 4 KB, synced", "node -e 0", ratio(hook, process(node, "-e", "0")))

        events = Path(folder, "events.jsonl")
        events.write_bytes(b'{"type":"t","pad":"%s"}\n' % (b"x" * 1000) * 20000)
        stream = process(clankers, "append", "opencode", "--stream", data=events.read_bytes(), env=env)
        row("append --stream, 20,000 of 1 KB", "jq -c .", ratio(stream, jq(".", events), 5))
        shutil.rmtree(root)

        root.mkdir()
        log = root / "clankers-2026-11-20.jsonl"
        make_log(log, megabytes)
        rebuild = process(clankers, "project", "--rebuild", env=env)
        row(f"project --rebuild, {megabytes} MB", "jq -c .id", ratio(rebuild, jq(".id", log), 3))
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024

        def floor() -> None:
            Path(folder, "floor.db").unlink(missing_ok=True)
            process(sys.executable, "-c", FLOOR, str(log), str(Path(folder, "floor.db")))()

        row(f"project --rebuild, {megabytes} MB", "decode and upsert each event once", ratio(rebuild, floor, 3))
        size = (root / "clankers.db").stat().st_size / log.stat().st_size
        print(f"\nPeak memory of any of these processes: {peak:.0f} MiB. The database is {size:.2f}x its log.")


if __name__ == "__main__":
    main()
