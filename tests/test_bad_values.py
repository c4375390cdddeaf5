"""A value of an unexpected type, sign or size in any field of any recorded event means the same as its absence.

Fields that identify, link or order something are those without which an event cannot be used: of them a wrong value
is rejected, as a missing one is.
"""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from clankers.log.reader import Event
from projector.adapters import Adapters, UnusableError
from tests.feeding import CLAUDE_CODE, OPENCODE, feed_hooks, feed_transcripts, opencode_records

WRONG: tuple[Any, ...] = ("x", "", -1, 12.5, 2**70, -(2**70), 1e300, True, None, [], ["x"], {}, {"x": 1})
TS = "2026-11-20T23:45:39.317Z"
ADAPTERS = Adapters("")
SAMPLE = 1_500  # of replacements in a run; all of them under `long`

Sample = tuple[str, str, str, Any]  # source, type, id, payload
JsonPath = tuple[str | int, ...]


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    """One recorded event of each source, type and shape."""
    found: dict[tuple[str, str, str], Sample] = {}

    def add(source: str, kind: str, id: str, payload: Any) -> None:
        shape = json.dumps(sorted({".".join(str(k) for k in p if isinstance(k, str)) for p, _ in paths(payload)}))
        found.setdefault((source, kind, shape), (source, kind, id, payload))

    for name in CLAUDE_CODE:
        for feed in (feed_hooks, feed_transcripts):
            folder = tmp_path_factory.mktemp("bad-values")
            feed(name, folder / "data", folder / "home")
            for file in sorted((folder / "data").glob("*.jsonl")):
                for line in map(json.loads, file.read_text("utf-8").splitlines()):
                    add(line["source"], line["type"], line["id"], line["payload"])
    for name in OPENCODE:
        for source, kind, raw in opencode_records(name):
            add(source, kind, "x", json.loads(raw))
    return list(found.values())


def paths(value: Any, at: JsonPath = ()) -> Iterator[tuple[JsonPath, Any]]:
    """Every member and the first elements of every list, with where it is."""
    if isinstance(value, dict):
        for key, one in value.items():
            yield (*at, key), one
            yield from paths(one, (*at, key))
    elif isinstance(value, list):
        for i, one in enumerate(value[:2]):
            yield (*at, i), one
            yield from paths(one, (*at, i))


def meaning(sample: Sample, payload: Any) -> tuple[Any, list[str]] | None:
    """The changes that an event makes, as plain data, and the fields that were left out; None if it cannot be used."""
    source, kind, id, _ = sample
    raw = msgspec.Raw(json.dumps(payload).encode())
    try:
        adapted = ADAPTERS.adapt(Event(1, id, TS, "info", source, kind, raw))
    except UnusableError:
        return None
    plain = [(type(one).__name__, msgspec.structs.asdict(one)) for one in adapted.changes]
    for name, fields in plain:
        if name == "PartSeen" and source == "opencode":
            fields["data"] = None  # the part as the client wrote it
    return plain, [one.field for one in adapted.ignored]


def replaced(payload: Any, path: JsonPath, value: Any) -> Any:
    changed = copy.deepcopy(payload)
    target = changed
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = value
    return changed


def removed(payload: Any, path: JsonPath) -> Any:
    changed = copy.deepcopy(payload)
    target = changed
    for key in path[:-1]:
        target = target[key]
    del target[path[-1]]
    return changed


def written(path: JsonPath) -> str:
    return "$" + "".join(f"[{key}]" if isinstance(key, int) else f".{key}" for key in path)


def check(sample: Sample, path: JsonPath, value: Any) -> None:
    _, kind, _, payload = sample
    bad, absent = meaning(sample, replaced(payload, path, value)), meaning(sample, removed(payload, path))
    place = f"{kind} {written(path)} = {value!r}"
    if bad is None:
        # Without it the event cannot be used either, or it is an object that is there for what is in it.
        assert absent is None, f"{place}: the event was rejected for a value that it can be used without"
    elif bad[1]:
        assert absent is not None, place
        assert bad[0] == absent[0], place
        assert all(f"properties.{field}".endswith(field) for field in bad[1]), place


def replacements(samples: list[Sample]) -> list[tuple[Sample, JsonPath, Any]]:
    return [(sample, path, value) for sample in samples for path, _ in paths(sample[3]) for value in WRONG]


def test_a_bad_value_costs_only_itself(samples: list[Sample]) -> None:
    every = replacements(samples)
    assert len(every) > 10 * SAMPLE
    for sample, path, value in random.Random(1).sample(every, SAMPLE):
        check(sample, path, value)


@pytest.mark.long
def test_every_bad_value_costs_only_itself(samples: list[Sample]) -> None:
    for sample, path, value in replacements(samples):
        check(sample, path, value)
