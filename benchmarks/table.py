"""The table: each row measured, shown, and held against what was recorded of it."""

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from benchmarks.measure import Measured, Row, Skipped

SLACK = 2  # times its recorded value that a value may be
HEAD = "| what | against | it | that | ratio | target | met |\n|---|---|---|---|---|---|---|"


class Found(NamedTuple):
    """What the rows showed: values by the rows' keys, and what is worse than it was, for a person."""

    values: dict[str, float]
    worse: list[str]


def measure(rows: Iterable[Row], before: Mapping[str, float], show: Callable[[str], object]) -> Found:
    """Measure `rows`; each is shown as a line as soon as it is done.

    Args:
        rows: what is measured, one after the other.
        before: recorded values by the rows' keys; a row without one is held against nothing.
        show: called with each line of the table.
    """
    found = Found({}, [])
    show(HEAD)
    for row in rows:
        limit = SLACK * before.get(row.key, float("inf"))
        try:
            done = row.measure()
            if done.value > limit:  # a machine that had other things to do; a row that is slow is so twice
                done = min(done, row.measure(), key=lambda measured: measured.value)
        except Skipped as e:
            show(f"| {row.what} | {row.against} | skipped: {e} | | | | |")
            continue
        show(_line(row, done))
        found.values[row.key] = round(done.value, 3)
        if done.value > limit:
            found.worse.append(
                f"{row.what}, against {row.against}: {_value(row, done.value)} is more than {SLACK} times the "
                f"{_value(row, before[row.key])} recorded"
            )
    return found


def _line(row: Row, done: Measured) -> str:
    met = "yes" if done.value <= row.target else "no"
    cells = (row.what, row.against, done.it, done.that, _value(row, done.value), f"≤ {_value(row, row.target)}", met)
    return f"| {' | '.join(cells)} |"


def _value(row: Row, value: float) -> str:
    return f"{value:.2f}x" if row.unit == "x" else f"{value:.3g} {row.unit}"
