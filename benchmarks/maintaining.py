"""What keeping the log costs: its days compressed, and all of it checked."""

import shutil
import statistics
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.measure import Measured, Row, ratio, seconds
from benchmarks.place import Place
from clankers.log import envelope
from clankers.log.writer import file_name

DAYS = 1500
EVENTS = 5  # of a day


def rows(place: Place) -> Iterator[Row]:
    """The rows of `archive` and `verify`; the latter on the large log, its database up to date."""
    yield Row("archive-days", f"archive of {DAYS:,} small days", "", 2.0, "s", lambda: _archive(place))
    rebuild, verify = (place.clankers(place.root, *words) for words in (("project", "--rebuild"), ("verify",)))
    yield Row(
        "verify/rebuild",
        f"verify, {place.size.log:,} MB mixed log, database included",
        "project --rebuild",
        1.3,
        "x",
        ratio(verify, rebuild, place.size.long),
    )


def _archive(place: Place) -> Measured:
    root = place.folder / "days"

    def once() -> float:
        shutil.rmtree(root, ignore_errors=True)
        _make_days(root)
        return place.clankers(root, "archive")().wall

    took = statistics.median(once() for _ in range(place.size.long))
    return Measured(seconds(took), "", took)


def _make_days(root: Path) -> None:
    root.mkdir(mode=0o700)
    first = datetime(2020, 1, 1, 12, tzinfo=UTC)
    for day in (first + timedelta(days=n) for n in range(DAYS)):
        now = int(day.timestamp()) * 10**9
        lines = (
            envelope.line("toy", "beat", b'{"n":%d}' % n, level="info", id=f"{day.date()}-{n}", now_ns=now + n)
            for n in range(EVENTS)
        )
        (root / file_name(day.date().isoformat())).write_bytes(b"".join(lines))
