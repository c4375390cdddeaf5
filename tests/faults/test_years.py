"""Years of use: time and memory stay in proportion to what there is, measured against a tenth of it in the same run."""

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pytest

from clankers.log import envelope
from clankers.log.writer import file_name
from tests.commands import POSIX_ONLY, session
from tests.faults.common import clankers, figures, run, three_a_session
from tests.feeding import Record

pytestmark = [POSIX_ONLY, pytest.mark.long]
NOW = 1_700_000_000 * 10**9
DAY = 86_400 * 10**9
NOISE = (
    1.6  # how much more than ten times the time ten times the work may take, on a machine that does other things too
)
SHARE = float(os.environ.get("CLANKERS_YEARS", "1"))  # of the sizes: 0.1 for a look


class Cost(NamedTuple):
    seconds: float
    megabytes: float


# A process begins with the memory of the one that starts it: a small one.
MEASURE = """
import json, resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(json.dumps([code, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""


def cost(root: Path, *args: str, data: bytes = b"") -> Cost:
    """What a command costs: processor time, and memory at its most."""
    done = run(root, [sys.executable, "-ISc", MEASURE, *clankers(*args)], data, seconds=3600)
    code, seconds, megabytes = json.loads(done.out)
    assert code in ({0, 1} if args[0] == "doctor" else {0}), done.err
    return Cost(seconds, megabytes)


def put(root: Path, day: int, records: Iterator[Record]) -> int:
    """A day's log file, written in one go; returns its bytes."""
    root.mkdir(mode=0o700, exist_ok=True)
    now = NOW + day * DAY
    path = root / file_name(envelope.day_of(now))
    with path.open("wb") as log:
        log.writelines(envelope.line(s, kind, payload, now_ns=now) for s, kind, payload in records)
    return path.stat().st_size


def days(root: Path, count: int) -> int:
    """`count` daily files of 30 lines."""
    return sum(put(root, n, iter(three_a_session(n * 10, 10, pad=200))) for n in range(count))


def a_day(root: Path, megabytes: int) -> int:
    """One day of so many MB, of sessions with a long text each."""
    count = megabytes * 1000 // 16
    return put(root, 0, (r for n in range(count) for r in three_a_session(n, 1, pad=15_000)))


def many_sessions(root: Path, count: int) -> int:
    """So many sessions, over 100 days."""
    numbers = iter(range(count))
    return sum(
        put(root, d, (session(f"ses_{n:07}", created=n) for n in islice(numbers, count // 100))) for d in range(100)
    )


@pytest.mark.parametrize(("make", "full"), [(days, 1000), (a_day, 1000), (many_sessions, 1_000_000)])
def test_ten_times_as_much_takes_ten_times_as_long_and_hardly_more_memory(
    make: Callable[[Path, int], int], full: int, tmp_path: Path
) -> None:
    full = round(full * SHARE)
    costs: list[dict[str, Cost]] = []
    for amount in (full // 10, full):
        root = tmp_path / str(amount)
        begun = time.monotonic()
        size = make(root, amount)
        figures(f"years: {make.__name__}({amount}): {size / 1e6:.0f} MB made in {time.monotonic() - begun:.0f} s")
        one = json.dumps({"type": "session.created", "properties": {"info": {"id": "ses_last"}}}).encode()
        costs.append(
            {
                "project, all": cost(root, "project"),
                "project, nothing": cost(root, "project"),
                "append": cost(root, "append", "opencode", data=one),
                "project, one": cost(root, "project"),
                "sessions": cost(root, "sessions"),
                "query": cost(root, "query", "SELECT count(*) FROM sessions"),
                "doctor": cost(root, "doctor"),
                "rebuild": cost(root, "project", "--rebuild"),
            }
        )
        shutil.rmtree(root)
    small, large = costs
    for what in large:
        figures(
            f"years: {make.__name__}({full}): {what}: {large[what].seconds:.2f} s, {large[what].megabytes:.0f} MB; "
            f"of a tenth: {small[what].seconds:.2f} s, {small[what].megabytes:.0f} MB"
        )
    for what in large:
        assert large[what].seconds < 10 * NOISE * small[what].seconds + 1, what
        assert large[what].megabytes < 2 * small[what].megabytes + 100, what
    for what in ("append", "project, nothing", "project, one"):  # what happens all the time hardly depends on the past
        assert large[what].seconds < 3 * small[what].seconds + 0.5, what
