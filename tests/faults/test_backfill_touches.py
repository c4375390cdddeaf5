"""A fault at each single touch of the disk that `clankers backfill` makes: the next one makes the log whole."""

import os
import random
import shutil
from collections import Counter
from pathlib import Path

import pytest

from tests.commands import POSIX_ONLY
from tests.faults.common import SEED, clankers, figures, logged, run, struck, touches
from tests.feeding import CAPTURES
from tests.sizes import sizes
from tests.test_transcripts import Client, user

pytestmark = POSIX_ONLY

SESSIONS = 70  # more than are held at once
ARGS = ("backfill", "--all")


@pytest.fixture(autouse=True)
def nothing_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_DATA_HOME", "CLAUDE_CONFIG_DIR"):
        monkeypatch.delenv(name, raising=False)


def store(home: Path) -> None:
    """Sessions of both harnesses; of one the transcript is longer than what is written at once."""
    for n in range(SESSIONS):
        client = Client(home, f"{n:08}-2222-4333-8444-555555555555")
        client.say(user(1), b"not json\n", {"type": "mode"}, user(2, pad="x" * (200_000 if n == 3 else 100)))
        if n % 10 == 0:
            client.say(user(3), agent="a1")
            client.agent("a1").with_suffix(".meta.json").write_text('{"agentType":"t"}')
        os.utime(client.path, (1_770_000_000 + n, 1_770_000_000 + n))
    opencode = home / ".local" / "share" / "opencode"
    shutil.copytree(CAPTURES / "opencode" / "1.1.65" / "storage", opencode / "storage")


def ids(root: Path) -> list[str]:
    return sorted(line["id"] for line in logged(root).lines)


def backfill(root: Path, **plan: object) -> int:
    """Its exit code, in a root of its own in a home that many share."""
    done = run(root, clankers(*ARGS, **plan))
    assert b"Traceback" not in done.err, done.err
    return done.code


@sizes(6, 200)
def test_a_backfill_killed_at_each_touch_of_the_disk_is_made_whole_by_the_next(size: int, tmp_path: Path) -> None:
    store(tmp_path)
    made = touches(tmp_path / "undisturbed", lambda **plan: clankers(*ARGS, **plan))
    wanted = ids(tmp_path / "undisturbed")
    assert len(wanted) == len(set(wanted)) > 4 * SESSIONS
    points = [(fault, at) for at in range(1, len(made) + 1) for fault in ("kill", "torn")]
    kills: Counter[str] = Counter()
    for fault, at in random.Random(SEED).sample(points, min(size, len(points))):
        root = tmp_path / f"{fault}-{at}"
        trace = tmp_path / "trace-of-it"
        trace.unlink(missing_ok=True)
        assert backfill(root, fault=fault, at=at, seed=at, trace=str(trace)) == -9
        kills[struck(trace)[0]] += 1
        assert set(ids(root)) <= set(wanted)
        assert backfill(root) == 0
        assert ids(root) == wanted, made[at - 1]
        assert len(logged(root).torn) <= 1
        shutil.rmtree(root)
    figures(f"backfill: killed at its {len(made)} touches of the disk ({dict(kills)}), 0 lost, 0 double")


@sizes(6, 200)
def test_a_backfill_that_the_disk_fails_is_made_whole_by_the_next(size: int, tmp_path: Path) -> None:
    """What was not synced is gone with the error, as a power loss takes it; no cursor may say that it was read."""
    store(tmp_path)
    root = tmp_path / "root"
    assert backfill(root) == 0
    wanted = ids(root)
    shutil.rmtree(root)
    for at in range(1, size + 1):
        trace = tmp_path / "trace-of-it"
        trace.unlink(missing_ok=True)
        code = backfill(root, fault="eio", at=at, only=".jsonl", trace=str(trace))
        failed = [text for text in trace.read_text().splitlines() if text.endswith(" eio")]
        if not failed:
            break  # it has no more touches than that
        if failed[0].startswith("fsync"):
            assert code == 74
            for path in root.glob("*.jsonl"):
                path.unlink()
        assert backfill(root) == 0
        assert ids(root) == wanted, failed
        shutil.rmtree(root)


def test_many_sessions_share_a_sync_and_no_cursor_is_ahead_of_it(tmp_path: Path) -> None:
    store(tmp_path)
    made = [text.split(" ") for text in touches(tmp_path / "root", lambda **p: clankers(*ARGS, **p))]
    assert 2 <= sum(name == "fsync" and path.endswith(".jsonl") for name, path, _ in made) <= 4
    last = {path: n for n, (name, path, _) in enumerate(made) if name == "write" and "/cursors/" in path}
    assert len(last) == SESSIONS
    synced = True
    for n, (name, path, _) in enumerate(made):
        if path.endswith(".jsonl") and name in {"write", "fsync"}:
            synced = name == "fsync"
        assert synced or last.get(path) != n, path
