"""What every engine of the log keeps: a second one is added to `ENGINES`, and passes the same tests."""

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clankers.log import envelope
from clankers.log.base import LogReader, LogWriter, Position
from clankers.log.follower import Follower
from clankers.log.reader import FileLogReader, Line
from clankers.log.writer import Log, file_name

DAYS = ("2026-11-19", "2026-11-20")


class Files:
    """The log as files in a directory."""

    def __init__(self, root: str) -> None:
        self.root = root

    def reader(self) -> LogReader:
        return FileLogReader(self.root)

    def writer(self) -> LogWriter:
        return Log(self.root)

    def tear(self, day: str, text: bytes) -> None:
        """A writer dies when it has written `text`."""
        with open(os.path.join(self.root, file_name(day)), "ab") as f:
            f.write(text)


ENGINES = [Files]


class Read(NamedTuple):
    ids: list[str]
    positions: list[Position]
    damage: list[str]


@pytest.fixture(params=ENGINES)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    engine: Files = request.param(str(tmp_path / "log"))
    return engine


def line(id: str, day: str = DAYS[1]) -> bytes:
    return envelope.line("test", "t", b'{"day":"%s"}' % day.encode(), id=id, now_ns=1_795_218_339_317_000_000)


def write(log: Files, *ids: str, day: str = DAYS[1]) -> None:
    with closing(log.writer()) as writer:
        writer.write(day, [line(id, day) for id in ids])


def lines(log: Files) -> Iterator[Line]:
    reader = log.reader()
    for start, _ in reader.segments():
        yield from reader.read(start)


def read(log: Files) -> Read:
    found = list(lines(log))
    return Read(
        [one.event.id for one in found if one.event],
        [one.position for one in found],
        [one.reason for one in found if one.reason],
    )


def test_a_log_that_does_not_exist_yet_is_empty(log: Files) -> None:
    assert log.reader().segments() == []
    assert log.reader().version() == log.reader().version()


def test_lines_are_read_in_the_order_in_which_they_were_appended(log: Files) -> None:
    write(log, "b", "c", day=DAYS[1])
    write(log, "a", day=DAYS[0])
    write(log, "d", day=DAYS[1])
    assert read(log).ids == ["a", "b", "c", "d"]


def test_positions_grow_and_lie_within_their_segment(log: Files) -> None:
    write(log, "a", "b", day=DAYS[0])
    write(log, "c", "d")
    positions = read(log).positions
    assert positions == sorted(set(positions))
    assert all(0 <= one < 1 << 63 for one in positions)  # what SQL stores, compares and negates
    segments = log.reader().segments()
    assert segments == sorted(segments)
    assert [sum(start <= one < end for one in positions) for start, end in segments] == [2, 2]


def test_a_position_stays_what_it_was_while_the_log_grows(log: Files) -> None:
    write(log, "a", "b")
    before = read(log).positions
    write(log, "c")
    assert read(log).positions[:2] == before


@pytest.mark.parametrize("engine", ENGINES)
@settings(max_examples=30, deadline=None)
@given(st.lists(st.integers(1, 4), max_size=6), st.data())
def test_reading_goes_on_exactly_where_it_stopped(engine: type[Files], sizes: list[int], data: st.DataObject) -> None:
    with TemporaryDirectory() as root:
        log = engine(os.path.join(root, "log"))
        for n, size in enumerate(sizes):
            write(log, *(f"{n}-{i}" for i in range(size)), day=DAYS[n % 2])
        reader = log.reader()
        for start, _ in reader.segments():
            everything = list(reader.read(start))
            stop = data.draw(st.integers(0, len(everything)))
            at = everything[stop - 1].next if stop else start
            assert at is not None
            assert [one.raw for one in reader.read(at)] == [one.raw for one in everything[stop:]]


@pytest.mark.parametrize("cut", [1, 2, 30, 90])
def test_a_last_line_that_is_not_complete_is_no_error_and_read_once_it_is(log: Files, cut: int) -> None:
    write(log, "a")
    log.tear(DAYS[1], line("b")[:-cut])
    assert read(log) == Read(["a"], read(log).positions, [])
    log.tear(DAYS[1], line("b")[-cut:])
    assert read(log).ids == ["a", "b"]


@pytest.mark.parametrize("cut", [2, 30, 90])
def test_the_torn_line_of_a_writer_that_died_costs_only_itself(log: Files, cut: int) -> None:
    write(log, "a")
    log.tear(DAYS[1], line("b")[:-cut])
    write(log, "c")
    found = read(log)
    assert found.ids == ["a", "c"]
    assert len(found.damage) == 1


def test_concurrent_writers_lose_and_mix_nothing(log: Files) -> None:
    count = 50

    def work(me: int) -> None:
        with closing(log.writer()) as writer:
            for n in range(count):
                writer.write(DAYS[1], [line(f"{me}-{n}-{i}") for i in range(3)])

    threads = [threading.Thread(target=work, args=(me,)) for me in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = read(log)
    assert found.damage == []
    for me in range(4):
        mine = [id for id in found.ids if id.startswith(f"{me}-")]
        assert mine == [f"{me}-{n}-{i}" for n in range(count) for i in range(3)]
    assert len(found.ids) == 4 * count * 3


def test_a_line_of_many_megabytes_is_one_line(log: Files) -> None:
    text = envelope.line("test", "t", b'"%s"' % (b"x" * (20 << 20)), id="big", now_ns=0)
    with closing(log.writer()) as writer:
        writer.write(DAYS[1], [line("a"), text, line("b")])
    assert read(log).ids == ["a", "big", "b"]


def test_the_version_changes_with_each_append_and_with_nothing_else(log: Files) -> None:
    write(log, "a")
    reader = log.reader()
    before = reader.version()
    read(log)
    assert reader.version() == before
    write(log, "b")
    assert reader.version() != before


def test_a_follower_sees_each_later_line_once_in_whatever_segment(log: Files) -> None:
    write(log, "a")
    follower = Follower(log.reader())
    assert list(follower.new()) == []
    write(log, "b", day=DAYS[1])
    write(log, "c", day=DAYS[0])
    assert sorted(one.event.id for one in follower.new()) == ["b", "c"]
    assert list(follower.new()) == []
    log.tear(DAYS[1], line("d")[:-20])
    assert list(follower.new()) == []
    log.tear(DAYS[1], line("d")[-20:])
    assert [one.event.id for one in follower.new()] == ["d"]


def test_a_follower_begins_with_the_last_lines(log: Files) -> None:
    write(log, *(f"{n}" for n in range(50)), day=DAYS[0])
    write(log, "last")
    follower = Follower(log.reader())
    found, complete = follower.last(3 * len(line("last")))
    ids = [one.event.id for one in found]
    assert ids[-1] == "last"
    assert 1 < len(ids) < 51
    assert not complete
    found, complete = follower.last(1 << 40)
    assert (len(found), complete) == (51, True)
    positions = [one.position for one in found]
    assert positions == sorted(positions)
    assert list(follower.new()) == []


def test_a_failed_sync_is_final(log: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    failures = [OSError(5, "lost")]

    def sync(_: int) -> None:
        if failures:
            raise failures.pop()

    monkeypatch.setattr("clankers.log.writer.sync_file", sync)
    writer = log.writer()
    writer.write(DAYS[1], [line("a")])
    for _ in range(2):
        with pytest.raises(OSError, match="lost"):
            writer.sync()
    with pytest.raises(OSError, match="lost"):
        writer.close()
