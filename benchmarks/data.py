"""Seeded data from the captures' shapes: `python -m benchmarks.data DIR MEGABYTES` makes a data root with a mixed log.

A session is a row of turns, each a whole capture of a real client played again under fresh ids and at later times, as
the recorder logs it: hooks and transcript records as they took turns, the plugin's events as it gathers them. Several
sessions of both harnesses are at work at once. The captures' texts are those of a scripted model, a few words each, so
a text goes on with prose and code, the same wherever the same text was told: a line is about 1 KB in the mean, so that
1 GB is about 1,000,000 events.
"""

import random
import re
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from itertools import chain, count, islice
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import msgspec

from clankers import envelope, kinds
from clankers.harnesses.claude_code import EVENTS
from tests.feeding import CLAUDE_CODE, OPENCODE, feed_hooks, opencode_records

SEED = 5
BEGIN = 1_767_225_600_000  # epoch milliseconds, 2026-01-01: when the log begins
DAYS = 10  # of the log
DAY = 86_400_000  # milliseconds
AT_ONCE = 4  # sessions at work
BURST = 40  # lines that one session logs before another one does, at most
TURNS = 8  # of a session, in the median
PROJECTS = 20
FURTHER = 10_000  # lines for what is timed with a log that grows
FILLER = 560  # characters that a text goes on for, in the median
VERSIONS = (8, 1, 1, 1)  # how often a session is one of OpenCode 1.18.33, 1.2.27, 1.1.65, 1.0.185

# What OpenCode's plugin leaves out of what a capture holds: what the client tells of itself.
_OF_ITSELF = frozenset(
    {"plugin.added", "catalog.updated", "reference.updated", "integration.updated", "file.watcher.updated"}
)
_ONCE = frozenset({"session.created", "session.deleted"})  # not in each turn of a session

_VOLATILE = re.compile(
    rb'"(?:text|thinking|output|stdout|content|prompt|delta|last_assistant_message)": ?"'
    rb'(?P<text>[^<\["\\](?:[^"\\]|\\.)*)(?=")'
    rb"|(?P<uuid>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})"
    rb"|(?P<sorted>(?:msg|prt|evt|per|que)_[0-9a-f]{12}[0-9A-Za-z]{14})"
    rb"|(?P<id>(?:ses|msg|toolu|req|call)_\w{13,}|\ba[0-9a-f]{16}\b)"
    rb"|(?P<iso>2026-11-\d\dT[\d:.]{12}Z)"
    rb"|(?P<ms>\b1795\d{9}\b)"
    rb"|(?<=/home/dev/src/)(?P<project>[\w.-]+)"
)


class Line(NamedTuple):
    """A line of the log to be."""

    source: str
    type: str
    level: str
    id: bytes  # a record's, which its source gives; empty for a live event, which gets one when it is appended
    payload: bytes


class _Template(NamedTuple):
    """A line in pieces: bytes that stand, and numbers of values that each turn makes anew."""

    source: str
    type: str
    level: str
    id: list[bytes | int]
    payload: list[bytes | int]
    once: bool


