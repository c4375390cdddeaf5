"""Many writers at once, of every kind there is, across a midnight: every line whole, none lost, none twice."""

import json
import math
import random
import subprocess
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from clankers.log.reader import log_files, read
from tests import test_opencode_plugin
from tests.commands import POSIX_ONLY, environment
from tests.faults.common import SEED, clankers, figures, keep_from_catching_up, logged
from tests.patience import DEADLINE, wait_for
from tests.sizes import sizes
from tests.test_opencode_plugin import NODE

pytestmark = [POSIX_ONLY, pytest.mark.skipif(not NODE, reason="no node to run the plugin in")]

HOUR = 3600 * 10**9
DAY = 24 * HOUR
KINDS = ("append", "stream", "plugin")
LARGEST = 5_000_000  # bytes of a line's text


class Writer:
    """One writer: its lines, of 1 B to 5 MB, and a way to bring them in."""

    def __init__(self, me: int, lines: int) -> None:
        self.me = me
        self.kind = KINDS[me % 3]
        chance = random.Random(SEED + me)
        self.sizes = [1, *(math.ceil(LARGEST ** chance.random()) for _ in range(lines - 1))]
        chance.shuffle(self.sizes)
        self.failure = ""

    def event(self, n: int) -> dict[str, Any]:
        text = chr(ord("a") + self.me % 26) * self.sizes[n]
        return {
            "type": "session.told",
            "properties": {"me": self.me, "n": n, "crc": crc32(text.encode()), "text": text},
        }

    def start(self, root: Path, plan: dict[str, Any]) -> threading.Thread:
        thread = threading.Thread(target=self._run, args=(root, {**plan, "seed": self.me}))
        thread.start()
        return thread

    def _run(self, root: Path, plan: dict[str, Any]) -> None:
        try:
            getattr(self, f"_{self.kind}")(root, plan)
        except Exception as e:  # noqa: BLE001 (told by the test's own thread)
            self.failure = f"writer {self.me} ({self.kind}): {type(e).__name__}: {e}"

    def _append(self, root: Path, plan: dict[str, Any]) -> None:
        for n in range(len(self.sizes)):
            data = json.dumps(self.event(n)).encode()
            self._ended(root, clankers("append", "opencode", **plan), data)

    def _stream(self, root: Path, plan: dict[str, Any]) -> None:
        data = b"".join(json.dumps(self.event(n)).encode() + b"\n" for n in range(len(self.sizes)))
        self._ended(root, clankers("append", "opencode", "--stream", **plan), data)

    def _ended(self, root: Path, argv: list[str], data: bytes) -> None:
        done = subprocess.run(
            argv, input=data, env=environment(root), capture_output=True, timeout=DEADLINE, check=False
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    def _plugin(self, root: Path, plan: dict[str, Any]) -> None:
        folder = root.parent / f"client-{self.me}"
        folder.mkdir()
        client = test_opencode_plugin.Client(folder, environment(root), None)
        try:
            client.load()
            client.do(f"const plan = {json.dumps({'shorts': 0, **plan})}\n" + CLIENT)
            for n in range(len(self.sizes)):
                client.tell(self.event(n))
            client.end()
        finally:
            client.close()


# As `injected` does it: the clock is wrong, and now and then a write takes only a part.
CLIENT = """
const fs = require("node:fs")
const now = () => RealDate.now() + (fs.existsSync(plan.midnight) ? plan.late : plan.shift) / 1e6
globalThis.Date = class extends RealDate {
  constructor(...given) { super(...(given.length ? given : [now()])) }
  static now() { return Math.floor(now()) }
}
const real = fs.writeSync
let state = plan.seed + 1
const random = () => (state = (state * 48271) % 2147483647) / 2147483647
let row = 0
fs.writeSync = (fd, text) => {
  if (text.length > 1) row = row < 2 && random() < plan.shorts ? row + 1 : 0
  if (text.length === 1 || !row) return real(fd, text)
  return real(fd, text.subarray(0, 1 + Math.floor(random() * (text.length - 1))))
}
syncBuiltinESMExports()
return 0
"""


def run_all(root: Path, count: int, lines: int, **plan: Any) -> list[Writer]:
    """`count` writers at once; midnight comes for all of them when the first line is there."""
    keep_from_catching_up(root)
    midnight = root.parent / "midnight"
    shift = DAY - time.time_ns() % DAY - HOUR
    plan |= {"shift": shift, "late": shift + 2 * HOUR, "midnight": str(midnight)}
    writers = [Writer(me, lines) for me in range(count)]
    threads = [writer.start(root, plan) for writer in writers]
    wait_for(lambda: any(p.stat().st_size for p in root.glob("*.jsonl")))
    midnight.touch()
    for thread in threads:
        thread.join()
    assert [w.failure for w in writers if w.failure] == []
    return writers


def assert_all_there(writers: list[Writer], payloads: list[dict[str, Any]]) -> None:
    orders = defaultdict(list)
    for payload in payloads:
        told = payload["properties"]
        assert crc32(told["text"].encode()) == told["crc"]
        assert len(told["text"]) == writers[told["me"]].sizes[told["n"]]
        orders[told["me"]].append(told["n"])
    for writer in writers:  # all of it, once, and in its own order
        assert orders.pop(writer.me) == list(range(len(writer.sizes)))
    assert not orders


@sizes(9, 64)
def test_many_writers_of_every_kind_across_a_midnight_lose_nothing_and_never_interleave(
    size: int, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    begun = time.monotonic()
    writers = run_all(root, size, 8 if size < 64 else 24)
    found = logged(root)
    assert found.torn == []
    days = Counter(line["ts"][:10] for line in found.lines)
    assert len(days) == 2
    assert len({line["id"] for line in found.lines}) == len(found.lines)
    assert_all_there(writers, [line["payload"] for line in found.lines])
    megabytes = sum(p.stat().st_size for p in root.glob("*.jsonl")) / 1e6
    kinds = Counter(w.kind for w in writers)
    figures(
        f"writers: {size} at once ({dict(kinds)}), {len(found.lines)} lines, {megabytes:.0f} MB, {dict(days)}, 0 lost, "
        f"0 double, 0 torn, {time.monotonic() - begun:.0f} s"
    )


@sizes(6, 32)
def test_many_writers_whose_writes_are_cut_short_and_interrupted_lose_nothing(size: int, tmp_path: Path) -> None:
    """A piece is followed by the whole line; others' lines may stand between, or right behind it."""
    root = tmp_path / "root"
    begun = time.monotonic()
    writers = run_all(root, size, 6 if size < 32 else 30, shorts=0.1, alarms=True)
    payloads = []
    pieces = 0
    for file in log_files(str(root)):
        for line in read(str(root), file):
            if line.event:
                payloads.append(json.loads(bytes(line.event.payload)))
            pieces += not line.event
    assert pieces > 0
    assert_all_there(writers, payloads)
    figures(
        f"writers with short writes and signals: {size} at once, {len(payloads)} lines, {pieces} pieces, 0 lost, "
        f"0 double, {time.monotonic() - begun:.0f} s"
    )
