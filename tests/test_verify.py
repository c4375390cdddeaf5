"""`clankers verify`: whatever was done to a byte of the log or a cell of the database is told, and nothing else is."""

import gzip
import json
import os
import random
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from clankers.log import envelope
from clankers.log.writer import file_name
from clankers.maintenance import in_place_edit
from clankers.maintenance.verify import verify
from projector.replay.compare import FreshReplay
from projector.replay.rebuild import update
from tests import feeding
from tests.commands import HOSTILE, POSIX_ONLY, RAW, call, run, session, work
from tests.feeding import append, feed_hooks, feed_transcripts, opencode_records
from tests.test_project_cli import watching

DAY = "2026-11-20"
NAME = file_name(DAY)
NOW = 1_795_132_800_000_000_000  # nanoseconds since the epoch, on that day
OLD = time.time() - 60
FOREIGN = b'{"v":1,"id":"f-%d","ts":"2026-11-20T00:00:00.000Z","level":"info","source":"s","type":"t","payload":%s}\n'


def line(id: str, payload: bytes = b'{"text":"caf\\u00e9 \xc3\xa9","n":[1,{"a":null}]}', at: int = NOW) -> bytes:
    return envelope.line("test", "t", payload, id=id, now_ns=at)


def some_lines(seed: int = 1, count: int = 12) -> list[bytes]:
    """Lines of different sizes and contents; strings, numbers, half an emoji, text that is no ASCII."""
    rng = random.Random(seed)
    made = []
    for n in range(count):
        words = " ".join(
            rng.choice(["ein", "Wört", "\\n", "\\ud83d", 'x\\"y', "漢字"]) for _ in range(rng.randrange(30))
        )
        made.append(line(f"id-{n}", f'{{"n":{rng.random()},"text":"{words}","list":[true,null,{n}]}}'.encode()))
    return made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def put(root: Path, data: bytes, name: str = NAME) -> Path:
    """The day's file holds `data`, and nobody has written it lately."""
    root.mkdir(mode=0o700, exist_ok=True)
    path = root / name
    path.write_bytes(data)
    os.utime(path, (OLD, OLD))
    return path


def bad_of(root: Path) -> list[tuple[int, str]]:
    return [(one.line, one.reason) for one in verify(str(root)).bad]


def flips(data: bytes, count: int, seed: int) -> Iterator[tuple[int, bytes]]:
    """`data` with one byte changed, and where."""
    rng = random.Random(seed)
    for _ in range(count):
        at = rng.randrange(len(data))
        yield at, b"%s%c%s" % (data[:at], data[at] ^ rng.randrange(1, 256), data[at + 1 :])


# The log


def test_a_clean_log_and_its_database_are_what_they_should_be(root: Path) -> None:
    append(root, work(0, 3))
    put(root, b"".join(some_lines()))
    done = run(root, "verify")
    assert (done.code, done.err) == (0, "")
    assert done.out == "21 lines in 2 files: 0 bad\ndatabase: equals a fresh replay of the log\n"


def test_without_a_log_nothing_is_wrong(root: Path) -> None:
    done = call(root, "verify", "--json")
    assert done.code == 0
    database = {"ok": True, "differences": []}
    empty: dict[str, object] = {"bad": [], "unfinished": [], "same_id": []}
    expected = {"lines": 0, "files": 0, "without_crc": 0, "database": database} | empty
    assert json.loads(done.out) == expected


def test_each_of_a_thousand_flipped_bytes_is_named_by_file_and_line(root: Path) -> None:
    data = b"".join(some_lines())
    put(root, line("other"), file_name("2026-11-19"))
    path = put(root, data)
    for at, damaged in flips(data, 1000, seed=20261121):
        path.write_bytes(damaged)
        bad = verify(str(root)).bad
        number = data.count(b"\n", 0, at) + 1
        assert bad, (at, damaged[at])
        assert {(one.file, number <= one.line <= number + 1) for one in bad} == {(NAME, True)}, (at, damaged[at])
        # Where the byte became a newline before the line's first, the line's rest is what is left of it.
        assert bad[0].line == number or (damaged[at] == 10 and at and data[at - 1] == 10), (at, damaged[at])


