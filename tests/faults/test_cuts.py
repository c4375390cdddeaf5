"""A log of 200 events cut at a byte, then appended to and projected: what stood before stays, the next is whole."""

import os
import random
import time
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from clankers.log import envelope
from clankers.log.writer import Log, file_name
from projector.replay.replay import replay
from projector.store.sqlite_file import open_database
from projector.store.sqlite_writer import SqliteStore
from tests.commands import call, event
from tests.faults.common import SEED, figures
from tests.sizes import sizes
from tests.test_project_cli import assert_whole, fresh_rows, rows

EVENTS = 200
DAY = "2026-11-20"
NOON = 1_795_176_000 * 10**9


def line(n: int) -> bytes:
    source, kind, payload = event("session.created", info={"id": f"s{n}", "title": "é" * (n % 3)})
    return envelope.line(source, kind, payload, id=f"e{n}", now_ns=NOON)


LINES = [line(n) for n in range(EVENTS)]
WHOLE = b"".join(LINES)
NEXT = line(EVENTS)


def cut_at(at: int) -> tuple[list[str], bool]:
    """The sessions whose lines are whole when the log is cut there, and whether a torn piece is left behind them."""
    left, n = at, 0
    while n < EVENTS and left >= len(LINES[n]):
        left -= len(LINES[n])
        n += 1
    lacks_its_newline = n < EVENTS and left == len(LINES[n]) - 1
    return [f"s{i}" for i in range(n + lacks_its_newline)], bool(left) and not lacks_its_newline


def ids(db: apsw.Connection) -> list[str]:
    return [id for (id,) in db.execute("SELECT id FROM sessions ORDER BY CAST(substr(id, 2) AS INTEGER)")]


@sizes(60, 10**9)
def test_a_log_cut_at_any_byte_and_appended_to_loses_only_what_was_cut_and_tells_it_once(
    size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)  # what a power loss would take is not the question
    offsets = list(range(len(WHOLE) + 1))
    if size < len(offsets):
        chosen = random.Random(SEED).sample(offsets, size)
        offsets = [0, 1, len(LINES[0]) - 1, len(LINES[0]), len(WHOLE) - 1, *chosen]
    log = tmp_path / file_name(DAY)
    torn_pieces = 0
    begun = time.monotonic()
    for at in offsets:
        expected, torn = cut_at(at)
        log.write_bytes(WHOLE[:at])
        with closing(open_database(":memory:")) as db:
            before = replay(SqliteStore(db), str(tmp_path))  # it leaves a tail that may be in flight
            assert before.rejected == 0, at
            assert ids(db) == expected[: before.events], at
            with Log(str(tmp_path)) as writer:
                writer.write(DAY, [NEXT])
            after = replay(SqliteStore(db), str(tmp_path))
            assert ids(db) == [*expected, f"s{EVENTS}"], at
            assert after.rejected == torn, at
            assert before.events + after.events == len(expected) + 1, at
            again = replay(SqliteStore(db), str(tmp_path))
            assert (again.events, again.rejected) == (0, 0), at
            told = db.execute('SELECT file, line, "offset" FROM rejects').fetchall()
            assert told == ([(log.name, len(expected) + 1, len(b"".join(LINES[: len(expected)])))] if torn else []), at
        torn_pieces += torn
    figures(
        f"cuts: {len(offsets)} offsets of a log of {EVENTS} events and {len(WHOLE)} bytes, {torn_pieces} torn pieces, "
        f"each told once, 0 lost, {time.monotonic() - begun:.0f} s"
    )


@sizes(4, 200)
def test_the_command_tells_the_damage_once_and_rebuilds_to_the_same_rows(size: int, tmp_path: Path) -> None:
    chance = random.Random(SEED + 1)
    for at in chance.sample(range(len(WHOLE)), size):
        expected, torn = cut_at(at)
        root = tmp_path / str(at)
        root.mkdir()
        (root / file_name(DAY)).write_bytes(WHOLE[:at])
        with Log(str(root)) as writer:
            writer.write(DAY, [NEXT])
        first = call(root, "project")
        assert first.code == 0
        assert (", 1 rejected in" in first.out) == torn
        assert f"{len(expected) + 1} sessions" in first.out
        assert "rejected" not in call(root, "project").out
        live = rows(root / "clankers.db")
        assert call(root, "project", "--rebuild").code == 0
        assert rows(root / "clankers.db") == live
        assert_whole(root / "clankers.db")


@sizes(12, 400)
def test_a_log_that_lost_its_end_after_it_was_projected_and_grew_again_gives_the_rows_of_what_it_holds_now(
    size: int, tmp_path: Path
) -> None:
    """A power loss may take the end of a log that the database knows; what is appended then counts all the same."""
    chance = random.Random(SEED + 2)
    for n in range(size):
        root = tmp_path / str(n)
        root.mkdir()
        log = root / file_name(DAY)
        log.write_bytes(b"".join(LINES[:20]))
        assert call(root, "project").code == 0
        log.write_bytes(log.read_bytes()[: -chance.randrange(1, 3 * len(NEXT))])
        more = [line(EVENTS + i) for i in range(chance.randrange(1, 8))]
        with Log(str(root)) as writer:
            writer.write(DAY, more)
        assert call(root, "project").code == 0
        assert rows(root / "clankers.db") == fresh_rows(root), f"cut and grown by {len(more)} lines"
