"""What every engine of rows must do. A second engine is one more entry of `ENGINES`."""

import copy
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest

from benchmarks.data import make_log
from clankers.log.base import Position
from clankers.log.reader import log_files
from projector.model.batch import Batch, EventType, Reject
from projector.model.changes import (
    Change,
    ErrorSeen,
    MessageSeen,
    PartDelta,
    PartSeen,
    Rank,
    RowDeleted,
    RowReplaced,
    SessionSeen,
    ToolSeen,
)
from projector.model.evidence import BillSeen, Copied, HookReport
from projector.replay.fold import LogRange, fold
from projector.replay.replay import pending, replay
from projector.store.base import ReadPosition, ReadRange, StalePositionError, Store
from projector.store.sqlite_file import open_database
from projector.store.sqlite_writer import SqliteStore
from tests.feeding import rows

LOG = "clankers-2026-11-20.jsonl"
Rows = dict[str, list[dict[str, Any]]]


class Opened(NamedTuple):
    """A store, and what a test needs to look into it."""

    store: Store
    rows: Callable[[], Rows]


class Engine(Protocol):
    """Makes an empty store in a directory, or opens the one that is there."""

    def __call__(self, where: Path) -> Iterator[Opened]:
        """The store; closed when the iterator ends."""


def sqlite(where: Path) -> Iterator[Opened]:
    """The store of SQLite."""
    with closing(open_database(str(where / "clankers.db"))) as db:
        yield Opened(SqliteStore(db), lambda: rows(db))


ENGINES: dict[str, Engine] = {"sqlite": sqlite}


@pytest.fixture(params=sorted(ENGINES))
def opened(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opened]:
    """An empty store of each engine."""
    yield from ENGINES[request.param](tmp_path)


@pytest.fixture(params=sorted(ENGINES))
def engine(request: pytest.FixtureRequest) -> Engine:
    """Each engine."""
    return ENGINES[request.param]


def batch(*changes: Change, at: int = 1) -> Batch:
    made = Batch()
    made.add(list(changes), Position(at))
    return made


def upto(end: int, start: int = 0, file: str = LOG) -> ReadRange:
    return ReadRange(file, start, ReadPosition(end, end, None))


def titled(title: str, at: int, rank: int = Rank.RECORD) -> SessionSeen:
    return SessionSeen("s", "toy", at, rank, {"title": title})


def title(opened: Opened) -> Any:
    (session,) = opened.rows()["sessions"]
    return session["title"]


def test_an_empty_store_has_read_nothing(opened: Opened) -> None:
    assert opened.store.positions() == {}


def test_a_write_moves_the_position_of_its_file_only(opened: Opened) -> None:
    opened.store.write(batch(), upto(10))
    opened.store.write(batch(), upto(5, file="clankers-2026-11-21.jsonl"))
    opened.store.write(batch(), ReadRange(LOG, 10, ReadPosition(30, 12, 7)))
    assert opened.store.positions() == {LOG: (30, 12, 7), "clankers-2026-11-21.jsonl": (5, 5, None)}


@pytest.mark.parametrize("start", [0, 9, 11])
def test_a_write_from_another_position_changes_nothing(opened: Opened, start: int) -> None:
    opened.store.write(batch(titled("first", 1)), upto(10))
    with pytest.raises(StalePositionError):
        opened.store.write(batch(titled("second", 2)), upto(20, start))
    assert (title(opened), opened.store.positions()[LOG].offset) == ("first", 10)


def test_a_write_that_fails_changes_nothing(opened: Opened) -> None:
    opened.store.write(batch(titled("first", 1)), upto(10))
    bad = batch(titled("second", 2), ErrorSeen("e", "s", "toy", "t", "m", 1))
    bad.errors["e"].session_id = "no session"  # a row without its parent is a bug of ours
    with pytest.raises(Exception, match=r".+"):
        opened.store.write(bad, upto(20, 10))
    assert (title(opened), opened.rows()["session_errors"]) == ("first", [])
    opened.store.write(batch(titled("third", 3)), upto(20, 10))
    assert title(opened) == "third"


@pytest.mark.parametrize(
    ("first", "second", "wins"),
    [
        (titled("a", 1), titled("b", 2), "b"),
        (titled("a", 2), titled("b", 1), "a"),
        (titled("a", 1, Rank.RECORD), titled("b", 2, Rank.HOOK), "a"),
        (titled("a", 1), titled("b", 1), "b"),  # the later in the log
    ],
)
def test_the_better_fact_of_a_session_wins_across_writes(
    opened: Opened, first: SessionSeen, second: SessionSeen, wins: str
) -> None:
    opened.store.write(batch(first, at=1), upto(1))
    opened.store.write(batch(second, at=2), upto(2, 1))
    assert title(opened) == wins


