"""Seeded data from the captures' shapes: `python -m benchmarks.data DIR MEGABYTES` makes a data root with a mixed log.

A session is a row of turns, each a capture played again. Several sessions of both harnesses are at work at once.
"""

import json
import os
import random
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain, count, islice
from pathlib import Path
from uuid import UUID

import msgspec

from benchmarks.captures import SEED, Capture, Line, Session, claude_code, opencode
from clankers.log import envelope

BEGIN = 1_767_225_600_000  # epoch milliseconds, 2026-01-01: when the log begins
DAYS = 10  # of the log
DAY = 86_400_000  # milliseconds
AT_ONCE = 4  # sessions at work
BURST = 40  # lines that one session logs before another one does, at most
TURNS = 8  # of a session, in the median
PROJECTS = 20
FURTHER = 10_000  # lines for what is timed with a log that grows
VERSIONS = (8, 1, 1, 1)  # how often a session is one of OpenCode 1.18.33, 1.2.27, 1.1.65, 1.0.185


def sessions(rng: random.Random, clock: list[int], captures: list[Capture]) -> Iterator[Iterator[Line]]:
    """Sessions without end, each the lines of its turns; `clock[0]` is the time (epoch milliseconds)."""
    numbers = count(1)
    while True:
        yield _turns(rng, clock, captures, numbers, 1 + int(TURNS * rng.lognormvariate(-0.1, 0.8)))


def _turns(
    rng: random.Random, clock: list[int], captures: list[Capture], numbers: Iterator[int], turns: int
) -> Iterator[Line]:
    """The lines of one session of so many turns."""
    here = Session(b"project-%d" % rng.randrange(PROJECTS))
    weights = [capture.weight for capture in captures]
    for _ in range(turns):
        (capture,) = rng.choices(captures, weights)
        yield from capture.turn(rng, clock[0], here, numbers)


def mixed(rng: random.Random, clock: list[int]) -> Iterator[Line]:
    """The lines of sessions of both harnesses, several at work at once, without end."""
    claude = sessions(rng, clock, claude_code())
    others = [sessions(rng, clock, captures) for captures in opencode()]

    def begin() -> Iterator[Line]:
        return next(rng.choices((claude, *others), (sum(VERSIONS), *VERSIONS))[0])

    at_work = [begin() for _ in range(AT_ONCE)]
    while True:
        which = rng.randrange(AT_ONCE)
        burst = list(islice(at_work[which], rng.randint(1, BURST)))
        if not burst:
            at_work[which] = begin()
        yield from burst


def make_log(root: Path, megabytes: int, *, further: Path | None = None) -> int:
    """A mixed log of that size (10^6 bytes) in `root`, over some days; returns how many lines it has.

    Args:
        root: the data root.
        megabytes: of the whole log.
        further: the file for `FURTHER` more lines, the next ones.
    """
    root.mkdir(parents=True, exist_ok=True)
    rng = random.Random(SEED)
    clock = [BEGIN]
    lines = mixed(rng, clock)
    written = 0

    def line() -> bytes:
        made = next(lines)
        id = made.id.decode() or _uuid7(clock[0], rng)
        return envelope.line(made.source, made.type, made.payload, level=made.level, id=id, now_ns=clock[0] * 1_000_000)

    for day in range(DAYS):
        now = BEGIN + day * DAY
        size = megabytes * 10**6 // DAYS
        done = 0
        with (root / f"clankers-{envelope.day_of(now * 1_000_000)}.jsonl").open("wb") as file:
            while done < size:
                clock[0] = now + done * DAY // size
                done += file.write(line())
                written += 1
    if further:
        with further.open("wb") as file:
            file.writelines(line() for _ in range(FURTHER))
    return written


def _uuid7(ms: int, rng: random.Random) -> str:
    h = f"{ms:012x}{rng.getrandbits(80):020x}"
    return f"{h[:8]}-{h[8:12]}-7{h[13:16]}-a{h[17:20]}-{h[20:]}"


