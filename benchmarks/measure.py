"""What measuring is made of: processes, run in turns, and what they cost.

Machines are noisy, so a measure and what it is compared with run in turns, and medians are compared.
"""

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from itertools import count
from pathlib import Path
from typing import NamedTuple


class Cost(NamedTuple):
    """What a process took.

    Attributes:
        wall: seconds of the clock.
        peak: the most memory that it had at once, in MiB; None where this process had more, which hides it on Linux.
    """

    wall: float
    peak: float | None


class Measured(NamedTuple):
    """What a row shows: our side, the other side, and the value that has a target."""

    it: str
    that: str
    value: float


class Row(NamedTuple):
    """A row to be measured, as often as is needed.

    Attributes:
        key: what its recorded value is kept by.
        what: our side.
        against: the other side.
        target: the value is to be no more than this.
        unit: of both: `x` for a ratio.
        measure: does it.
    """

    key: str
    what: str
    against: str
    target: float
    unit: str
    measure: Callable[[], Measured]


class Skipped(Exception):  # noqa: N818 (no error: a row that cannot be had here; the message says why)
    """A row that cannot be measured on this machine."""


Run = Callable[[], Cost]


def program(name: str) -> str:
    """Where the program is.

    Raises:
        Skipped: it is not there.
    """
    found = shutil.which(name)
    if not found:
        raise Skipped(f"no {name} on the PATH")
    return found


def process(
    name: str,
    *arguments: str | Path,
    stdin: Path | None = None,
    env: dict[str, str] | None = None,
    niceness: int = 0,
) -> Run:
    """A run of the program `name`, its input from the file `stdin`, its output dropped.

    With `niceness` it lets others go first, as that which it is compared with does.

    Raises:
        Skipped: from the run, when there is no such program.
        SystemExit: from the run, when it fails.
    """

    def run() -> Cost:
        from resource import RUSAGE_SELF, getrusage  # not on Windows, where this module is only imported

        command = (*(("nice", "-n", str(niceness)) if niceness else ()), program(name), *arguments)
        with open(stdin or os.devnull, "rb") as given:
            begun = time.perf_counter()
            child = subprocess.Popen(command, stdin=given, stdout=subprocess.DEVNULL, env=env)
            _, status, used = os.wait4(child.pid, 0)
            wall = time.perf_counter() - begun
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(f"{' '.join(map(str, command))[:200]}: ended with {child.returncode}")
        seen = used.ru_maxrss > getrusage(RUSAGE_SELF).ru_maxrss
        return Cost(wall, used.ru_maxrss / _MAXRSS if seen else None)

    return run


def first_output(run: Sequence[str | Path], env: dict[str, str], size: int) -> float:
    """Seconds until the command `run` has printed `size` bytes; the rest is read, and not counted.

    Raises:
        SystemExit: it fails.
    """
    begun = time.perf_counter()
    with subprocess.Popen(run, stdout=subprocess.PIPE, env=env) as child:
        assert child.stdout
        child.stdout.read(size)
        wall = time.perf_counter() - begun
        while child.stdout.read(1 << 20):
            pass
    if child.returncode:
        raise SystemExit(f"{' '.join(map(str, run))[:200]}: ended with {child.returncode}")
    return wall


_MAXRSS = 1 << 20 if sys.platform == "darwin" else 1 << 10  # ru_maxrss to MiB: bytes there, KiB elsewhere


def after(prepare: Callable[[], object], run: Run) -> Run:
    """`run`, each time after `prepare`, which is not counted."""

    def prepared() -> Cost:
        prepare()
        return run()

    return prepared


class Turns:
    """Runs in turns, which several rows may share: they are measured once, and again for a row that asks again.

    Args:
        rounds: how often each is run.
        runs: by name.
    """

    def __init__(self, rounds: int, **runs: Run) -> None:
        self._rounds = rounds
        self._runs = runs
        self._costs: list[dict[str, list[Cost]]] = []  # of each measurement, by name
        self._skipped: dict[str, Skipped] = {}

    def ratio(self, ours: str, theirs: str) -> Callable[[], Measured]:
        """A measure for a row: the median seconds of the run `ours` over that of the run `theirs`."""
        times = count()

        def measure() -> Measured:
            costs = self._measurement(next(times))
            it, that = (statistics.median(cost.wall for cost in self._of(costs, name)) for name in (ours, theirs))
            return Measured(seconds(it), seconds(that), it / that)

        return measure

    def peak(self, name: str) -> Callable[[], float]:
        """The median over the rounds of the most memory that the run `name` had at once, in MiB, for a row.

        Raises:
            Skipped: from the call, where this process had more.
        """
        times = count()

        def measure() -> float:
            peaks = [cost.peak for cost in self._of(self._measurement(next(times)), name) if cost.peak]
            if not peaks:
                raise Skipped("the benchmark itself took more memory")
            return statistics.median(peaks)

        return measure

    def _measurement(self, which: int) -> dict[str, list[Cost]]:
        while len(self._costs) <= which:
            found: dict[str, list[Cost]] = {name: [] for name in self._runs}
            for name in list(found) * self._rounds:
                if name in self._skipped:
                    continue
                try:
                    found[name].append(self._runs[name]())
                except Skipped as e:
                    self._skipped[name] = e
            self._costs.append(found)
        return self._costs[which]

    def _of(self, costs: dict[str, list[Cost]], name: str) -> list[Cost]:
        if name in self._skipped:
            raise self._skipped[name]
        return costs[name]


def ratio(ours: Run, theirs: Run, rounds: int) -> Callable[[], Measured]:
    """A measure of both, run in turns: the first's median over the second's."""
    return Turns(rounds, ours=ours, theirs=theirs).ratio("ours", "theirs")


def seconds(value: float) -> str:
    """`value` (seconds) as it is read best."""
    if value < 0.001:
        return f"{value * 1e6:.1f} µs"
    return f"{value * 1000:.1f} ms" if value < 1 else f"{value:.2f} s"


def percentile(values: Iterable[float], share: float) -> float:
    """The smallest of `values` that `share` (0 to 1) of them do not exceed."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]
