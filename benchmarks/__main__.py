"""What recording, replaying and reading cost, against a floor or a peer in the same run: `python -m benchmarks`.

The small size is for CI; targets are for the full one. Ends with 1 where a value is worse than twice its recorded one,
measured twice; `--record` records the values of this run instead.
"""

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tempfile
from itertools import chain
from pathlib import Path

from benchmarks import backfilling, reading, recording, replaying, watching
from benchmarks.data import make_log
from benchmarks.measure import Measured, Row, Skipped
from benchmarks.place import SIZES, Place, elsewhere

AREAS = (recording, replaying, watching, reading, backfilling)
RECORDED = Path(__file__).with_name("recorded.json")  # {size: {a row's key: its value}}
SLACK = 2  # times its recorded value that a value may be


def main() -> int:
    """Measure, print the table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--size", choices=SIZES, default="full", help="small: under a minute; full: 1 GB (default)")
    parser.add_argument("--record", action="store_true", help="keep these values for later runs to be held against")
    options = parser.parse_args()
    recorded = json.loads(RECORDED.read_text("utf-8")) if RECORDED.exists() else {}
    before = {} if options.record else recorded.get(options.size, {})
    values: dict[str, float] = {}
    worse = []
    print(f"{_machine()}; size {options.size}\n")
    print("| what | against | it | that | ratio | target | met |\n|---|---|---|---|---|---|---|", flush=True)
    with tempfile.TemporaryDirectory(prefix="clankers-bench-", ignore_cleanup_errors=True) as folder:
        place = Place(Path(folder), SIZES[options.size], 0)
        place = place._replace(events=elsewhere(make_log, place.root, place.size.log, further=place.further))
        for row in chain.from_iterable(area.rows(place) for area in AREAS):
            try:
                done = _measure(row, before.get(row.key))
            except Skipped as e:
                print(f"| {row.what} | {row.against} | skipped: {e} | | | | |", flush=True)
                continue
            print(_line(row, done), flush=True)
            values[row.key] = done.value
            if row.key in before and done.value > SLACK * before[row.key]:
                worse.append(f"{row.what}: {_value(row, done.value)}, recorded {_value(row, before[row.key])}")
    if options.record:
        recorded[options.size] = {key: round(value, 3) for key, value in values.items()}
        RECORDED.write_text(json.dumps(recorded, indent=2, sort_keys=True) + "\n", "utf-8")
    for message in worse:
        print(f"benchmarks: more than {SLACK} times what was recorded: {message}", file=sys.stderr)
    return 1 if worse else 0


def _measure(row: Row, before: float | None) -> Measured:
    """The row's values; the better of two, where the first is too bad to believe."""
    done = row.measure()
    if before is not None and done.value > SLACK * before:
        done = min(done, row.measure(), key=lambda measured: measured.value)
    return done


def _line(row: Row, done: Measured) -> str:
    met = "yes" if done.value <= row.target else "no"
    cells = (row.what, row.against, done.it, done.that, _value(row, done.value), f"≤ {_value(row, row.target)}", met)
    return f"| {' | '.join(cells)} |"


def _value(row: Row, value: float) -> str:
    return f"{value:.2f}x" if row.unit == "x" else f"{value:.3g} {row.unit}"


def _machine() -> str:
    """What the peers are, on which the ratios depend."""
    found = [f"{platform.system()}, Python {platform.python_version()}"]
    for name in ("jq", "node"):
        if path := shutil.which(name):
            said = subprocess.run((path, "--version"), stdout=subprocess.PIPE, text=True, check=False).stdout.strip()
            found.append(said if said.startswith(name) else f"{name} {said}")
    return ", ".join(found)


if __name__ == "__main__":
    sys.exit(main())