class Capture:
    """The lines that one capture gave; `values` are what in them is another in each turn."""

    def __init__(self, lines: list[Line]) -> None:
        values: dict[tuple[str, bytes], int] = {}

        def pieces(text: bytes) -> list[bytes | int]:
            made: list[bytes | int] = []
            at = 0
            for found in _VOLATILE.finditer(text):
                kind = str(found.lastgroup)
                made += (text[at : found.start(kind)], values.setdefault((kind, found[kind]), len(values)))
                at = found.end()
            return [*made, text[at:]]

        named = (re.search(rb'"session_?I[dD]": ?"([^"]+)"', line.payload, re.IGNORECASE) for line in lines)
        self.session = next(found[1] for found in named if found)
        self.templates = [
            _Template(
                line.source,
                line.type,
                line.level,
                pieces(line.id),
                pieces(line.payload),
                line.type in _ONCE and self.session in line.payload,
            )
            for line in lines
        ]
        self.values = list(values)
        told = {
            id for line in lines for id in re.findall(rb'"session_?I[dD]": ?"([^"]+)"', line.payload, re.IGNORECASE)
        }
        self.weight = 1 / len(told)  # a row of sessions is played as often as one
        self.begin = min(_millis(kind, value) for kind, value in values if kind in {"ms", "iso"})
        info = re.search(rb'"info":.*"created":(\d+)', next((t.payload for t in lines if t.type in _ONCE), b""))
        self.born = info[1] if info else None  # in an OpenCode session's every snapshot

    def turn(self, rng: random.Random, now: int, session: "_Session", numbers: Iterator[int]) -> Iterator[Line]:
        """Its lines as those of `session`, begun at `now` (epoch milliseconds)."""
        first, session.turns = session.turns == 0, session.turns + 1
        shift = now - self.begin
        if first and self.born:
            session.born = b"%d" % (int(self.born) + shift)
        made = [
            session.id
            if value == self.session and first is False
            else session.born
            if session.born and value == self.born
            else _another(kind, value, rng, shift, next(numbers), session)
            for kind, value in self.values
        ]
        if first:
            session.id = made[[value for _, value in self.values].index(self.session)]
        for t in self.templates:
            if t.once and not first:
                continue
            payload, id = (
                b"".join([p if isinstance(p, bytes) else made[p] for p in pieces]) for pieces in (t.payload, t.id)
            )
            if b"@" in id:  # a state line's: where it stands in its transcript, and its content
                id = b"%s@%d#%08x" % (id.partition(b"@")[0], next(numbers), crc32(payload))
            yield Line(t.source, t.type, t.level, id, payload)


class _Session:
    """What stays the same in all turns of a session."""

    def __init__(self, project: bytes) -> None:
        self.project = project
        self.turns = 0
        self.id = self.born = b""


def _another(kind: str, value: bytes, rng: random.Random, shift: int, number: int, session: _Session) -> bytes:
    match kind:
        case "text":
            return value + filler(rng)
        case "uuid":
            h = b"%032x" % rng.getrandbits(128)
            return b"-".join((h[:8], h[8:12], b"4" + h[13:16], b"a" + h[17:20], h[20:]))
        case "sorted":  # its first 12 digits are the time it was made
            return value[:4] + b"%012x%014x" % ((int(value[4:16], 16) + (shift << 12)) % (1 << 48), number)
        case "id":
            return value[:-12] + b"%012x" % number
        case "iso":
            return envelope.stamp((_millis(kind, value) + shift) * 1_000_000).encode()
        case "ms":
            return b"%d" % (int(value) + shift)
        case _:
            return session.project


def _millis(kind: str, value: bytes) -> int:
    return int(value) if kind == "ms" else round(datetime.fromisoformat(value.decode()).timestamp() * 1000)


@cache
def _pool() -> bytes:
    """Text as it stands in JSON, to be cut anywhere: words, lines of code, some of it not ASCII."""
    rng = random.Random(SEED)
    letters = "etaoinsrhldcumfpgwybvk"
    words = ["".join(rng.choices(letters, range(22, 0, -1), k=rng.randint(2, 9))) for _ in range(2000)]
    words += ["größer", "naïve", "—", "→", "日本語", "def", "return", "self.", "=", "(x,", "y):", "{}", "0x1f", "//"]
    lines = []
    for _ in range(20_000):
        line = " ".join(rng.choices(words, k=rng.randint(3, 14)))
        lines.append("    " * rng.choice((0, 0, 1, 2)) + (f'"{line}"' if rng.random() < 0.1 else line))
    return msgspec.json.encode("\n".join(lines))[1:-1]


