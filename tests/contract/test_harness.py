"""What every registered harness keeps to, with its captures: however a session is heard, its rows are the same."""

import json
import os
import random
import re
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from clankers import harnesses
from clankers.harnesses.base import Harness
from clankers.ingest import batch, database
from clankers.ingest.cursor import Cursor
from clankers.ingest.fingerprints import Fingerprints
from projector.adapters import built_in
from tests.contract.captures import ALL, BY_IMPORT_ALONE, Captures, feed_live, feed_stores, interleaved, only
from tests.feeding import Record, append, project, rows

CLOCK = 1_800_000_000 * 10**9  # what says no time of its own has that of its append: one for all
Rows = dict[str, list[dict[str, Any]]]
EACH = pytest.mark.parametrize("captures", ALL.values(), ids=ALL)
WITH_EVENTS = {name: captures for name, captures in ALL.items() if captures.harness not in harnesses.WATCHED}
# Of the others a source is rows of a database that all share, or a file that is not read for a session alone.
WITHOUT_FILES = ("opencode", "kilo", "hermes", "aider")
WITH_FILES = {one.harness: one for one in ALL.values() if one.harness not in WITHOUT_FILES}
KEYED = ("sessions", "messages", "parts", "tools")
# What a cell says, and of which rows there must be one; the first that has one is said, — if none has.
CELLS = {
    "tokens": {
        "response": "messages WHERE prompt_tokens > 0 AND NOT session_total",
        "session": "messages WHERE prompt_tokens > 0 AND session_total",
    },
    "cost": {"client": "messages WHERE cost_source = 'client'", "estimate": "messages WHERE prompt_tokens > 0"},
    "tools": {"yes": "tools WHERE success = 0"},
    "exit codes": {"yes": "tools WHERE exit_code > 0"},
    "subagents": {"yes": "sessions WHERE parent_id IS NOT NULL"},
    "forks": {"yes": "sessions WHERE forked_from IS NOT NULL"},
    "errors": {"yes": "session_errors"},
    "titles": {"yes": "session_facts WHERE name = 'title'"},
}
HOSTILE: list[Any] = [None, True, -1, 2**70, 1e308, "", "\x00\ud800", [], {}, [[]], {"": None}]


@pytest.fixture(autouse=True)
def one_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "time_ns", lambda: CLOCK)
    for variable in ("CLINE_DIR", "CONTINUE_GLOBAL_DIR", "AIDER_CHAT_HISTORY_FILE", "HERMES_HOME", "KIMI_CODE_HOME"):
        monkeypatch.setenv(variable, "")  # captures set it
    monkeypatch.setattr(database, "_BUSY_MS", 50)
    monkeypatch.setattr(batch, "_PATIENCE", 0.01)


def rows_of(root: Path, without: frozenset[str] = frozenset()) -> Rows:
    columns: dict[str, set[str]] = {}
    for name in without:
        table, _, column = name.partition(".")
        columns.setdefault(table, set()).add(column)
    with closing(project(root)) as db:
        return rows(db, without=columns)


def only_one_way(harness: str) -> frozenset[str]:
    """The columns that one way of hearing does not know, as the adapter declares them."""
    adapter = built_in(harness)
    assert adapter
    return adapter.only_live | adapter.only_past


def ids(found: Rows, table: str) -> set[str]:
    """But for sums that a client reports for a session: their rows have only what no message has."""
    return {row["id"] for row in found[table] if not row.get("session_total")}


def log_ids(root: Path) -> list[str]:
    return [json.loads(line)["id"] for file in sorted(root.glob("clankers-*.jsonl")) for line in file.open("rb")]


def test_every_harness_has_captures() -> None:
    understood = {name for name in harnesses.BUILT_IN if built_in(name)}
    assert {captures.harness for captures in ALL.values()} == understood


@EACH
def test_every_event_is_understood(captures: Captures, tmp_path: Path) -> None:
    root = tmp_path / "data"
    feed_live(root, captures.live(tmp_path))
    captures.store(tmp_path / "stored")
    assert feed_stores(root, captures.harness, tmp_path / "stored").problems == []
    with closing(project(root)) as db:
        assert db.execute("SELECT count(*) FROM rejects").get == 0
        assert db.execute("SELECT type FROM event_types WHERE NOT known").fetchall() == []


@EACH
def test_live_and_stored_make_the_same_rows_in_either_order(captures: Captures, tmp_path: Path) -> None:
    """Either way alone makes the same rows, too, but for the columns that the adapter declares."""
    one_way = captures.lacks | only_one_way(captures.harness)
    live, both, past = (tmp_path / name for name in ("live", "both", "past"))
    feed_live(live, captures.live(tmp_path))
    feed_live(both, captures.live(tmp_path))
    captures.store(tmp_path)
    feed_stores(both, captures.harness, tmp_path)
    feed_stores(past, captures.harness, tmp_path)
    stored, heard = rows_of(past, one_way), rows_of(live, one_way)
    if captures.lacks_rows:
        for table in KEYED:
            assert ids(stored, table) <= ids(heard, table)
    else:
        assert stored == heard
    assert rows_of(both, captures.lacks) == rows_of(live, captures.lacks)
    feed_live(past, captures.live(tmp_path))
    assert rows_of(past) == rows_of(both)


@EACH
def test_what_is_stored_is_logged_once(captures: Captures, tmp_path: Path) -> None:
    root = tmp_path / "data"
    feed_live(root, captures.live(tmp_path))
    captures.store(tmp_path)
    feed_stores(root, captures.harness, tmp_path)
    logged = log_ids(root)
    assert [id for id, count in Counter(logged).items() if count > 1] == []
    assert feed_stores(root, captures.harness, tmp_path).records == 0
    assert log_ids(root) == logged


