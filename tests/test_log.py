"""The log's files: what a crash, a foreign writer, a bad disk and many writers at once do to them, and what is read."""

import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clankers.log import envelope, record_ids, segments
from clankers.log.reader import Event, Line, LogFile, log_files, place_of, read
from clankers.log.writer import Log, file_name
from tests.patience import DEADLINE

NOW = 1_795_218_339_317_000_000  # nanoseconds since the epoch
DAY = envelope.day_of(NOW)
PAYLOAD = b'{"text":"caf\\u00e9 \xc3\xa9","n":[1,{"a":null}]}'


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of small files: what a power loss would take is not the question."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def line(id: str, payload: bytes = PAYLOAD) -> bytes:
    return envelope.line("test", "t", payload, id=id, now_ns=NOW)


def path_of(root: Path) -> Path:
    return root / file_name(DAY)


def put(root: Path, data: bytes) -> None:
    """The day's file holds `data`, whoever wrote it."""
    root.mkdir(mode=0o700, exist_ok=True)
    path_of(root).write_bytes(data)


def append(root: Path, *lines: bytes) -> None:
    with Log(str(root)) as log:
        log.write(DAY, list(lines))


def log_file(root: Path) -> LogFile:
    (file,) = log_files(str(root))
    return file


def lines_of(root: Path) -> list[Line]:
    return list(read(str(root), log_file(root)))


def ids_of(lines: list[Line]) -> list[str]:
    return [one.event.id for one in lines if one.event]


def damage(lines: list[Line]) -> list[Line]:
    return [one for one in lines if one.reason]


# What is written


def test_lines_read_back_in_the_order_they_were_written(root: Path) -> None:
    append(root, line("a"), line("b"))
    append(root, line("c"))
    lines = lines_of(root)
    assert ids_of(lines) == ["a", "b", "c"]
    assert damage(lines) == []
    assert [one.number for one in lines] == [1, 2, 3]
    assert path_of(root).read_bytes() == b"".join(one.raw + b"\n" for one in lines)


def test_each_day_has_a_file_of_its_own_oldest_first(root: Path) -> None:
    with Log(str(root)) as log:
        for day in ("2026-11-21", "2025-12-31", "2026-01-01"):
            log.write(day, [line(day)])
    (root / "clankers-2026-13-01.jsonl").write_bytes(b"no such day")
    (root / "clankers-2026-01-01.jsonl.bak").write_bytes(b"not ours")
    files = log_files(str(root))
    assert [f.name[9:19] for f in files] == ["2025-12-31", "2026-01-01", "2026-11-21"]
    assert [one.event.id for f in files for one in read(str(root), f) if one.event] == [f.name[9:19] for f in files]
    assert sorted(f.position(0) for f in files) == [f.position(0) for f in files]
    assert files[0].position(1 << 39) < files[1].position(0)
    assert all(place_of(f.position(at)) == (f.name, at) for f in files for at in (0, 4711, (1 << 40) - 1))


def test_a_root_that_is_not_there_has_no_files(root: Path) -> None:
    assert log_files(str(root)) == []


def test_writing_nothing_makes_nothing(root: Path) -> None:
    append(root)
    assert not root.exists()


