"""A fault at each single touch of the disk that `clankers append` makes: a kill, a write cut in half, an error."""

import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.commands import POSIX_ONLY, call
from tests.faults.common import (
    SEED,
    Logged,
    clankers,
    figures,
    keep_from_catching_up,
    logged,
    numbered,
    run,
    struck,
    touches,
)
from tests.faults.test_append_kills import dated
from tests.sizes import sizes
from tests.test_project_cli import count
from tests.test_transcripts import Client

pytestmark = POSIX_ONLY

Scenario = Callable[[Path], tuple[list[str], bytes]]


def a_first_line(_: Path) -> tuple[list[str], bytes]:
    return ["append", "opencode"], numbered(0, 5000)


def a_line_behind_a_torn_tail(root: Path) -> tuple[list[str], bytes]:
    assert run(root, clankers("append", "opencode"), numbered(1)).code == 0
    log = next(root.glob("*.jsonl"))
    log.write_bytes(log.read_bytes() + b'{"v":1,"id":"torn')
    return ["append", "opencode"], numbered(0, 5000)


def a_stream(_: Path) -> tuple[list[str], bytes]:
    return ["append", "opencode", "--stream"], b"".join(numbered(n, 1_500_000) + b"\n" for n in range(6))


def a_hook_with_a_transcript(root: Path) -> tuple[list[str], bytes]:
    client = Client(root.parent / "home")
    client.say(*(dated(client, str(n), pad="x" * 1000) for n in range(5)))
    client.say(dated(client, "agent"), agent="a1")
    client.agent("a1").with_suffix(".meta.json").write_text('{"agentType":"t"}')
    return ["append", "claude-code"], json.dumps(client.hook("Stop")).encode()


SCENARIOS = [a_first_line, a_line_behind_a_torn_tail, a_stream, a_hook_with_a_transcript]


class Place:
    """A scenario in a directory of its own."""

    def __init__(self, scenario: Scenario, folder: Path) -> None:
        folder.mkdir()
        self.root = folder / "root"
        if scenario is not a_first_line:  # which makes the root
            keep_from_catching_up(self.root)
        self.args, self.data = scenario(self.root)

    def append(self, **plan: Any) -> tuple[int, str]:
        done = run(self.root, clankers(*self.args, **plan), self.data)
        assert done.out == b""
        return done.code, done.err.decode()

    def touches(self) -> list[str]:
        return touches(self.root, lambda **plan: clankers(*self.args, **plan), self.data)


def told(found: Logged) -> list[str]:
    """The numbered events in the log; for hooks, which are all alike, the transcript's records."""
    names = []
    for line in found.lines:
        if info := line["payload"].get("properties"):
            names.append(info["info"]["id"])
        elif line["type"].startswith("transcript."):
            names.append(line["id"])
    return names


def assert_whole_after_another(place: Place, scenario: Scenario, torn: int) -> None:
    """The same once more, without a fault: all of it is there, and what is imported is there once."""
    assert place.append() == (0, "")
    done = call(place.root, "project")
    assert done.code == 0, done.err
    found = logged(place.root)
    assert len(found.torn) <= torn
    assert max(Counter(line["id"] for line in found.lines).values()) == 1
    if scenario is a_hook_with_a_transcript:
        assert len(told(found)) == 7
        assert count(place.root / "clankers.db", "messages") == 6


@pytest.mark.parametrize("scenario", SCENARIOS)
@sizes(4, 10_000)
def test_append_killed_at_each_touch_of_the_disk_keeps_what_it_acknowledged(
    size: int, scenario: Scenario, tmp_path: Path
) -> None:
    made = Place(scenario, tmp_path / "undisturbed").touches()
    points = [(fault, at) for at in range(1, len(made) + 1) for fault in ("kill", "torn")]
    random.Random(SEED).shuffle(points)
    kills: Counter[str] = Counter()
    for fault, at in points:
        if kills.total() == size:
            break
        place = Place(scenario, tmp_path / f"{fault}-{at}")
        trace = tmp_path / f"trace-{fault}-{at}"
        before = logged(place.root)
        code, _ = place.append(fault=fault, at=at, seed=at, trace=str(trace))
        assert code == -9 or (scenario is a_stream and code == 0), made[at - 1]  # a stream's groups are as they come
        if code == -9:
            kills[struck(trace)[0]] += 1
        after = logged(place.root)
        assert len(after.torn) <= len(before.torn) + 1
        assert after.lines[: len(before.lines)] == before.lines
        names = told(after)[len(told(before)) :]
        if scenario is a_stream:
            assert names == [f"ses_{n:06}" for n in range(len(names))]
        assert_whole_after_another(place, scenario, len(before.torn) + 1)
    assert kills.total() >= min(size, len(made))
    figures(
        f"append, {scenario.__name__}: {kills.total()} killed at its {len(made)} touches of the disk ({dict(kills)}), "
        "0 lost, 0 double"
    )


@pytest.mark.parametrize("scenario", SCENARIOS)
@sizes(4, 10_000)
def test_append_never_says_0_where_an_error_of_the_disk_may_have_taken_its_line(
    size: int, scenario: Scenario, tmp_path: Path
) -> None:
    """Once, as a bad sector, or from there on, as a full disk: 0 with the line there and synced, or 74 and why."""
    made = Place(scenario, tmp_path / "undisturbed").touches()
    faults = [(fault, on, at) for at in range(1, len(made) + 1) for fault, on in (("eio", False), ("enospc", True))]
    faults = random.Random(SEED + 1).sample(faults, min(size, len(faults)))
    codes: Counter[int] = Counter()
    for fault, on, at in faults:
        place = Place(scenario, tmp_path / f"{fault}-{at}")
        trace = tmp_path / f"trace-{fault}-{at}"
        before = logged(place.root)
        code, err = place.append(fault=fault, on=on, at=at, trace=str(trace))
        codes[code] += 1
        what = f"{fault} at {made[at - 1]}: {err}"
        assert code in {0, 74}, what
        assert "Traceback" not in err, what
        assert all(text.startswith("clankers append: ") for text in err.splitlines()), what
        assert code == 0 or "cannot write the log" in err.splitlines()[-1], what
        after = logged(place.root)
        if code == 0:
            expected = {a_stream: 6, a_hook_with_a_transcript: 1}.get(scenario, 1)
            assert len(after.lines) - len(before.lines) >= expected, what
            assert synced(trace, place.root), what
        assert_whole_after_another(place, scenario, len(after.torn) + 1)
    figures(f"append, {scenario.__name__}: {len(faults)} errors of the disk, exit codes {dict(codes)}, 0 lost")


def synced(trace: Path, root: Path) -> bool:
    """Whether each of the log's files was synced behind the last whole write to it, and no sync of it failed."""
    open_writes = set()
    for text in trace.read_text().splitlines():
        name, path, became = text.split(" ")
        if not (path.startswith(str(root)) and path.endswith(".jsonl")):
            continue
        if name == "fsync" and became != "done":
            return False
        if name == "write" and became == "done":
            open_writes.add(path)
        if name == "fsync":
            open_writes.discard(path)
    return not open_writes
