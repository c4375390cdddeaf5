"""What a hostile or broken client may send: strings, numbers and shapes that have broken other programs."""

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from projector.adapters import BUILT_IN, built_in
from tests.feeding import CLAUDE_CODE, OPENCODE, Recording, opencode_records

SQL = "'); DROP TABLE sessions; --"
ESCAPE = "\x1b[2J\x1b]0;owned\x07\x9b31m\u202egnp.exe\x7f"
STRINGS = [
    "",
    "..",
    "../../../../etc/passwd",
    "a/b",
    "a\\b",
    "con",
    "\0",
    "a\0b",
    "\n",
    "x" * 600,
    "é" * 300,
    "\ud800",
    "😀\udfff",
    SQL,
    '" OR 1=1 --',
    "%s%n{0}",
    ESCAPE,
    "[bold]markup[/bold]",
    "-rf",
    "NaN",
    "2026-11-20T23:45:39.317Z",
    "0000-00-00T00:00:00Z",
    "9999-12-31T23:59:60Z",
    "+275760-09-13",
]
NUMBERS: list[Any] = [0, -1, 1, 2**31, 2**53, 2**63 - 1, 2**63, -(2**63) - 1, 10**30, 1e308, -0.0, 1.5, 1e-400]
SCALARS: list[Any] = [*STRINGS, *NUMBERS, None, True, False, [], {}, [[]], {"": ""}]

values = st.recursive(
    st.sampled_from(SCALARS) | st.text() | st.integers() | st.floats(allow_nan=False, allow_infinity=False),
    lambda below: (
        st.lists(below, max_size=4) | st.dictionaries(st.sampled_from(STRINGS) | st.text(), below, max_size=4)
    ),
    max_leaves=12,
)


def samples() -> list[tuple[str, str, Any]]:
    """A payload that a real client sent for each known type, and an empty one for the types that no capture has."""
    found: dict[tuple[str, str], Any] = {}
    for name in OPENCODE:
        for source, kind, payload in opencode_records(name):
            found.setdefault((source, kind), json.loads(payload))
    for name in CLAUDE_CODE:
        recording = Recording(name, Path("/home/dev"))
        for hook in recording.hooks:
            found.setdefault(("claude-code", hook["payload"]["hook_event_name"]), hook["payload"])
        for path, lines in recording.files.items():
            for text in lines if path.suffix == ".jsonl" else ():
                line = json.loads(text)
                if isinstance(line, dict):
                    found.setdefault(("claude-code", f"transcript.{line.get('type')}"), line)
    for source in BUILT_IN:
        adapter = built_in(source)
        for kind in adapter.cases if adapter else ():
            found.setdefault((source, kind), {})
    return [(source, kind, payload) for (source, kind), payload in sorted(found.items())]


SAMPLES = samples()


@st.composite
def events(draw: st.DrawFn) -> tuple[str, str, Any]:
    """A real event of which some values are anything, and some keys are gone or others'."""
    source, kind, payload = draw(st.sampled_from(SAMPLES))
    if draw(st.integers(0, 9)) == 0:
        return source, kind, draw(values)
    spoiled = json.loads(json.dumps(payload))
    for _ in range(draw(st.integers(1, 3))):
        at, key = spoiled, None
        while isinstance(at, dict | list) and at:
            key = draw(st.sampled_from(sorted(at)) if isinstance(at, dict) else st.integers(0, len(at) - 1))
            below = at[key]
            if not (isinstance(below, dict | list) and below) or draw(st.integers(0, 4)) == 0:
                break
            at = below
        if key is None:
            continue
        if draw(st.integers(0, 4)) == 0 and isinstance(at, dict):
            del at[key]
        else:
            at[key] = json.loads(json.dumps(draw(values)))  # a copy: the next one may spoil it
    return source, kind, spoiled


def encoded(payload: Any) -> bytes:
    """As a client writes it: with escapes for what UTF-8 cannot hold."""
    return json.dumps(payload).encode()