def test_no_byte_of_the_crc_makes_a_line_pass_as_one_that_has_none(root: Path) -> None:
    text = line("a")
    for at in range(len(text) - envelope.CRC_TAIL - 1, len(text) - 1):
        for byte in set(range(256)) - {text[at]}:
            put(root, b"%s%c%s" % (text[:at], byte, text[at + 1 :]))
            assert bad_of(root), (at, byte)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"hello", "does not begin like one"),
        (b"\xff\xfe", "does not begin like one"),
        (b"\x00" * 100, "100 NUL bytes"),
        (line("a")[:50] + b"\0" * 5 + line("a")[55:-1], "5 NUL bytes"),
        (line("a")[:60], "not JSON"),
        (line("a")[:-1] + line("b")[:-1], "CRC"),
        (b"{" + b"[" * 100_000, "not JSON"),
        (b"{}", "version 1"),
        (line("a").replace(b"caf", b"CAF")[:-1], "CRC does not hold"),
        (FOREIGN[:-1] % (1, b'"\xff"'), "not UTF-8"),
        (FOREIGN[:-1] % (1, b"1,2"), "not JSON"),
        (FOREIGN[:-1] % (1, b'1,"more":2'), "its keys are not those"),
        (FOREIGN[:-1].replace(b'"v":1', b'"v":2') % (1, b"1"), "version 1"),
        (FOREIGN[:-1].replace(b'"v":1,"id":"f-%d"', b'"id":"f-%d","v":1') % (1, b"1"), "its keys are not those"),
        (FOREIGN[:-1].replace(b"info", b"loud") % (1, b"1"), "its keys are not those"),
        (FOREIGN[:-1].replace(b"Z", b"") % (1, b"1"), "its keys are not those"),
    ],
)
def test_what_is_no_line_of_ours_is_told_with_number_offset_and_reason(root: Path, text: bytes, reason: str) -> None:
    put(root, line("y") + text + b"\n" + line("z"))
    (bad,) = verify(str(root)).bad
    assert (bad.file, bad.line, bad.offset) == (NAME, 2, len(line("y")))
    assert reason in bad.reason


def test_lines_of_foreign_writers_are_fine_and_counted_and_blank_ones_are_nobodys(root: Path) -> None:
    put(
        root,
        b"\n" + FOREIGN % (1, b'{"\\ud83d":[1.5e3]}') + b"   \n\n" + FOREIGN % (2, b'"\xc3\xa9"') + line("a") + b" ",
    )
    found = verify(str(root))
    assert (found.bad, found.unfinished, found.lines, found.without_crc) == ([], [], 3, 2)


def test_one_id_for_two_contents_is_told_as_no_damage_and_one_record_twice_is_not(root: Path) -> None:
    put(root, line("a"), file_name("2026-11-18"))
    put(root, line("b") + line("a", at=NOW + 5 * 10**9) + b"\n" + line("a", b"1"))
    found = verify(str(root))
    (same,) = found.same_id
    assert (same.file, same.line, same.offset) == (NAME, 4, len(line("b") + line("a")) + 1)
    assert same.reason == "the id of line 1 of clankers-2026-11-18.jsonl, and other content"
    assert found.bad == []


def test_of_two_records_with_one_id_both_are_in_the_database_and_verify_holds(root: Path) -> None:
    put(root, b"".join(envelope.line(*session(id), id="one", now_ns=NOW) for id in ("ses_1", "ses_2")))
    done = call(root, "verify")
    assert (done.code, done.out.splitlines()[0]) == (
        0,
        "2 lines in 1 file: 0 bad, 1 with the id of another (both are used)",
    )
    assert call(root, "query", "select id from sessions order by 1", "--csv").out.split() == ["id", "ses_1", "ses_2"]
    assert call(root, "repair").out == "0 repairs, 0 bad places left\n"


def test_ids_are_compared_beyond_what_is_kept_in_memory(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clankers.maintenance.verify._KEPT", 8)
    texts = [line(f"id-{n}", b"%d" % n) for n in range(500)]
    put(root, b"".join([*texts, *texts, line("id-7", b"8")]))
    (same,) = verify(str(root)).same_id
    assert (same.line, same.reason) == (1001, f"the id of line 8 of {NAME}, and other content")


@pytest.mark.parametrize("cut", [1, 50, len(line("b")) - 1])
def test_a_last_line_without_newline_is_in_flight_only_today_and_for_ten_seconds(root: Path, cut: int) -> None:
    today = file_name(envelope.day_of(time.time_ns()))
    path = put(root, line("a") + line("b")[:cut], today)
    assert bad_of(root) == [(2, "a last line without its newline")]
    path.write_bytes(line("a") + line("b")[:cut])
    found = verify(str(root))
    assert (found.bad, [one.line for one in found.unfinished]) == ([], [2])
    assert call(root, "verify").code == 0
    path.unlink()
    put(root, line("a") + line("b")[:cut]).touch()
    assert bad_of(root) == [(2, "a last line without its newline")]


def test_every_recording_of_real_clients_verifies(root: Path, tmp_path: Path) -> None:
    feed_hooks(feeding.CLAUDE_CODE[0], root, tmp_path / "hooks")
    for name in feeding.CLAUDE_CODE:
        feed_transcripts(name, root, tmp_path / name)
    for name in feeding.OPENCODE:
        append(root, opencode_records(name))
    assert verify(str(root)).bad == []


def test_a_day_that_was_archived_is_verified_too(root: Path) -> None:
    lines = some_lines()
    path = put(root, b"".join([*lines[:5], lines[5][:-1] + b"?", *lines[6:]]))
    (root / f"{NAME}.gz").write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()
    (bad,) = verify(str(root)).bad
    assert (bad.line, bad.offset) == (6, len(b"".join(lines[:5])))
    assert call(root, "repair").code == 0
    assert bad_of(root) == []


# The database


@pytest.fixture
def database(root: Path) -> Path:
    append(root, work(0, 3))
    assert call(root, "project").code == 0
    return root / "clankers.db"


def test_rows_written_bit_by_bit_are_those_of_a_fresh_replay_in_every_table(root: Path, tmp_path: Path) -> None:
    path = str(root / "clankers.db")
    for name in ("tools", "subagent", "compact"):
        feed_hooks(name, root, tmp_path / name)
        update(path, str(root))
    records = [r for name in feeding.OPENCODE[:4] for r in opencode_records(name)]
    for at in range(0, len(records), 60):
        append(root, records[at : at + 60])
        update(path, str(root))
    with FreshReplay(path, str(root)) as fresh:
        fresh.build()
        assert fresh.differences(lambda: update(path, str(root))) == []
    assert not list(root.glob("*.verify"))


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("UPDATE sessions SET prompt_tokens = 7 WHERE id = 'ses_000001'", "sessions: 1 changed: ses_000001"),
        ("UPDATE messages SET text_content = NULL", "messages: 3 changed: msg_000000, msg_000001, msg_000002"),
        ("DELETE FROM parts WHERE id = 'prt_000002'", "parts: 1 missing: prt_000002"),
        ("INSERT INTO projects VALUES ('/x', NULL, NULL, NULL)", "projects: 1 unexpected: /x"),
        ("UPDATE sessions SET id = x'1b5b324aff' WHERE id = 'ses_000001'", "1 missing, 1 unexpected"),
        (
            "UPDATE event_types SET events = 0 WHERE type = 'session.created'",
            "event_types: 1 changed: opencode session.created",
        ),
        ("UPDATE log_files SET lines = 1", f"log_files: 1 changed: {file_name(envelope.day_of(time.time_ns()))}"),
        ("DROP TABLE todos", "no such table: live.todos"),
        ("DROP INDEX parts_by_message", "the index parts_by_message is missing"),
    ],
)
def test_a_database_that_somebody_changed_is_reported(root: Path, database: Path, sql: str, told: str) -> None:
    with closing(apsw.Connection(str(database))) as db:
        db.execute(sql)
    done = call(root, "verify")
    assert done.code == 1
    assert "9 lines in 1 file: 0 bad\n" in done.out
    assert told in done.out
    assert "clankers project --rebuild" in done.out
    assert not RAW.search(done.out)
    assert call(root, "project", "--rebuild").code == 0
    assert call(root, "verify").code == 0


