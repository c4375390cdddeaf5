"""The captures of real clients as templates: what the recorder logs of one, to be played again and again.

Each time, a turn of a session, has fresh ids and later times. The captures' texts are those of a scripted model, a few
words each, so a text goes on with prose and code, the same wherever the same text stands: a line has some 900 bytes
in the mean, so that 1 GB is over 1,000,000 events.
"""

import random
import re
import tempfile
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import msgspec

from clankers.harnesses.claude_code.install import EVENTS
from clankers.harnesses.opencode import harness as opencode_harness
from clankers.log import envelope
from tests.feeding import CLAUDE_CODE, OPENCODE, feed_hooks, opencode_records

SEED = 5
FILLER = 560  # characters that a text goes on for, in the median

# What OpenCode's plugin leaves out of what a capture holds: what the client reports of itself.
OF_ITSELF = frozenset(
    {"plugin.added", "catalog.updated", "reference.updated", "integration.updated", "file.watcher.updated"}
)
# What it writes only where it differs from the one before.
_REPEATED = frozenset({"session.updated", "session.status", "session.diff", "message.updated"})
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
    """A line in pieces: bytes that stand, and numbers of values that each turn makes again."""

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

    def turn(self, rng: random.Random, now: int, session: "Session", numbers: Iterator[int]) -> Iterator[Line]:
        """Its lines as those of `session`, begun at `now` (epoch milliseconds)."""
        first, session.turns = session.turns == 0, session.turns + 1
        shift = now - self.begin
        if first and self.born:
            session.born = b"%d" % (int(self.born) + shift)
        known = {self.born: session.born} if session.born else {}
        if not first:
            known[self.session] = session.id
        made = [
            known.get(value) or _another(kind, value, rng, shift, next(numbers), session) for kind, value in self.values
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


class Session:
    """What stays the same in all turns of a session."""

    def __init__(self, project: bytes) -> None:
        self.project = project
        self.turns = 0
        self.id = self.born = b""


def _another(kind: str, value: bytes, rng: random.Random, shift: int, number: int, session: Session) -> bytes:
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
    """Text as JSON holds it, to be cut anywhere: words, lines of code, some of it not ASCII."""
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
    """Some text as JSON holds it, of seeded length."""
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
    """What the plugin logs of a capture of OpenCode, were 0.8 s between snapshots, and each text one line of deltas."""
    lines = []
    reported: dict[tuple[str, str], object] = {}  # by type and id
    deltas: dict[str, dict[str, dict[str, str]]] = {}  # by part
    running = set()
    for source, kind, text in opencode_records(name):
        event = msgspec.json.decode(text)
        if kind in OF_ITSELF or "properties" not in event:
            continue
        properties = event["properties"]
        if kind == "message.part.delta":
            held = deltas.setdefault(properties["partID"], event)
            if held is not event:
                held["properties"]["delta"] += properties["delta"]
            continue
        if kind in _REPEATED:
            subject = (kind, properties.get("info", properties).get("id") or properties["sessionID"])
            if reported.get(subject) == properties:
                continue
            reported[subject] = properties
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
            lines.append(Line(source, told["type"], opencode_harness.HARNESS.level(told["type"], told), b"", payload))
    return lines


@cache
def claude_code() -> list[Capture]:
    """The captures of Claude Code."""
    return [Capture(_claude_code(name)) for name in CLAUDE_CODE]


@cache
def opencode() -> list[list[Capture]]:
    """The captures of OpenCode, by version, the newest first."""
    versions = sorted({name.split("/")[0] for name in OPENCODE}, key=lambda v: -int(v.split(".")[1]))
    return [[Capture(_opencode(name)) for name in OPENCODE if name.startswith(f"{v}/")] for v in versions]