def test_the_notes_of_a_database_are_kept(opened: Opened) -> None:
    assert opened.store.meta("of a test") is None
    opened.store.set_meta("of a test", "1")
    opened.store.set_meta("of a test", "2")
    assert opened.store.meta("of a test") == "2"


def test_the_adapters_that_made_rows_are_noted(opened: Opened) -> None:
    opened.store.write(Batch(adapters={"toy": "1.2"}), upto(1))
    assert opened.store.meta("adapter:toy") == "1.2"


def test_what_a_store_holds_is_there_when_it_is_opened_again(engine: Engine, tmp_path: Path) -> None:
    for opened in engine(tmp_path):
        opened.store.write(batch(titled("kept", 1)), upto(10))
    for opened in engine(tmp_path):
        assert (title(opened), opened.store.positions()[LOG].offset) == ("kept", 10)


CHANGES: list[list[Change]] = [
    [SessionSeen("s", "toy", 5, Rank.HOOK, {"status": "busy", "created_at": 5, "project_path": "/src/shop"})],
    [HookReport("hook:prompt:1", "s", "toy", "prompt", "k", "hello", 5)],
    [
        MessageSeen("m1", "s", "toy", "user", created_at=6),
        PartSeen("p1", "m1", "s", "toy", 0, "text", "hello", None, 6, 6),
    ],
    [
        ToolSeen(
            "t1", "s", "toy", Rank.HOOK, "m2", "edit", file_path="/a", edits_file=True, created_at=7, status="running"
        )
    ],
    [
        PartDelta("d1", PartSeen("p2", "m2", "s", "toy", 1), "Do"),
        PartDelta("d2", PartSeen("p2", "m2", "s", "toy", 1), "ne"),
    ],
    [MessageSeen("m2", "s", "toy", "assistant", model="m", prompt_tokens=5, cost=0.5, created_at=8)],
    [ToolSeen("t1", "s", "toy", close_rank=Rank.RECORD, status="completed", success=True, completed_at=9)],
    [SessionSeen("fork", "toy", 9, Rank.RECORD, {"forked_from": "s"}), Copied("m1", "fork", "s", 6)],
    [MessageSeen("m1", "fork", "toy", "user", created_at=6)],
    [SessionSeen("copy", "toy", 10, Rank.RECORD, {"copies_before": 10})],
    [MessageSeen("m3", "copy", "toy", "assistant", prompt_tokens=5, created_at=8, made_at=11)],
    [
        SessionSeen("child", "toy", 11, Rank.RECORD, {"parent_id": "s", "spawned_by": "t1"}),
        BillSeen("s", "toy", 2.5, 0),
    ],
    [
        RowReplaced(MessageSeen("m4", "far", "toy", "assistant", model="n")),
        SessionSeen("far", "toy", 1, Rank.RECORD, {"synced": True}),
    ],
    [ToolSeen("t2", "s", "toy", Rank.RECORD, "m4", "read", created_at=12)],
    [RowDeleted("messages", "m4", "far", "toy")],
]


@pytest.mark.parametrize("size", [1, 2, 4])
def test_the_cuts_between_batches_make_no_difference(engine: Engine, tmp_path: Path, size: int) -> None:
    found: list[Rows] = []
    for name, length in (("whole", len(CHANGES)), ("cut", size)):
        (tmp_path / name).mkdir()
        for opened in engine(tmp_path / name):
            for start in range(0, len(CHANGES), length):
                made = Batch()
                for at, changes in enumerate(CHANGES[start : start + length], start):
                    made.add([_fresh(change) for change in changes], Position(at))
                opened.store.write(made, upto(start + length, start))
            found.append(opened.rows())
    assert found[0] == found[1]
    by_id = {message["id"]: message for message in found[0]["messages"]}
    assert (by_id["m1"]["session_id"], by_id["m2"]["text_content"], by_id["m3"]["copied"]) == ("s", "Done", 1)
    assert "hook:prompt:1" not in by_id, "the record holds the same prompt"
    assert [edit["file_path"] for edit in found[0]["file_edits"]] == ["/a"]
    assert {tool["id"]: tool["model"] for tool in found[0]["tools"]} == {"t1": "m", "t2": "m"}


def _fresh(change: Change) -> Change:
    """A copy: a batch keeps and changes the rows that it is given."""
    return copy.deepcopy(change)