def test_a_line_is_one_write_alone_or_with_others(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written = []
    real = os.write

    def write(fd: int, data: bytes) -> int:
        written.append(data)
        return real(fd, data)

    monkeypatch.setattr(os, "write", write)
    append(root, line("a"), line("b"))
    assert written == [line("a") + line("b")]
    written.clear()
    texts = [line(f"{n}", b'"%s"' % (b"x" * size)) for n, size in enumerate([100, 1000, 300_000, 10, *[9000] * 20])]
    append(root, *texts)
    assert b"".join(written) == b"".join(texts)
    assert texts[2] in written  # nothing is copied together with what is long
    assert all(text.endswith(b"\n") for text in written)
    assert 3 < len(written) < len(texts) / 2


# Torn lines


def test_a_line_that_is_the_payload_of_one_within_a_torn_line_is_not_an_event(root: Path) -> None:
    put(root, line("t")[:60] + line("outer", line("inner")[:-1]))
    assert ids_of(lines_of(root)) == ["outer"]


def test_the_torn_tail_of_a_crashed_writer_stays_on_a_line_of_its_own(root: Path) -> None:
    torn = line("b")[:100]
    put(root, line("a") + torn)
    append(root, line("c"))
    assert path_of(root).read_bytes() == line("a") + torn + b"\n" + line("c")
    lines = lines_of(root)
    assert ids_of(lines) == ["a", "c"]
    assert [(one.number, one.raw) for one in damage(lines)] == [(2, torn)]


def test_a_torn_tail_that_appears_while_the_log_is_open_is_isolated_too(root: Path) -> None:
    with Log(str(root)) as log:
        log.write(DAY, [line("a")])
        with path_of(root).open("ab") as other:
            other.write(line("b")[:50])
        log.write(DAY, [line("c")])
    assert ids_of(lines_of(root)) == ["a", "c"]


def test_a_file_cut_at_any_byte_loses_only_the_line_that_was_cut(root: Path, no_sync: None) -> None:
    texts = [line(f"id-{n}", b'{"n":%d}' % n) for n in range(30)]
    whole = b"".join(texts)
    ends = [len(b"".join(texts[: n + 1])) for n in range(30)]
    for cut in range(len(whole) + 1):
        put(root, whole[:cut])
        append(root, line("new"))
        lines = lines_of(root)
        # A line that lacks its newline alone gets it back.
        kept = sum(end <= cut + 1 for end in ends)
        rest = whole[ends[kept - 1] if kept else 0 : cut]
        assert ids_of(lines) == [f"id-{n}" for n in range(kept)] + ["new"], cut
        assert [(one.number, one.event, one.raw) for one in damage(lines)] == ([(kept + 1, None, rest)] if rest else [])
        assert b"".join(one.raw + b"\n" for one in lines) in (
            whole[:cut] + b"\n" + line("new"),
            whole[:cut] + line("new"),
        )


def test_a_whole_line_directly_behind_a_torn_one_is_found_wherever_the_cut_is(root: Path) -> None:
    torn, foreign = line("torn"), line("foreign")
    for cut in range(1, len(torn) - 1):
        put(root, line("a") + torn[:cut] + foreign + line("z"))
        lines = lines_of(root)
        assert ids_of(lines) == ["a", "foreign", "z"], cut
        (bad,) = damage(lines)
        assert (bad.number, bad.offset) == (2, len(line("a")))
        assert bad.raw == torn[:cut]


def test_a_whole_line_behind_two_torn_ones_is_found(root: Path) -> None:
    put(root, line("a")[:60] + line("b")[:150] + line("c"))
    lines = lines_of(root)
    assert ids_of(lines) == ["c"]
    assert len(damage(lines)) == 1


def test_a_whole_line_without_crc_behind_a_torn_one_is_found(root: Path) -> None:
    put(root, line("a")[:100] + b'{"v":1,"id":"b","ts":"x","level":"info","source":"s","type":"t","payload":{}}\n')
    assert ids_of(lines_of(root)) == ["b"]


def test_whole_lines_that_lack_the_newline_between_them_are_all_found(root: Path) -> None:
    put(root, line("a")[:-1] + line("b")[:-1] + line("t")[:50] + b"\n" + line("z"))
    lines = lines_of(root)
    assert ids_of(lines) == ["a", "b", "z"]
    (bad,) = damage(lines)
    assert bad.raw == line("t")[:50]
    assert lines[-1].number == 2


def test_a_line_behind_a_torn_one_is_found_though_its_payload_is_a_log_line_itself(root: Path) -> None:
    put(root, line("torn")[:100] + line("outer", line("inner")[:-1]) + line("z"))
    assert ids_of(lines_of(root)) == ["outer", "z"]


def test_a_line_that_only_lost_its_newline_is_not_swallowed_by_the_one_behind_it(root: Path) -> None:
    put(root, line("a")[:-1] + line("b"))
    lines = lines_of(root)
    assert ids_of(lines)[-1] == "b"
    assert "a" in ids_of(lines) or damage(lines)


def test_a_payload_that_is_a_log_line_itself_is_no_line_of_its_own(root: Path) -> None:
    text = line("outer", line("inner")[:-1])
    put(root, text + text.replace(b"outer", b"OUTER"))
    lines = lines_of(root)
    assert ids_of(lines) == ["outer"]
    assert len(damage(lines)) == 1


def test_an_empty_line_is_nobodys_damage(root: Path) -> None:
    put(root, b"\n" + line("a") + b"\n  \n\r\n" + line("b"))
    lines = lines_of(root)
    assert (ids_of(lines), damage(lines)) == (["a", "b"], [])
    assert [one.number for one in lines] == [2, 6]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"hello", "not a line of the log"),
        (b"[1,2]", "not a line of the log"),
        (b'{"v":1}', "not a line of the log"),
        (b'{"v":"1","id":"a","ts":"","level":"","source":"","type":""}', "not a line of the log"),
        (b"\xff\xfe", "not a line of the log"),
        (b"\x00" * 100, "not a line of the log"),
        (b"[" * 100_000, "not a line of the log"),
        (b'{"v":1,"id":"a","ts":"t","level":"info","source":"s","type":"t","payload":\xff}', "not a line of the log"),
        (b'{"v":2,"id":"a","ts":"t","level":"info","source":"s","type":"t","payload":{}}', "version 2"),
    ],
)
def test_a_foreign_line_is_reported_with_its_number_and_reason_and_its_neighbours_stay(
    root: Path, text: bytes, reason: str
) -> None:
    put(root, line("a") + text + b"\n" + line("b"))
    lines = lines_of(root)
    assert ids_of(lines) == ["a", "b"]
    (bad,) = damage(lines)
    assert (bad.number, bad.offset, bad.size, bad.event, bad.raw) == (2, len(line("a")), len(text) + 1, None, text)
    assert reason in bad.reason