def filler(rng: random.Random) -> bytes:
    """Some text as it stands in JSON, of seeded length."""
    size = int(FILLER * rng.lognormvariate(0, 1.4))
    pool = _pool()
    begin = pool.find(b" ", rng.randrange(len(pool) // 2))
    return pool[begin : pool.find(b" ", begin + min(size, len(pool) // 3))]


def _claude_code(name: str) -> list[Line]:
    """What the recorder logs of a capture of Claude Code."""
    lines = []
    with tempfile.TemporaryDirectory(prefix="clankers-bench-") as folder:
        root, home = Path(folder, "data"), Path(folder, "home")
        feed_hooks(name, root, home)
        for file in sorted(root.glob("clankers-*.jsonl")):
            for text in file.read_bytes().replace(str(home).encode(), b"/home/dev").splitlines():
                line = msgspec.json.decode(text, type=dict[str, msgspec.Raw])
                id, kind, level = (msgspec.json.decode(line[key], type=str) for key in ("id", "type", "level"))
                if kind in EVENTS:
                    id = ""
                elif not kind.startswith("transcript."):
                    continue  # `install` registers no hook for it
                lines.append(Line("claude-code", kind, level, id.encode(), bytes(line["payload"])))
    return lines


def _opencode(name: str) -> list[Line]:
    """What the plugin logs of a capture of OpenCode, were each text streamed for 0.8 s: one line of its deltas."""
    lines = []
    deltas: dict[str, dict[str, dict[str, str]]] = {}  # by part
    running = set()
    for source, kind, text in opencode_records(name):
        event = msgspec.json.decode(text)
        if kind in _OF_ITSELF or "properties" not in event:
            continue
        properties = event["properties"]
        if kind == "message.part.delta":
            held = deltas.setdefault(properties["partID"], event)
            if held is not event:
                held["properties"]["delta"] += properties["delta"]
            continue
        events = [event]
        if kind == "message.part.updated":
            part = properties["part"]
            if "delta" in properties and part["id"] in running:
                continue
            if part.get("state", {}).get("status") == "running" and part["id"] in running:
                continue
            running.add(part["id"])
            if part["id"] in deltas:
                events.insert(0, deltas.pop(part["id"]))
        for told in events:
            payload = msgspec.json.encode(told)
            lines.append(Line(source, told["type"], kinds.level_of(told["type"], told), b"", payload))
    return lines


def sessions(rng: random.Random, clock: list[int], captures: list[Capture]) -> Iterator[Iterator[Line]]:
    """Sessions without end, each the lines of its turns; `clock[0]` is the time (epoch milliseconds)."""
    numbers = count(1)
    while True:
        yield _turns(rng, clock, captures, numbers, 1 + int(TURNS * rng.lognormvariate(-0.1, 0.8)))


def _turns(
    rng: random.Random, clock: list[int], captures: list[Capture], numbers: Iterator[int], turns: int
) -> Iterator[Line]:
    """The lines of one session of so many turns."""
    here = _Session(b"project-%d" % rng.randrange(PROJECTS))
    weights = [capture.weight for capture in captures]
    for _ in range(turns):
        (capture,) = rng.choices(captures, weights)
        yield from capture.turn(rng, clock[0], here, numbers)


def claude_code() -> list[Capture]:
    """The captures of Claude Code."""
    return [Capture(_claude_code(name)) for name in CLAUDE_CODE]


def opencode() -> list[list[Capture]]:
    """The captures of OpenCode, by version, the newest first."""
    versions = sorted({name.split("/")[0] for name in OPENCODE}, key=lambda v: -int(v.split(".")[1]))
    return [[Capture(_opencode(name)) for name in OPENCODE if name.startswith(f"{v}/")] for v in versions]


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
    """Transcripts of that size (10^6 bytes) as Claude Code keeps them below `projects`; returns them, sorted."""
    rng = random.Random(SEED)
    clock = [BEGIN]
    written = 0
    paths = set()
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
        if written >= megabytes * 10**6:
            break
    return sorted(paths)


def make_transcript(projects: Path, megabytes: int) -> tuple[Path, str]:
    """One transcript of that size (10^6 bytes), without subagents; returns it and its last answer."""
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
            if not line.id:
                continue
            file.write(line.payload + b"\n")
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
    about = (e.payload + b"\n" for e in events if 700 < len(e.payload) < 1400)
    with path.open("wb") as file:
        file.writelines(islice(about, number))


def main() -> None:
    root, megabytes = Path(sys.argv[1]), int(sys.argv[2])
    print(f"{make_log(root, megabytes):,} events in {root}")


if __name__ == "__main__":
    main()
