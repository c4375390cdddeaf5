"""The benchmarks' own parts: the data they are fed, and when a run counts as worse than what was recorded."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import __main__ as command
from benchmarks import measure, table
from benchmarks.data import FURTHER, make_events, make_log, make_transcript, make_transcripts
from benchmarks.measure import Measured, Row
from clankers.log import envelope
from tests.commands import POSIX_ONLY
from tests.feeding import project, rows

pytestmark = POSIX_ONLY
BEFORE = {"a": 1.5}


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("bench") / "data"
    make_log(root, 3, further=root.parent / "further.jsonl")
    return root


def _lines(root: Path) -> list[bytes]:
    return [line for file in sorted(root.glob("*.jsonl")) for line in file.read_bytes().splitlines()]


def test_the_same_log_is_made_each_time(log: Path, tmp_path: Path) -> None:
    made = make_log(tmp_path / "again", 3)
    assert _lines(tmp_path / "again") == _lines(log)
    assert made == len(_lines(log))


def test_the_log_is_whole_and_of_the_size_that_was_asked_for(log: Path) -> None:
    lines = _lines(log)
    ids = [json.loads(line)["id"] for line in lines]
    assert len(set(ids)) == len(ids)
    assert all(map(envelope.crc_holds, lines))
    assert sum(map(len, lines)) == pytest.approx(3e6, rel=0.02)
    further = [json.loads(line)["id"] for line in (log.parent / "further.jsonl").open("rb")]
    assert len(set(further) - set(ids)) == FURTHER


def test_the_log_is_what_both_clients_would_have_left(log: Path) -> None:
    """Nothing in it is unusable or unknown; sessions have several turns, and what belongs together still does."""
    db = project(log)
    assert db.execute("SELECT count(*) FROM rejects").get == 0
    assert db.execute("SELECT count(*) FROM event_types WHERE NOT known").get == 0
    found = rows(db)
    assert {s["source"] for s in found["sessions"]} == {"claude-code", "opencode"}
    assert any(s["parent_id"] for s in found["sessions"])
    sessions = {s["id"]: s for s in found["sessions"]}
    prompts = [m for m in found["messages"] if m["role"] == "user" and not m["synthetic"] and not m["copied"]]
    assert len(prompts) > 2 * len(sessions)
    answered = [t for t in found["tools"] if t["success"] == 1]
    assert len(answered) > len(found["tools"]) / 2


def test_a_session_was_created_once_however_many_turns_it_has(log: Path) -> None:
    told: dict[str, list[int]] = {}
    for line in map(json.loads, _lines(log)):
        if line["type"] in {"session.created", "session.updated"}:
            info = line["payload"]["properties"]["info"]
            told.setdefault(info["id"], []).append(info["time"]["created"])
    assert max(map(len, told.values())) > 50
    assert all(len(set(times)) == 1 for times in told.values())


def test_transcripts_are_where_the_client_keeps_them(tmp_path: Path) -> None:
    paths = make_transcripts(tmp_path / "projects", 2)
    found = [path for path in (tmp_path / "projects").rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in found) == pytest.approx(2e6, rel=0.5)
    assert set(paths) == {path for path in found if path.suffix == ".jsonl"}
    for path in paths:
        own = {json.loads(line).get("sessionId") for line in path.open("rb")}
        assert own <= {path.stem, path.parent.parent.name, None}


def test_one_transcript_ends_with_the_answer_that_is_returned(tmp_path: Path) -> None:
    path, answer = make_transcript(tmp_path / "projects", 1)
    lines = [json.loads(line) for line in path.open("rb")]
    (last,) = [line for line in lines if line["type"] == "assistant"][-1]["message"]["content"]
    assert last["text"] == answer
    assert {line["sessionId"] for line in lines} == {path.stem}


def test_events_are_of_the_number_and_length_asked_for(tmp_path: Path) -> None:
    make_events(tmp_path / "events", 500)
    lines = (tmp_path / "events").read_bytes().splitlines()
    assert len(lines) == 500
    assert 800 < sum(map(len, lines)) / 500 < 1200


def _row(*values: float) -> Row:
    left = iter(values)

    def run() -> Measured:
        value = next(left)
        return Measured(f"{value} s", "1 s", value)

    return Row("a", "it", "that", 2.0, "x", run)


@pytest.mark.parametrize(
    ("values", "worse"),
    [
        pytest.param([3.0], False, id="twice"),
        pytest.param([3.1, 2.9], False, id="worse once"),
        pytest.param([3.1, 3.2], True, id="worse twice"),
    ],
)
def test_a_value_is_worse_when_it_is_so_twice(values: list[float], worse: bool) -> None:
    found = table.measure([_row(*values)], BEFORE, print)
    assert found.values == {"a": min(values)}
    assert bool(found.worse) is worse
    if worse:
        assert found.worse == ["it, against that: 3.10x is more than 2 times the 1.50x recorded"]


def test_what_was_never_recorded_is_held_against_nothing() -> None:
    assert table.measure([_row(99)], {}, print) == ({"a": 99}, [])


def test_a_peer_that_is_not_there_skips_its_row(capsys: pytest.CaptureFixture[str]) -> None:
    missing = measure.process("no-such-program")
    row = Row("b", "it", "that", 1, "x", measure.ratio(measure.process("true"), missing, 1))
    found = table.measure([row, _row(1.0)], BEFORE, print)
    assert found == ({"a": 1.0}, [])
    assert "| it | that | skipped: no no-such-program on the PATH | | | | |" in capsys.readouterr().out


def test_a_command_that_fails_ends_the_benchmark() -> None:
    with pytest.raises(SystemExit, match="ended with 1"):
        measure.process("false")()


def test_a_runs_values_are_what_the_next_one_is_held_against(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Area:
        value = 1.0

        @classmethod
        def rows(cls, _: object) -> Iterator[Row]:
            yield _row(cls.value, cls.value)

    monkeypatch.setattr(command, "AREAS", (Area,))
    monkeypatch.setattr(command, "RECORDED", tmp_path / "recorded")
    monkeypatch.setattr(command, "elsewhere", lambda *_, **__: 0)

    def run(*arguments: str) -> int:
        monkeypatch.setattr("sys.argv", ["benchmarks", "--size", "small", *arguments])
        return command.main()

    assert run("--record") == 0
    assert "| it | that | 1.0 s | 1 s | 1.00x | ≤ 2.00x | yes |" in (tmp_path / "recorded" / "small.md").read_text()
    Area.value = 2.1
    assert run() == 1
    assert run("--record") == 0  # it is to be so
    assert run() == 0


def test_medians_of_both_sides_are_compared() -> None:
    ours, theirs = iter([1.0, 9.0, 2.0]), iter([1.0, 4.0, 4.0])
    done = measure.ratio(lambda: measure.Cost(next(ours), None), lambda: measure.Cost(next(theirs), None), 3)()
    assert done == ("2.00 s", "4.00 s", 0.5)


def test_rows_that_share_runs_measure_them_once_and_anew_when_asked_again() -> None:
    seen: list[str] = []

    def run(name: str, *walls: float) -> measure.Run:
        left = iter(walls)

        def one() -> measure.Cost:
            seen.append(name)
            return measure.Cost(next(left), None)

        return one

    missing = measure.process("no-such-program")
    turns = measure.Turns(2, a=run("a", 2, 2, 6, 6), b=run("b", 1, 1, 2, 2), c=run("c", 4, 4, 4, 4), d=missing)
    first, second = turns.ratio("a", "b"), turns.ratio("a", "c")
    assert (first().value, second().value) == (2, 0.5)
    assert "".join(seen) == "abcabc"
    assert (first().value, second().value) == (3, 1.5)
    assert "".join(seen) == "abcabcabcabc"
    with pytest.raises(measure.Skipped, match="no-such-program"):
        turns.ratio("a", "d")()