def test_a_line_without_crc_and_with_keys_of_a_later_writer_is_read(root: Path) -> None:
    put(root, b'{"id":"a","v":1,"ts":"x","level":"info","source":"s","type":"t","new":[1],"payload":{"p":1}}\n')
    (one,) = lines_of(root)
    assert one.event == Event(1, "a", "x", "info", "s", "t", msgspec.Raw(b'{"p":1}'))


# Damaged bytes


def flips(text: bytes) -> Iterator[bytes]:
    for at in range(len(text)):
        for bit in range(8):
            yield text[:at] + bytes([text[at] ^ 1 << bit]) + text[at + 1 :]


def test_no_flipped_bit_changes_an_event_unnoticed(root: Path) -> None:
    before, hit, behind = line("before"), line("hit"), line("behind")
    events = {}
    put(root, before + hit + behind)
    for one in lines_of(root):
        assert one.event
        events[one.event.id] = one.event
    for damaged in flips(hit):
        put(root, before + damaged + behind)
        lines = lines_of(root)
        assert all(one.event == events[one.event.id] for one in lines if one.event), damaged
        assert ids_of(lines)[0] == "before"
        assert ids_of(lines)[-1] == "behind"
        if "hit" not in ids_of(lines):
            assert damage(lines), damaged
            assert all(one.number in (2, 3) for one in damage(lines))


def test_an_edited_line_is_told_by_its_crc(root: Path) -> None:
    put(root, line("a").replace(b'"n":[1', b'"n":[2'))
    (one,) = lines_of(root)
    assert one.event is None
    assert "CRC" in one.reason


# The last line, and positions


def test_a_last_line_without_newline_is_left_until_it_is_complete(root: Path) -> None:
    text = line("b")
    for cut in (1, 50, len(text) - 1):
        put(root, line("a") + text[:cut])
        lines = lines_of(root)
        assert (ids_of(lines), damage(lines)) == (["a"], [])
        last = lines[-1]
        with path_of(root).open("ab") as f:
            f.write(text[cut:])
        (rest,) = read(str(root), log_file(root), last.offset + last.size, last.number)
        assert rest.event
        assert (rest.event.id, rest.number, rest.offset) == ("b", 2, len(line("a")))


def test_reading_from_any_position_continues_exactly_there(root: Path) -> None:
    put(
        root,
        b"\n"
        + line("a")
        + b"junk\n\n"
        + line("b", b'"%s"' % (b"x" * 5000))
        + line("t")[:80]
        + line("c")
        + b"\xff\n"
        + line("d")
        + line("e")[:-1],
    )
    everything = lines_of(root)
    assert ids_of(everything) == ["a", "b", "c", "d"]
    for n, one in enumerate(everything):
        if not one.size:
            continue  # another stands behind it on the same line: nobody stops reading there
        again = list(read(str(root), log_file(root), one.offset + one.size, one.number))
        assert again == everything[n + 1 :]
        assert list(read(str(root), log_file(root), one.offset, one.number - 1)) == everything[n:]


@pytest.mark.parametrize("chunk", [1, 2, 7, 64, 333])
def test_where_a_read_ends_does_not_matter(root: Path, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root, line("a") + b"\n" + b"junk\n" + line("t")[:80] + line("b") + line("c") + b"\n\n" + line("d") + b"tail")
    everything = lines_of(root)
    monkeypatch.setattr("clankers.log.segment_file._CHUNK", chunk)
    assert lines_of(root) == everything
    assert ids_of(everything) == ["a", "b", "c", "d"]