@pytest.mark.parametrize("captures", WITH_FILES.values(), ids=WITH_FILES)
def test_what_changes_a_source_changes_its_fingerprint(captures: Captures, tmp_path: Path) -> None:
    """A source that looks the same is not opened, so each file whose growth is read must show in the fingerprint."""
    root, home = tmp_path / "data", tmp_path / "home"
    captures.store(home)
    feed_stores(root, captures.harness, home)
    seen = 0
    with only(home):
        sources = list(harnesses.load(captures.harness, str(root)).sources())
        kept = {source.session: Fingerprints(str(root)).of(source) for source in sources}
        for path in [path for path in home.rglob("*") if path.is_file()]:
            before, times = path.read_bytes(), path.stat()
            path.write_bytes(before + b"{}\n")
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns + 1))
            for source in sources:
                with Cursor(str(root), source.session) as cursor:
                    changed = source.compare(cursor.offsets, cursor.versions) is not None
                now = Fingerprints(str(root)).of(source)
                assert now != kept[source.session] or not changed, path
                seen += changed
            path.write_bytes(before)
            os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    assert None not in kept.values()
    assert seen >= len(sources) > 0


@EACH
def test_events_that_come_twice_make_the_rows_of_one(captures: Captures, tmp_path: Path) -> None:
    feed_live(tmp_path / "once", captures.live(tmp_path))
    twice = tmp_path / "twice"
    feed_live(twice, captures.live(tmp_path))
    with closing(project(twice)):
        pass
    for file in twice.glob("clankers-*.jsonl"):
        file.write_bytes(file.read_bytes() * 2)
    assert rows_of(twice) == rows_of(tmp_path / "once")


@EACH
def test_captures_in_any_order_and_interleaved_make_the_same_rows(captures: Captures, tmp_path: Path) -> None:
    def feeds(name: str) -> tuple[Path, list[Iterator[Record]]]:
        return tmp_path / name, captures.live(tmp_path / "home")

    in_order, feed = feeds("in order")
    feed_live(in_order, feed)
    shuffled, feed = feeds("shuffled")
    random.Random(0).shuffle(feed)
    feed_live(shuffled, feed)
    mixed, feed = feeds("mixed")
    feed_live(mixed, [interleaved(feed)])
    assert rows_of(shuffled) == rows_of(in_order)
    assert rows_of(mixed) == rows_of(in_order)


@pytest.mark.parametrize("captures", WITH_EVENTS.values(), ids=WITH_EVENTS)
@pytest.mark.parametrize("seed", range(3))
def test_a_hostile_value_costs_no_more_than_its_event(captures: Captures, seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    records = [record for feed in captures.live(tmp_path) for record in feed]
    at = dice.randrange(len(records))
    source, kind, payload = records[at]
    without, spoilt = tmp_path / "without", tmp_path / "spoilt"
    append(without, [*records[:at], *records[at + 1 :]])
    append(spoilt, [*records[:at], (source, kind, with_a_hostile_value(payload, dice)), *records[at + 1 :]])
    wanted, found = rows_of(without), rows_of(spoilt)
    for table in KEYED:
        assert ids(wanted, table) <= ids(found, table)
    with closing(project(spoilt)) as db:
        assert db.execute("SELECT count(*) FROM rejects").get <= 1


def with_a_hostile_value(payload: bytes, dice: random.Random) -> bytes:
    document = json.loads(payload)
    holder, key = dice.choice([*places(document)])
    holder[key] = dice.choice(HOSTILE)
    return json.dumps(document).encode()


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Where the values in `value` stand: what holds each, and its key or index."""
    items: Any = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield value, key
        yield from places(inner)


def documented() -> dict[str, dict[str, str]]:
    text = files("clankers").joinpath("docs", "harnesses.md").read_text("utf-8")
    (table,) = re.findall(r"^\| source .*\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    heads = ("source", "live", "import", *CELLS, "restore")
    rows = [[cell.strip().strip("`") for cell in line.strip("|\n").split("|")] for line in table.splitlines()]
    return {row[0]: dict(zip(heads, row, strict=True)) for row in rows}


def test_the_documented_table_has_a_row_for_every_harness() -> None:
    assert list(documented()) == list(harnesses.BUILT_IN)


@pytest.mark.parametrize("name", harnesses.BUILT_IN)
def test_each_cell_of_the_documented_table_is_what_the_captures_show(name: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    for n, captures in enumerate(one for one in ALL.values() if one.harness == name):
        home = tmp_path / str(n)
        feed_live(root, captures.live(home))
        captures.store(home)
        feed_stores(root, name, home)
    if alone := BY_IMPORT_ALONE.get(name):
        alone.store(tmp_path / "alone")
        feed_stores(root, name, tmp_path / "alone")
    harness = harnesses.load(name, str(root))
    shown = {"source": name, "import": "yes" if type(harness).sources is not Harness.sources else "—"}
    with closing(project(root)) as db:
        for head, cells in CELLS.items():
            found = (cell for cell, rows in cells.items() if db.execute(f"SELECT EXISTS (SELECT 1 FROM {rows})").get)
            shown[head] = next(found, "—")
    # That the files are those of the captures: tests/test_restore.py.
    shown["restore"] = "yes" if harness.restorer() else "—"
    row = documented()[name]
    assert (row.pop("live") in ("hooks", "plugin", "extension")) is (harness.installer() is not None)
    assert row == shown