def test_a_file_that_is_not_a_database_is_reported(root: Path, database: Path) -> None:
    for end in ("-wal", "-shm"):
        Path(f"{database}{end}").unlink(missing_ok=True)
    database.write_bytes(b"garbage" * 1000)
    done = call(root, "verify", "--json")
    assert done.code == 1
    found = json.loads(done.out)
    assert (found["lines"], found["bad"], found["database"]["ok"]) == (9, [], False)
    assert "is damaged" in found["database"]["differences"][0]["problem"]


def test_a_line_damaged_after_it_was_replayed_is_told_of_the_log_and_of_the_database(
    root: Path, database: Path
) -> None:
    (log,) = root.glob("*.jsonl")
    log.write_bytes(log.read_bytes().replace(b"prompt 1", b"prompt 7"))
    found = json.loads(call(root, "verify", "--json").out)
    assert found.keys() == {"lines", "files", "bad", "unfinished", "without_crc", "same_id", "database"}
    (bad,) = found["bad"]
    assert bad.keys() == {"file", "line", "offset", "reason"}
    assert (bad["file"], bad["line"]) == (log.name, 6)
    parts = next(one for one in found["database"]["differences"] if one["table"] == "parts")
    assert parts.keys() == {"table", "missing", "extra", "changed", "ids", "problem"}
    assert (parts["extra"], parts["ids"]) == (1, ["prt_000001"])


@POSIX_ONLY
def test_beside_a_watcher_what_the_watcher_keeps_is_verified(root: Path, database: Path) -> None:
    with watching(root):
        append(root, work(3, 30))
        assert run(root, "verify").code == 0


def test_a_database_that_does_not_reach_the_end_of_the_log_is_reported(
    root: Path, database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("projector.replay.compare._STILL", 0.2)
    append(root, work(3, 1))
    with FreshReplay(str(database), str(root)) as fresh:
        fresh.build()
        found = {one.table for one in fresh.differences(lambda: None)}
    assert found >= {"log_files", "sessions"}


def test_what_a_log_holds_reaches_no_terminal_as_it_is(root: Path) -> None:
    append(root, [session(HOSTILE)])
    assert call(root, "project").code == 0
    with closing(apsw.Connection(str(root / "clankers.db"))) as db:
        db.execute("UPDATE sessions SET title = 'x'")
    put(root, HOSTILE.encode() + b"\n{" + HOSTILE.encode() + b"\n" + line(HOSTILE, b"1") + line(HOSTILE, b"2"))
    for name in ("verify", "repair"):
        done = call(root, name)
        assert done.code == 1
        assert not RAW.search(done.out + done.err)


def test_a_repair_that_was_killed_is_told(root: Path, database: Path) -> None:
    (root / in_place_edit.JOURNAL).write_bytes(b"")
    done = call(root, "verify")
    assert done.code == 1
    assert "`clankers repair` finishes it" in done.out
