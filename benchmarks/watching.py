"""`project --watch`: how soon a line is a row, and what waiting costs."""

import json
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count

import apsw

from benchmarks.measure import Measured, Row, Skipped, percentile, seconds
from benchmarks.place import Place, clankers
from clankers.log import envelope
from clankers.log.writer import Log

DEADLINE = 60  # seconds after which a row that does not come ends the benchmark
PAUSE = 0.4  # seconds between two appends, at most


def rows(place: Place) -> Iterator[Row]:
    """The rows of the watcher, which follows the large log."""
    with _watcher(place) as pid:
        times = _Times(place)
        yield Row(
            "watch-p99",
            f"--watch: from append to visible row, p99 of {place.size.appends}",
            "(p50)",
            250,
            "ms",
            times.measure,
        )
        yield Row("watch-idle", "--watch: CPU when idle", "a core", 1, "%", lambda: _idle(pid, place.size.idle))


@contextmanager
def _watcher(place: Place) -> Iterator[int]:
    """A watcher at work; its process."""
    watcher = subprocess.Popen(
        (clankers(), "project", "--watch"), env=place.environment(place.root), stdout=subprocess.DEVNULL
    )
    try:
        yield watcher.pid
    finally:
        watcher.send_signal(signal.SIGINT)
        watcher.wait(DEADLINE)


class _Times:
    def __init__(self, place: Place) -> None:
        self._place = place
        self._rng = random.Random(1)
        self._numbers = count()
        self._latency()  # the watcher has begun

    def measure(self) -> Measured:
        found = []
        for _ in range(self._place.size.appends):
            time.sleep(self._rng.uniform(0, PAUSE))  # so that appends fall anywhere between two looks
            found.append(self._latency())
        it = percentile(found, 0.99)
        return Measured(seconds(it), seconds(percentile(found, 0.5)), it * 1000)

    def _latency(self) -> float:
        """Seconds from the append of a line until another connection sees its row."""
        root = self._place.root
        id = f"ses_watched_{next(self._numbers)}"
        now = time.time_ns()
        info = {"id": id, "directory": "/src/watched", "title": "watched", "time": {"created": now // 10**6}}
        payload = json.dumps({"type": "session.created", "properties": {"info": info}}).encode()
        with Log(str(root)) as log:
            begun = time.perf_counter()
            log.write(envelope.day_of(now), [envelope.line("opencode", "session.created", payload, now_ns=now)])
            db = apsw.Connection(str(root / "clankers.db"), flags=apsw.SQLITE_OPEN_READONLY)
            db.set_busy_timeout(1000)
            try:
                while db.execute("SELECT 1 FROM sessions WHERE id = ?", (id,)).get is None:
                    if time.perf_counter() - begun > DEADLINE:
                        raise SystemExit(f"the watcher made no row of session {id} in {DEADLINE} s")
                    time.sleep(0.001)
                return time.perf_counter() - begun
            finally:
                db.close()


def _idle(pid: int, span: float) -> Measured:
    """The share of a core, in percent, that the process takes while nothing happens."""
    if sys.platform != "linux":
        raise Skipped("only Linux reports another process's CPU time this finely")
    clock = (~pid << 3) | 2  # as clock_getcpuclockid(3) makes it
    time.sleep(1)  # the last row's checkpoint is over
    begun, used = time.perf_counter(), time.clock_gettime(clock)
    time.sleep(span)
    used, span = time.clock_gettime(clock) - used, time.perf_counter() - begun
    return Measured(seconds(used), seconds(span), 100 * used / span)
