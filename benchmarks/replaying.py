"""The log into the database: all of it again, or what is new."""

import shutil
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import apsw

from benchmarks.data import make_log
from benchmarks.measure import Measured, Row, Run, Turns, after, process, ratio
from benchmarks.place import Place, elsewhere
from projector.derived.price_table import VERSION_KEY

NEW = 100  # events to catch up on
# The least that a replay could do: each line's envelope decoded, its payload not parsed but stored unchanged.
FLOOR = """
import sys, msgspec, apsw
class Line(msgspec.Struct):
    id: str
    type: str
    payload: msgspec.Raw
db = apsw.Connection(sys.argv[1])
db.pragma("journal_mode", "OFF")
db.execute("create table e (id text primary key, type text, payload blob)")
decode = msgspec.json.Decoder(Line).decode
with db:
    for name in sys.argv[2:]:
        with open(name, "rb") as log:
            db.executemany(
                "insert into e values (?, ?, ?) on conflict (id) do update set payload = excluded.payload",
                ((e.id, e.type, bytes(e.payload)) for e in map(decode, log)),
            )
"""


def rows(place: Place) -> Iterator[Row]:
    """The rows of the replay side; they leave the database of the large log up to date."""
    size, root = place.size, place.root
    logs = sorted(root.glob("clankers-*.jsonl"))
    what = f"project --rebuild, {size.log:,} MB mixed log"
    floor = place.folder / "floor.db"
    turns = Turns(
        size.long,
        rebuild=place.clankers(root, "project", "--rebuild"),
        jq=process("jq", "-c", ".id", *logs),
        floor=after(lambda: floor.unlink(missing_ok=True), process(sys.executable, "-c", FLOOR, floor, *logs)),
    )
    decoding = "msgspec decodes, apsw upserts each event once"
    yield Row("rebuild/jq", what, "jq -c .id", 1.0, "x", turns.ratio("rebuild", "jq"))
    yield Row("rebuild/floor", what, decoding, 1.5, "x", turns.ratio("rebuild", "floor"))
    floor.unlink()

    tenth = place.folder / "tenth"
    elsewhere(make_log, tenth, size.log // 10)
    large, again = turns.peak("rebuild"), turns.peak("rebuild")
    small = Turns(1, rebuild=place.clankers(tenth, "project", "--rebuild")).peak("rebuild")

    def against_tenth() -> Measured:
        it, that = large(), small()
        return Measured(f"{it:.0f} MiB", f"{that:.0f} MiB", it / that)

    def alone() -> Measured:
        it = again()
        return Measured(f"{it:.0f} MiB", "", it)

    yield Row("rebuild-memory/tenth", "its peak memory", f"itself at {size.log // 10:,} MB", 1.1, "x", against_tenth)
    yield Row("rebuild-memory", "its peak memory", "", 250, "MiB", alone)
    yield Row("database/log", "the database's size", "its log", 0.6, "x", lambda: _sizes(root, logs))
    yield Row(
        "catch-up/empty",
        f"project, {NEW} new events, {place.events:,} recorded",
        "the same on an empty history",
        1.3,
        "x",
        _catch_up(place, logs[-1]),
    )


def _sizes(root: Path, logs: list[Path]) -> Measured:
    it, that = (root / "clankers.db").stat().st_size, sum(log.stat().st_size for log in logs)
    return Measured(f"{it / 1e6:,.1f} MB", f"{that / 1e6:,.1f} MB", it / that)


def _share_prices(known: Path, empty: Path) -> None:
    """Let `empty` know the models that `known` has met: else it alone would import the price table in the measure."""
    db = apsw.Connection(str(empty / "clankers.db"))
    db.execute("ATTACH ? AS known", (str(known / "clankers.db"),))
    db.execute("INSERT INTO prices SELECT * FROM known.prices")
    db.execute("INSERT INTO meta SELECT * FROM known.meta WHERE key = ?", (VERSION_KEY,))
    db.close()


def _catch_up(place: Place, log: Path) -> Callable[[], Measured]:
    """A measure of `project` after the same new events behind a long log, and behind none."""
    fresh, empty = place.folder / "fresh", place.folder / "empty"
    further = place.further.open("rb")
    new: list[bytes] = []

    def behind_many() -> None:
        new[:] = islice(further, NEW)
        assert len(new) == NEW, "more rounds than there are further events"
        with log.open("ab") as file:
            file.writelines(new)

    def behind_none() -> None:
        shutil.rmtree(empty, ignore_errors=True)
        shutil.copytree(fresh, empty)
        (empty / log.name).write_bytes(b"".join(new))

    def project(root: Path) -> Run:
        return place.clankers(root, "project")

    project(place.root)()
    project(fresh)()  # a database without an event
    _share_prices(place.root, fresh)
    return ratio(after(behind_many, project(place.root)), after(behind_none, project(empty)), place.size.short)