@settings(deadline=None, max_examples=60)
@given(data=st.data())
def test_whatever_stands_in_a_file_the_whole_lines_after_a_newline_are_read(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    root = tmp_path_factory.mktemp("log")
    junk = st.binary(max_size=30) | st.integers(0, 190).map(lambda cut: line("junk")[:cut])
    content, expected = b"", []
    for n in range(data.draw(st.integers(1, 5))):
        content += data.draw(junk) + b"\n" + line(str(n))
        expected.append(str(n))
    put(root, content)
    lines = lines_of(root)
    assert [id for id in ids_of(lines) if id != "junk"] == expected
    assert all(one.reason or one.event for one in lines)


# Half of a character


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        (rb'"\ud800"', "\ufffd"),
        (rb'"a\uDFFFb\ud83d"', "a\ufffdb\ufffd"),
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (rb'"\ude00\ud83d"', "\ufffd\ufffd"),
        (rb'"\\ud800 \\\ud800"', "\\ud800 \\\ufffd"),
        (rb'"\\\\ud800\ud800"', "\\\\ud800\ufffd"),
        (rb'"\ud800\\ude00"', "\ufffd\\ude00"),
        (rb'"\ud800\u0041\udc00"', "\ufffdA\ufffd"),
    ],
)
def test_half_of_a_character_is_read_as_its_replacement(root: Path, written: bytes, read_as: str) -> None:
    append(root, line("a", b'{"text":%s}' % written), line("b"))
    lines = lines_of(root)
    assert damage(lines) == []
    assert ids_of(lines) == ["a", "b"]
    assert lines[0].event
    assert msgspec.json.decode(lines[0].event.payload) == {"text": read_as}
    assert written in lines[0].raw


# Short writes


def short_writes(monkeypatch: pytest.MonkeyPatch, *sizes: int, meanwhile: Callable[[], Any] = lambda: None) -> None:
    """The first writes of more than a byte take only so many bytes each; `meanwhile` happens behind each of them."""
    real, left = os.write, list(sizes)

    def write(fd: int, data: bytes) -> int:
        if len(data) > 1 and left:
            done = real(fd, data[: left.pop(0)])
            meanwhile()
            return done
        return real(fd, data)

    monkeypatch.setattr(os, "write", write)


