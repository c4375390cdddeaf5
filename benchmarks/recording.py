"""What a client waits for: the hook, the stream, the plugin."""

import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path

import msgspec

from benchmarks.captures import OF_ITSELF
from benchmarks.data import make_events, make_transcript
from benchmarks.measure import Measured, Row, Run, process, program, ratio, seconds
from benchmarks.place import Place, elsewhere
from clankers.harnesses.claude_code.status_line import add_status_line
from clankers.harnesses.hook_command import LAUNCHER, hook_command
from clankers.harnesses.launcher import launcher_text
from clankers.log import envelope
from clankers.log.reader import log_files
from clankers.queries.spending import FILE, Spending
from clankers.system.locks import NamedLock
from tests.feeding import CAPTURES, OPENCODE

PLUGIN = Path(__file__).parent.parent / "clankers" / "assets" / "opencode" / "plugin" / "clankers.js"
DRIVER = Path(__file__).with_name("plugin.mjs")
PLAYER = Path(__file__).parent.parent / "tests" / "opencode_driver.mjs"
SESSIONS = [name for name in OPENCODE if name.startswith("1.18.33/")]
HOOK = "a hook as installed, 4 KB, synced"


def rows(place: Place) -> Iterator[Row]:
    """The rows of the recording side."""
    short = place.size.short
    root = place.folder / "hooks"
    event = {"hook_event_name": "PostToolUse", "session_id": "s", "tool_name": "Bash", "tool_response": "x" * 3900}
    hook = _hook(place, root, event)
    yield Row(
        "hook/python",
        HOOK,
        "python -I -c pass",
        1.5,
        "x",
        ratio(hook, process(sys.executable, "-I", "-c", "pass"), short),
    )
    yield Row("hook/node", HOOK, "node -e 0", 0.4, "x", ratio(hook, process("node", "-e", "0"), short))
    line = "a status line as installed"
    yield Row("statusline/hook", line, "a hook as above", 2, "x", ratio(_status_line(place, root), hook, short))

    megabytes = place.size.transcript
    transcript, answer = elsewhere(make_transcript, place.folder / "projects", megabytes)
    stop = {
        "session_id": transcript.stem,
        "transcript_path": str(transcript),
        "cwd": "/",
        "permission_mode": "default",
        "hook_event_name": "Stop",
        "stop_hook_active": False,
        "last_assistant_message": answer,
    }
    stopped = _hook(place, root, stop)
    stopped()
    place.clankers(root, "project")()  # takes in what a hook leaves of so much
    # The catch-up that each Stop hook starts goes no further than this, as when another is about to begin: else those
    # of the hooks before would slow a hook.
    with NamedLock(str(root / "catch-up.lock"), "benchmarks", "a catch-up does not end", patience=30):
        yield Row(
            "hook-stop/hook",
            f"a Stop hook, nothing new in a transcript of {megabytes} MB",
            "a hook as above",
            1.3,
            "x",
            ratio(stopped, hook, short),
        )

    count = place.size.stream
    events = place.folder / "events.jsonl"
    elsewhere(make_events, events, count)
    stream = place.clankers(place.folder / "stream", "append", "opencode", "--stream", stdin=events)
    yield Row(
        "stream/jq",
        f"append --stream, {count:,} events of 1 KB",
        "jq -c .",
        1.0,
        "x",
        ratio(stream, process("jq", "-c", ".", events), place.size.long),
    )
    yield Row(
        "plugin/append",
        "the OpenCode plugin, an event",
        "a bare appendFileSync of the same event",
        2.0,
        "x",
        _plugin(place, events, 30 * short),
    )
    yield Row(
        "plugin-bytes/events",
        f"the OpenCode plugin's log of {len(SESSIONS)} recorded sessions, at their pace",
        "a line for each event about a session",
        0.9,
        "x",
        lambda: _plugin_bytes(place),
    )


def _status_line(place: Place, root: Path) -> Run:
    """The status line as installed, beside a session of which something is known."""
    given = {
        "session_id": "s",
        "model": {"id": "m", "display_name": "M"},
        "cost": {"total_cost_usd": 1.5},
        "context_window": {"used_percentage": 38},
    }
    spent = Spending(
        day=date.today().isoformat(),  # noqa: DTZ011 - days are local
        today=2.5,
        sessions={f"session-{i}": 0.1 for i in range(20)},
        block_end=None,
        budgets=[],
        problem=None,
    )
    root.mkdir(mode=0o700, exist_ok=True)
    (root / FILE).write_bytes(msgspec.json.encode(spent))
    stdin = place.folder / "status.json"
    stdin.write_text(json.dumps(given), "utf-8")
    command = json.loads(add_status_line("{}"))["statusLine"]["command"]
    return process("sh", "-c", command, stdin=stdin, env=place.environment(root))


def _hook(place: Place, root: Path, payload: Mapping[str, object]) -> Run:
    stdin = place.folder / f"{payload['hook_event_name']}.json"
    stdin.write_text(json.dumps(payload), "utf-8")
    return process("sh", "-c", hook_command("claude-code"), stdin=stdin, env=hook_environment(place, root))


def hook_environment(place: Place, root: Path) -> dict[str, str]:
    """What a hook sees that records into `root`: a home with the launcher that `install` writes."""
    launcher = place.folder / "home" / LAUNCHER.removeprefix("~/")
    launcher.parent.mkdir(parents=True, exist_ok=True)
    launcher.write_bytes(launcher_text())
    return place.environment(root)


def _plugin(place: Place, events: Path, rounds: int) -> Callable[[], Measured]:
    module = place.folder / "clankers.mjs"  # a module by its name, as it is one in OpenCode
    shutil.copy(PLUGIN, module)

    def measure() -> Measured:
        command = (program("node"), str(DRIVER), str(module), str(events), str(place.folder), str(rounds))
        env = place.environment(place.folder / "plugin")
        done = subprocess.run(command, env=env, stdout=subprocess.PIPE, check=True)
        it, that = (statistics.median(column) for column in zip(*json.loads(done.stdout), strict=True))
        return Measured(seconds(it), seconds(that), it / that)

    return measure


def _plugin_bytes(place: Place) -> Measured:
    root, module = place.folder / "sessions", place.folder / "clankers.mjs"
    shutil.copy(PLUGIN, module)
    commands: list[dict[str, object]] = [{"load": str(module)}]
    that = 0
    for name in SESSIONS:
        for text in (CAPTURES / "opencode" / name / "plugin.jsonl").read_bytes().splitlines():
            seen = json.loads(text)
            if seen["kind"] == "event" and seen["event"]["type"] not in OF_ITSELF:
                commands += ({"clock": seen["t"]}, {"event": seen["event"]})
                payload = msgspec.json.encode(seen["event"])
                that += len(envelope.line("opencode", seen["event"]["type"], payload, now_ns=seen["t"] * 10**6))
    said = "".join(f"{json.dumps(command)}\n" for command in commands)
    subprocess.run((program("node"), str(PLAYER)), input=said, text=True, env=place.environment(root), check=True)
    it = sum((root / file.name).stat().st_size for file in log_files(str(root)))
    return Measured(f"{it / 1000:,.0f} KB", f"{that / 1000:,.0f} KB", it / that)
