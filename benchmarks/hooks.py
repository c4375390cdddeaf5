"""What a hook must not depend on: how much was logged today, and how many other sessions are open."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

from benchmarks.measure import Row, Run, after, process, ratio
from benchmarks.place import Place, elsewhere
from benchmarks.recording import hook_environment
from clankers.harnesses.hook_command import hook_command
from clankers.log import envelope
from clankers.log.writer import Log

OPEN = 64  # other sessions
SUBAGENTS = 20  # of each


def rows(place: Place) -> Iterator[Row]:
    """The rows of hooks beside many lines and many sessions."""
    day, short = place.folder / "day", place.size.short
    elsewhere(make_day, day, place.size.day)
    first, later = _Session(place, day), _Session(place, day)
    later.grow()
    later.hook()
    yield Row(
        "hook-first/later",
        f"a session's first hook, {place.size.day} MB logged today",
        "a later hook",
        1.5,
        "x",
        ratio(after(first.begin, first.hook), after(later.grow, later.hook), short),
    )
    alone, among = _Session(place, place.folder / "alone"), _Session(place, place.folder / "crowd")
    for session in (alone, among, *(_Session(place, place.folder / "crowd") for _ in range(OPEN))):
        session.grow()
        session.hook()
    yield Row(
        "hook-crowd/alone",
        f"a hook, {OPEN} other sessions open with {SUBAGENTS} subagents each",
        "the same alone",
        1.1,
        "x",
        ratio(after(among.grow, among.hook), after(alone.grow, alone.hook), short),
    )


class _Session:
    """A session of Claude Code with a hook in the data root `root`."""

    def __init__(self, place: Place, root: Path) -> None:
        self._projects = place.folder / "hooks" / "projects" / "p"
        self._stdin = place.folder / f"{uuid4()}.json"
        self.hook: Run = process(
            "sh", "-c", hook_command("claude-code"), stdin=self._stdin, env=hook_environment(place, root)
        )
        self.begin()

    def begin(self) -> None:
        """Go on as a new session, of one line."""
        self._id = str(uuid4())
        self._transcript = self._projects / f"{self._id}.jsonl"
        event = {
            "hook_event_name": "PostToolUse",
            "session_id": self._id,
            "transcript_path": str(self._transcript),
            "cwd": "/",
            "tool_name": "Bash",
            "tool_response": "x" * 3900,
        }
        self._stdin.write_text(json.dumps(event), "utf-8")
        for n in range(SUBAGENTS):
            self._write(self._transcript.with_suffix("") / "subagents" / f"agent-{n:016x}.jsonl")
        self.grow()

    def grow(self) -> None:
        """Add a line to the transcript."""
        self._write(self._transcript)

    def _write(self, path: Path) -> None:
        line = {
            "type": "user",
            "uuid": str(uuid4()),
            "sessionId": self._id,
            "timestamp": envelope.stamp(time.time_ns()),
            "message": {"role": "user", "content": "go on"},
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:
            file.write(json.dumps(line, separators=(",", ":")).encode() + b"\n")


def make_day(root: Path, megabytes: int) -> None:
    """A log of today of that size (10^6 bytes), in equal steps from its first second to now."""
    now = time.time_ns()
    begin = now - now % (86400 * 10**9)
    count = megabytes * 1000
    payload = json.dumps({"text": "x" * 850}).encode()
    with Log(str(root)) as log:
        for start in range(0, count, 1000):
            times = (begin + (now - begin) * n // count for n in range(start, start + 1000))
            log.write(envelope.day_of(now), [envelope.line("opencode", "note", payload, now_ns=at) for at in times])
