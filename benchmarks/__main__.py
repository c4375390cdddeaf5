"""What recording, replaying and reading cost, against a floor or a peer in the same run: `python -m benchmarks`.

The targets are for the full size, 1 GB of log; the small one is for CI. What the last run with --record showed is kept
in benchmarks/recorded; a run ends with 1 where a value is, measured twice, worse than twice that.
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

from benchmarks import asking, backfilling, hooks, maintaining, paging, reading, recording, replaying, table, watching
from benchmarks.data import make_log
from benchmarks.place import SIZES, Place, elsewhere

AREAS = (recording, hooks, replaying, watching, reading, asking, paging, backfilling, maintaining)
RECORDED = Path(__file__).with_name("recorded")  # <size>.json: values by the rows' keys; <size>.md: the table


def main() -> int:
    """Measure, print the table; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--size", choices=SIZES, default="full", help="small: a minute; full: ten minutes or more (default)"
    )
    parser.add_argument(
        "--record", action="store_true", help="keep what this run shows, for later ones to be held against"
    )
    options = parser.parse_args()
    values, shown = (RECORDED / f"{options.size}{suffix}" for suffix in (".json", ".md"))
    before = {} if options.record or not values.exists() else json.loads(values.read_text("utf-8"))
    lines = []

    def show(line: str) -> None:
        lines.append(line)
        print(line, flush=True)

    show(f"{_machine()}; size {options.size}:\n")
    with tempfile.TemporaryDirectory(prefix="clankers-bench-", ignore_cleanup_errors=True) as folder:
        place = Place(Path(folder), SIZES[options.size], 0)
        place = place._replace(events=elsewhere(make_log, place.root, place.size.log, further=place.further))
        found = table.measure(chain.from_iterable(area.rows(place) for area in AREAS), before, show)
    if options.record:
        RECORDED.mkdir(exist_ok=True)
        values.write_text(json.dumps(found.values, indent=2) + "\n", "utf-8")
        shown.write_text("\n".join(lines) + "\n", "utf-8")
    for message in found.worse:
        print(f"benchmarks: {message}", file=sys.stderr)
    return 1 if found.worse else 0


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