def make_transcripts(projects: Path, megabytes: int) -> list[Path]:
    """Transcripts of that size (10^6 bytes) as Claude Code keeps them below `projects`; returns them, sorted.

    The files are as old as what they say: of sessions of the past.
    """
    rng = random.Random(SEED)
    clock = [BEGIN]
    written = 0
    paths = set()
    changed = {}
    for session in sessions(rng, clock, claude_code()):
        clock[0] += DAY // 100
        for line in session:
            if not line.id:
                continue  # a hook's
            name, agent = _owner(line)
            path = projects / "-home-dev-src" / f"{name}.jsonl"
            if agent:
                path = path.with_suffix("") / "subagents" / f"agent-{agent}.jsonl"
            if line.type == "transcript.meta":
                path = path.with_suffix(".meta.json")
                payload = bytes(msgspec.json.decode(line.payload, type=dict[str, msgspec.Raw])["meta"])
            else:
                paths.add(path)
                payload = line.payload + b"\n"
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                written += file.write(payload)
            changed[path] = clock[0] * 10**6
        if written >= megabytes * 10**6:
            break
    for path, ns in changed.items():
        os.utime(path, ns=(ns, ns))
    return sorted(paths)


def make_short_transcripts(projects: Path, number: int) -> None:
    """So many transcripts of about 20 KB, of 40 projects, that last changed within the last day."""
    rng = random.Random(SEED)
    now = time.time()
    for n in range(number):
        make_short_transcript(projects / f"-home-dev-src-{n % 40}", rng, now - rng.random() * 80_000)


def make_short_transcript(project: Path, rng: random.Random, changed: float) -> None:
    """A transcript of about 20 KB in the directory of a project; it last changed so many seconds after the epoch."""
    session = str(UUID(int=rng.getrandbits(128), version=4))
    lines = []
    for n in range(8):
        text = " ".join(f"word{rng.randrange(5000)}" for _ in range(280))
        message: dict[str, object] = {"role": "user", "content": text}
        if n % 2:
            usage = {"input_tokens": 5, "output_tokens": 400}
            message = {"role": "assistant", "id": f"msg_01{rng.getrandbits(88):022x}", "model": "claude-sonnet-4-5"}
            message |= {"content": [{"type": "text", "text": text}], "usage": usage}
        said = {"type": message["role"], "uuid": str(UUID(int=rng.getrandbits(128), version=4)), "sessionId": session}
        at = datetime.fromtimestamp(changed + n, UTC).isoformat(timespec="milliseconds")
        lines.append(json.dumps({**said, "timestamp": at, "cwd": "/home/dev/src", "message": message}))
    project.mkdir(parents=True, exist_ok=True)
    path = project / f"{session}.jsonl"
    path.write_text("\n".join(lines) + "\n", "utf-8")
    os.utime(path, (changed, changed))


def make_transcript(projects: Path, megabytes: int) -> tuple[Path, str]:
    """One transcript of that size (10^6 bytes), without subagents; returns it and the answer that it ends with."""
    rng = random.Random(SEED)
    captures = [capture for capture in claude_code() if capture.weight == 1]
    lines = _turns(rng, [BEGIN], captures, count(1), 10**6)
    folder = projects / "-home-dev-src"
    folder.mkdir(parents=True)
    path = folder / f"{_owner(next(line for line in lines if line.id))[0]}.jsonl"
    answer = ""
    with path.open("wb") as file:
        while file.tell() < megabytes * 10**6 or not answer:
            line = next(lines)
            if not line.id or _owner(line) != (path.stem, ""):
                continue
            file.write(line.payload + b"\n")
            answer = ""
            if line.type == "transcript.assistant":
                content = msgspec.json.decode(line.payload)["message"]["content"]
                answer = "".join(block.get("text", "") for block in content)
    return path, answer


def _owner(line: Line) -> tuple[str, str]:
    """The session and the agent whose transcript the line is of."""
    session, _, agent = re.split(rb"[:@#]", line.id)[0].decode().partition("/")
    return session, agent


def make_events(path: Path, number: int) -> None:
    """So many of OpenCode's events of about 1 KB, one a line."""
    rng = random.Random(SEED)
    events = chain.from_iterable(sessions(rng, [BEGIN], opencode()[0]))
    about = (e.payload + b"\n" for e in events if len(e.payload) > 500)
    with path.open("wb") as file:
        file.writelines(islice(about, number))


def main() -> None:
    root, megabytes = Path(sys.argv[1]), int(sys.argv[2])
    print(f"{make_log(root, megabytes):,} events in {root}")


if __name__ == "__main__":
    main()