@pytest.mark.parametrize("writes", [1, 2])
@pytest.mark.parametrize("times", [(5, 7), (7, 5)])
def test_of_equal_hook_reports_the_earlier_time_counts(opened: Opened, times: tuple[int, int], writes: int) -> None:
    reports = [HookReport("hook:prompt:1", "s", "toy", "prompt", "k", "hello", at) for at in times]
    for n, changes in enumerate([reports] if writes == 1 else [[one] for one in reports]):
        opened.store.write(batch(*changes, at=n), upto(n + 1, n))
    (message,) = opened.rows()["messages"]
    assert message["created_at"] == 5


def test_the_bill_of_a_fork_that_is_smaller_than_its_origins_is_nothing(opened: Opened) -> None:
    fork = SessionSeen("fork", "toy", 2, Rank.RECORD, {"forked_from": "s"})
    bills = (BillSeen("s", "toy", 5.0, 100), BillSeen("fork", "toy", 3.0, 100))
    opened.store.write(batch(titled("origin", 1), fork, *bills), upto(1))
    assert {one["id"]: one["cost"] for one in opened.rows()["sessions"]} == {"s": 5.0, "fork": 0.0}


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("word " * 30, "word " * 19 + "word"),
        ("x" * 150, "x" * 100),  # one word
        ("word " * 16 + "x" * 20 + " more", "word " * 16 + "x" * 20),
        ("word " * 19 + "x" * 20, "word " * 18 + "word"),
    ],
)
def test_a_prompt_in_place_of_a_title_is_cut_between_two_words(opened: Opened, typed: str, shown: str) -> None:
    prompt = MessageSeen("m", "s", "toy", "user", created_at=1)
    opened.store.write(batch(prompt, PartSeen("p", "m", "s", "toy", 0, "text", typed, None, 1, 1)), upto(1))
    assert title(opened) == shown


@pytest.mark.parametrize(("at", "owner"), [(99, "a"), (100, "a"), (101, "b"), (200, "b"), (201, "fork")])
def test_an_unmarked_row_is_a_copy_of_the_same_origin_as_the_next_marked_one(
    opened: Opened, at: int, owner: str
) -> None:
    marked = [Copied("m1", "fork", "a", 100), Copied("m2", "fork", "b", 200)]
    copies = [MessageSeen(id, "fork", "toy", "user", created_at=at) for id, at in (("m1", 100), ("m2", 200))]
    unmarked = MessageSeen("m", "fork", "toy", "user", created_at=at)
    sessions = [SessionSeen(id, "toy") for id in ("a", "b", "fork")]
    opened.store.write(batch(*sessions, *marked, *copies, unmarked), upto(1))
    assert {one["id"]: one["session_id"] for one in opened.rows()["messages"]}["m"] == owner


def test_a_log_replayed_at_once_and_line_by_line_makes_the_same_rows(engine: Engine, tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    make_log(root, 1)
    found = []
    for lines in (None, 61):
        where = tmp_path / str(lines)
        where.mkdir()
        for opened in engine(where):
            replay(opened.store, str(root), batch_lines=lines)
            assert pending(opened.store, str(root)) == []
            found.append(opened.rows())
    assert found[0]["messages"]
    assert found[0] == found[1]


@pytest.mark.parametrize("reported_first", [True, False])
def test_a_reported_role_wins_over_an_inferred_one(opened: Opened, reported_first: bool) -> None:
    reported = MessageSeen("m", "s", "toy", "assistant")
    inferred = MessageSeen("m", "s", "toy", "user", role_inferred=True)
    first, second = (reported, inferred) if reported_first else (inferred, reported)
    opened.store.write(batch(first), upto(1))
    opened.store.write(batch(second), upto(2, 1))
    (message,) = opened.rows()["messages"]
    assert (message["role"], message["role_inferred"]) == ("assistant", 0)


def test_a_batch_counts_what_it_could_not_use(opened: Opened, tmp_path: Path) -> None:
    (tmp_path / LOG).write_bytes(b"no JSON\n")
    (file,) = log_files(str(tmp_path))
    (made,) = fold(str(tmp_path), LogRange(file, 0, 0))
    assert [(one.line, one.offset, one.field) for one in made.batch.rejects] == [(1, 0, "")]
    made.batch.rejects.append(Reject(LOG, 1, 0, "$.a", "another field of the same line"))
    made.batch.types[EventType("toy", "new", known=False, client_version="2.0")] = 1
    opened.store.write(made.batch, upto(8))