def test_a_line_is_whole_in_the_end_when_the_disk_takes_a_part_of_it_first(root: Path, no_sync: None) -> None:
    whole = len(line("b"))
    for size in range(2 * whole):
        put(root, line("a"))
        with pytest.MonkeyPatch.context() as patch:
            short_writes(patch, size)
            append(root, line("b"), line("c"))
        lines = lines_of(root)
        assert ids_of(lines) == ["a", "b", "c"], size
        torn = (line("b") + line("c"))[size // whole * whole : size]
        assert [one.raw for one in damage(lines)] == ([torn] if 0 < len(torn) < whole - 1 else [])


def test_a_write_that_lacks_only_the_newline_does_not_write_the_line_twice(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    short_writes(monkeypatch, len(line("b")) - 1)
    append(root, line("b"), line("c"))
    lines = lines_of(root)
    assert ids_of(lines) == ["b", "c"]
    assert damage(lines) == []


def test_two_short_writes_in_a_row_are_made_good(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    short_writes(monkeypatch, 20, 90)
    append(root, line("b"))
    assert ids_of(lines_of(root)) == ["b"]
    assert len(damage(lines_of(root))) == 2


def test_a_disk_that_takes_only_parts_is_full(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(root, line("a"))
    with monkeypatch.context() as patch:
        short_writes(patch, *[10] * 100)
        with pytest.raises(OSError, match="parts of a line"):
            append(root, line("b"))
    append(root, line("c"))
    assert ids_of(lines_of(root)) == ["a", "c"]


def test_a_disk_that_takes_a_line_and_a_part_each_time_is_not_full(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [line(f"{n}") for n in range(10)]
    short_writes(monkeypatch, *[len(texts[0]) + 10] * 100)
    append(root, *texts)
    assert ids_of(lines_of(root)) == [f"{n}" for n in range(10)]


def test_a_line_that_another_writer_puts_behind_a_short_write_is_found(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other() -> None:
        with path_of(root).open("ab") as f:
            f.write(line("other"))

    put(root, line("a"))
    short_writes(monkeypatch, 70, meanwhile=other)
    append(root, line("b"))
    lines = lines_of(root)
    assert ids_of(lines) == ["a", "other", "b"]
    assert len(damage(lines)) == 1


# Many writers

WRITER = """
import os, random, sys
from clankers.log import envelope
from clankers.log.writer import Log
root, day, me = sys.argv[1:]
rng = random.Random(int(me))
sizes = [1, 200_000] + [int(200_000 ** rng.random()) for _ in range(198)]
rng.shuffle(sizes)
lines = [envelope.line("test", "t", b'{"size":%d,"fill":"%s"}' % (n, me.encode() * n), id=f"{me}-{at}")
         for at, n in enumerate(sizes)]
print("ready", flush=True)
sys.stdin.readline()
with Log(root) as log:
    for text in lines:
        log.write(day, [text])
"""


def test_lines_of_many_processes_at_once_are_all_whole(root: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(root), DAY, str(me)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for me in range(8)
    ]
    for writer in writers:
        assert writer.stdout
        assert writer.stdout.readline() == b"ready\n"
    for writer in writers:
        assert writer.stdin
        writer.stdin.write(b"go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate(timeout=DEADLINE)
        assert writer.returncode == 0
    lines = lines_of(root)
    assert damage(lines) == []
    assert len(lines) == 8 * 200
    assert set(ids_of(lines)) == {f"{me}-{at}" for me in range(8) for at in range(200)}
    for me in range(8):
        own = [id for id in ids_of(lines) if id.startswith(f"{me}-")]
        assert own == [f"{me}-{at}" for at in range(200)]  # each in its own order
    for one in lines:
        assert one.event
        payload = json.loads(bytes(one.event.payload))
        assert payload["fill"] == one.event.id[0] * payload["size"]


KILLED = """
import sys
from clankers.log import envelope
from clankers.log.writer import Log
root, day, me = sys.argv[1:]
payload = b'"%s"' % (b"x" * 100_000)
with Log(root) as log:
    n = 0
    while True:
        log.write(day, [envelope.line("test", "t", payload, id=f"{me}-{n}")])
        if n == 0:
            print("started", flush=True)
        n += 1
"""


def test_killed_writers_take_no_line_of_others_along(root: Path) -> None:
    rng = random.Random(1)
    for round_ in range(4):
        writer = subprocess.Popen([sys.executable, "-c", KILLED, str(root), DAY, str(round_)], stdout=subprocess.PIPE)
        assert writer.stdout
        with writer.stdout:
            assert writer.stdout.readline() == b"started\n"
            for n in range(rng.randrange(5)):
                append(root, line(f"mine-{round_}-{n}"))
            writer.kill()
            writer.wait()
        append(root, line(f"after-{round_}"))
    lines = lines_of(root)
    ids = ids_of(lines)
    assert len(ids) == len(set(ids))
    assert len(damage(lines)) <= 4
    assert [id for id in ids if id.startswith("after")] == [f"after-{n}" for n in range(4)]
    for round_ in range(4):
        own = [int(id.split("-")[1]) for id in ids if id.startswith(f"{round_}-")]
        assert own == list(range(len(own)))


def test_the_id_of_a_damaged_record_is_not_among_those_that_the_log_holds(root: Path) -> None:
    put(root, line("a") + line("ab")[:-9] + b"\n" + line("ac")[:70] + line("ad"))
    assert list(record_ids.ids(str(root), "a")) == ["a", "ad"]


@pytest.mark.parametrize("long", [0, 3 << 20], ids=["short lines", "a long line in the middle"])
def test_of_what_was_appended_before_a_time_little_is_read(
    long: int, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    per_minute, minutes = 5, 600
    begin = 1_795_219_200 * 10**9  # 2026-11-21T00:00:00Z
    texts = [b'"%s"' % (b"x" * (long if n == 1500 and long else 1000)) for n in range(per_minute * minutes)]
    day = envelope.day_of(begin)
    with Log(str(root)) as log:
        for n, text in enumerate(texts):
            now = begin + n * 60 * 10**9 // per_minute
            log.write(day, [envelope.line("s", "t", text, id=f"s:{n}", now_ns=now)])
    read: list[int] = []
    chunks = segments.Segment.chunks

    def counted(
        segment: segments.Segment, offset: int = 0, end: int | None = None
    ) -> Iterator[bytes | segments.Damage]:
        for chunk in chunks(segment, offset, end):
            read.append(len(chunk) if isinstance(chunk, bytes) else 0)
            yield chunk

    monkeypatch.setattr(segments.Segment, "chunks", counted)
    for since, first in (("T00:00:00Z", 0), ("T01:40:59.999Z", 500), ("T09:59:00Z", 2995), ("T10:30:00Z", 3000)):
        read.clear()
        found = {*record_ids.ids(str(root), "s", day + since)}
        assert {f"s:{n}" for n in range(first, len(texts))} <= found
        assert sum(read) < sum(map(len, texts[first:])) * 1.5 + 2 * long + (2 << 20)
    for since in ("", day, f"{day}T05:00:00+05:00"):
        assert len({*record_ids.ids(str(root), "s", since)}) == len(texts)
    assert not {*record_ids.ids(str(root), "s", "2026-11-22T00:00:00Z")}
