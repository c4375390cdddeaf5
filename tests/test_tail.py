"""`clankers tail`: what happens is told as it happens, each thing once, until nobody listens any more."""

import io
import json
import re
import select
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from rich.cells import cell_len
from rich.console import Console

from clankers import harnesses
from clankers.cli import tail
from clankers.ingest import live
from clankers.log.follower import Follower
from clankers.log.reader import FileLogReader
from clankers.log.writer import Log
from clankers.maintenance.archive import archive
from clankers.paths import database_path
from clankers.queries import tail as queries_tail
from clankers.queries.filters import Filters, filters
from clankers.queries.tail import TailItem, follow
from clankers.system.locks import WATCHER
from projector.feed import Feed, FeedItem, FeedSession
from projector.store.lock import ProjectorLock
from tests.commands import HOSTILE, NOW, POSIX_ONLY, RAW, call, command, environment, event, session, work
from tests.feeding import CLAUDE_CODE, OPENCODE, Record, Recording, append, opencode_records, project
from tests.golden import SCHEMAS, assert_golden
from tests.patience import DEADLINE
from tests.talks import SAMPLE

VALID = Draft202012Validator(json.loads((SCHEMAS / "tail.json").read_text("utf-8")))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def said(id: str, text: str, *, of: str = "ses_1", role: str = "user", at: int = NOW, **more: Any) -> list[Record]:
    """A message of OpenCode, whole."""
    info = {"id": id, "sessionID": of, "role": role, "time": {"created": at}} | more
    part = {"id": f"prt_{id}", "messageID": id, "sessionID": of, "type": "text", "text": text}
    return [
        event("message.updated", info=info),
        event("message.part.updated", part=part | {"time": {"start": at, "end": at}}),
    ]


def show_once(root: Path, chosen: Filters, count: int, show: Callable[[TailItem], object]) -> None:
    for happened in follow(str(root), database_path(), chosen, count, forever=False):
        if happened:
            show(happened)


class Shown(list[str]):
    """What was shown: the kind and the text of each thing."""

    def __call__(self, happened: TailItem) -> None:
        self.append(f"{happened.item.kind} {happened.item.text}")


def last(root: Path, count: int = 10**9, **asked: Any) -> list[str]:
    shown = Shown()
    show_once(root, filters(**asked), count, shown)
    return shown


@contextmanager
def following(root: Path, *args: str) -> Iterator["subprocess.Popen[str]"]:
    """The command as a process that was begun by a first line."""
    append(root, said("msg_first", "first"))
    with subprocess.Popen(
        command("tail", *args), env=environment(root), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            assert "first" in line(process)
            yield process
        finally:
            process.kill()


def line(process: "subprocess.Popen[str]") -> str:
    """The next line, if it comes in time."""
    assert process.stdout
    assert select.select([process.stdout], [], [], DEADLINE)[0], "nothing was told"
    return process.stdout.readline()


# A text that was cut off while it streamed, and nothing came after it.
UNFINISHED = {"1.18.33/52-sigkill"}


@pytest.mark.parametrize("name", [*CLAUDE_CODE, *OPENCODE])
def test_each_thing_is_told_once_as_it_comes(name: str, root: Path, tmp_path: Path) -> None:
    """What is told while a session is recorded, by hooks and transcripts or by the plugin, is what the rows say."""
    log, feed = Follower(FileLogReader(str(root))), Feed(str(root), lambda _: None)
    told: list[FeedItem] = []

    def listen() -> None:
        for place in log.new():
            told.extend(feed.items(place.event))

    if name in CLAUDE_CODE:
        recording = Recording(name, tmp_path / "home")
        for payload in recording.steps():
            append(root, [("claude-code", json.loads(payload)["hook_event_name"], payload)], follow=True)
            listen()
        recording.grow_all()
        with Log(str(root)) as grown:
            live.sweep(grown, harnesses.source_of(grown.root))
    else:
        for record in opencode_records(name):
            append(root, [record])
            listen()
    listen()
    heard = Counter(
        (one.kind, one.session_id, one.text.strip() if one.kind in ("prompt", "answer") else "")
        if one.kind in ("prompt", "answer", "error", "retry")
        else (one.kind, one.session_id, one.id)
        for one in told
    )
    recorded = Counter(db_rows(root))
    missing = recorded - heard
    assert heard - recorded == Counter()
    assert {kind for kind, *_ in missing} == ({"answer"} if name in UNFINISHED else set())
    assert missing.total() == (name in UNFINISHED)


def db_rows(root: Path) -> Iterator[tuple[str, str, str]]:
    db = project(root)
    for session_id, role, text in db.execute(
        "SELECT p.session_id, m.role, p.text FROM parts AS p JOIN messages AS m ON m.id = p.message_id "
        "WHERE ifnull(p.type, 'text') = 'text' AND p.text <> '' AND NOT ifnull(p.synthetic, 0) "
        "AND NOT m.synthetic AND NOT m.copied AND m.role IN ('user', 'assistant')"
    ):
        yield "prompt" if role == "user" else "answer", str(session_id), str(text).strip()
    for session_id, id, success in db.execute("SELECT session_id, id, success FROM tools"):
        yield "tool", str(session_id), str(id)
        if success is not None:
            yield "ok" if success else "failed", str(session_id), str(id)
    for session_id, retry in db.execute("SELECT session_id, will_retry FROM session_errors"):
        yield "retry" if retry else "error", str(session_id), ""
    for session_id, id in db.execute("SELECT session_id, id FROM compaction_events"):
        yield "compaction", str(session_id), str(id)
    db.close()


def grows(text: str, **more: Any) -> Record:
    part = {"id": "prt_2", "messageID": "msg_2", "sessionID": "ses_1", "type": "text", "text": text}
    return event("message.part.updated", part=part | {"time": {"start": NOW}} | more)


def delta(text: str) -> Record:
    ids = {"sessionID": "ses_1", "messageID": "msg_2", "partID": "prt_2"}
    return event("message.part.delta", **ids, field="text", delta=text)


ANSWERING = event("message.updated", info={"id": "msg_2", "sessionID": "ses_1", "role": "assistant", "time": {}})
IDLE = event("session.idle", sessionID="ses_1")


@pytest.mark.parametrize("streamed", [[grows("I wi"), grows("I will")], [grows(""), delta("I wi"), delta("ll")]])
def test_an_answer_that_was_cut_off_is_told_when_its_session_rests_or_is_asked_again(
    root: Path, streamed: list[Record]
) -> None:
    append(root, [*said("msg_1", "do it"), ANSWERING, *streamed])
    assert last(root) == ["prompt do it"]
    append(root, [event("session.idle", sessionID="ses_2")])
    assert last(root) == ["prompt do it"]
    before = {path: path.read_bytes() for path in root.glob("clankers-*.jsonl")}
    append(root, [IDLE, IDLE, grows("I will", time={"start": NOW, "end": NOW})])
    assert last(root) == ["prompt do it", "answer I will"]
    for path, content in before.items():
        path.write_bytes(content)
    append(root, said("msg_3", "go on"))
    assert last(root) == ["prompt do it", "answer I will", "prompt go on"]


def test_an_answer_that_was_not_cut_off_is_told_when_it_is_whole(root: Path) -> None:
    append(
        root, [*said("msg_1", "do it"), ANSWERING, grows("I wi"), grows("I will.", time={"start": 1, "end": 2}), IDLE]
    )
    assert last(root) == ["prompt do it", "answer I will."]


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (
            '{"status":"completed","prompt":"long","content":[{"type":"text","text":"Found it"}],"totalTokens":3}',
            "Found it",
        ),
        ('{"stdout":"out","stderr":"err","interrupted":false}', "out err"),
        ('{"type":"text","file":{"filePath":"/a","content":"one","numLines":3}}', "one"),
        ('{"filePath":"/a.py","oldString":"x","newString":"y","originalFile":"all of it"}', "/a.py"),
        ('{"odd":[1,"two"]}', "1 two"),
        ("no { JSON", "no { JSON"),
    ],
)
def test_a_result_is_what_came_out_and_not_all_that_a_client_says_of_it(output: str, shown: str) -> None:
    told = FeedItem(NOW, "claude-code", "s", "ok", "t", output, "Agent", duration_ms=3_000)
    assert tail._short(told) == f"Agent 3.0s: {shown}"


def test_the_date_is_shown_where_it_changes_and_columns_are_aligned() -> None:
    out = Console(file=io.StringIO(), width=200, force_terminal=True, color_system=None)
    show = tail._line(out)
    now = int(time.time() * 1000)
    of_session = FeedSession(project_path="/src/日本語")
    for at, source in (
        *((now, "pi"), (now - 86_400_000, "claude-code"), (now - 86_400_000, "pi"), (now, "one that is too long")),
        (2**90, "pi"),
    ):
        show(TailItem(FeedItem(at, source, "session", "answer", "id", "words"), of_session, None))  # type: ignore[arg-type]
    today, yesterday = (time.strftime("%Y-%m-%d", time.localtime(at / 1000)) for at in (now, now - 86_400_000))
    lines = out.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert [line for line in lines if "words" not in line] == [yesterday, today, str(2**90)]
    assert len({cell_len(line[: line.index("session")]) for line in lines if "words" in line}) == 1
    assert len({cell_len(line) for line in lines if "words" in line}) == 1
    piped = Console(file=io.StringIO(), width=200)
    tail._line(piped)(TailItem(FeedItem(NOW, "pi", "session", "answer", "id", "words"), of_session, None))  # type: ignore[arg-type]
    assert re.match(r"2023-11-1\d \d\d:\d\d:\d\d pi ", piped.file.getvalue())  # type: ignore[attr-defined]


def test_the_same_words_said_twice_are_told_twice(root: Path) -> None:
    hook = {"hook_event_name": "UserPromptSubmit", "session_id": "s", "prompt": "continue"}
    line = {"type": "user", "sessionId": "s", "timestamp": "2026-11-20T10:00:00.000Z"}
    for i in range(3):
        append(root, [("claude-code", "UserPromptSubmit", json.dumps(hook | {"prompt_id": f"p{i}"}).encode())])
        record = line | {"uuid": f"u{i}", "message": {"role": "user", "content": "continue "}}
        append(root, [("claude-code", "transcript.user", json.dumps(record).encode())])
    assert last(root) == ["prompt continue"] * 3


def test_the_last_ones_come_first_and_however_far_back_they_are(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(root, work(0, 40))
    append(root, [("opencode", "no.news", b'{"type":"no.news","properties":{"pad":"%s"}}' % (b"x" * 5000))] * 20)
    monkeypatch.setattr(queries_tail, "_WINDOW", 1000)
    assert last(root, 3) == ["prompt prompt 37", "prompt prompt 38", "prompt prompt 39"]
    assert last(root, 0) == []
    assert len(last(root, 1000)) == 40
    monkeypatch.setattr(queries_tail, "_FAR", 1000)
    assert last(root, 3) == []


def test_days_are_followed_one_after_the_other_archived_ones_too(root: Path) -> None:
    append(root, said("msg_1", "one"))
    (today,) = root.glob("clankers-*.jsonl")
    today.rename(root / "clankers-2026-01-01.jsonl")
    append(root, said("msg_2", "two"))
    log = Follower(FileLogReader(str(root)))
    places, whole = log.last(10**9)
    assert whole
    assert [place.file for place in places] == ["clankers-2026-01-01.jsonl"] * 2 + [today.name] * 2
    assert list(log.new()) == []
    archive(str(root), "clankers-2026-01-01.jsonl", progress=lambda _: None)
    append(root, said("msg_3", "three"))
    assert [(place.file, place.event.type) for place in log.new()] == [
        (today.name, "message.updated"),
        (today.name, "message.part.updated"),
    ]
    assert last(root) == ["prompt one", "prompt two", "prompt three"]


def test_a_line_is_told_when_it_is_whole_and_a_torn_one_never(root: Path) -> None:
    append(root, said("msg_1", "one"))
    (log_file,) = root.glob("clankers-*.jsonl")
    whole = log_file.read_bytes()
    log, feed = Follower(FileLogReader(str(root))), Feed(str(root), lambda _: None)
    read_before: set[tuple[str, int]] = set()

    def heard() -> list[str]:
        places = list(log.new())
        lines = {(place.event.id, place.offset) for place in places}
        assert not read_before & lines, "read twice"
        read_before.update(lines)
        return [one.text for place in places for one in feed.items(place.event)]

    append(root, said("msg_2", "two"))
    grown = log_file.read_bytes()
    for end in range(len(whole), len(grown) + 1, 97):
        log_file.write_bytes(grown[:end])
        assert heard() == []
    log_file.write_bytes(grown)
    assert heard() == ["two"]
    with log_file.open("ab") as f:
        f.write(b'{"v":1,"id":"torn\n\xff\xfe\n{}\n')
    append(root, [("opencode", "message.part.updated", b"[]"), *said("msg_3", "three")])
    assert heard() == ["three"]
    log_file.write_bytes(whole)  # the disk lost its end
    assert heard() == []
    append(root, said("msg_4", "four"))
    assert heard() == ["four"]


def test_filters(root: Path) -> None:
    append(root, [session("ses_1"), session("ses_2", directory="/src/shop/sub")])
    append(root, [session("ses_3", directory="/src/shopping")])
    append(root, said("msg_1", "one", of="ses_1", role="assistant", modelID="opus-9"))
    append(root, said("msg_2", "two", of="ses_2", role="assistant", modelID="haiku-2"))
    append(root, said("msg_3", "three", of="ses_3"))
    hook = {"hook_event_name": "UserPromptSubmit", "session_id": "s", "cwd": "/src/shop", "prompt": "four"}
    append(root, [("claude-code", "UserPromptSubmit", json.dumps(hook).encode())])
    assert last(root, sources=["claude-code"]) == ["prompt four"]
    assert last(root, project="/src/shop") == ["answer one", "answer two", "prompt four"]
    assert last(root, project="shop") == ["answer one", "prompt four"]
    assert last(root, model="OPUS") == ["answer one"]


def test_what_the_log_does_not_say_any_more_the_database_knows(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    append(root, [session("ses_1", directory="/src/shop"), session("ses_2", parentID="ses_1")])
    call(root, "project")
    append(root, [("opencode", "no.news", b'{"type":"no.news","properties":{"pad":"%s"}}' % (b"x" * 500_000))])
    append(root, said("msg_1", "one", of="ses_2"))
    monkeypatch.setenv("CLANKERS_DB_PATH", str(root / "clankers.db"))
    assert last(root, 1, project="shop") == ["prompt one"]
    (root / "clankers.db").write_bytes(b"no database")
    assert last(root, 1) == ["prompt one"]


def test_json_is_what_the_schema_says(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root.mkdir()
    (root / "clankers-2026-11-20.jsonl").write_bytes(SAMPLE.read_bytes())
    show_once(root, filters(), 1000, tail._json)
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for one in found:
        VALID.validate(one)
    assert {one["kind"] for one in found} >= {"prompt", "answer", "tool", "ok", "failed"}
    content = SAMPLE.read_bytes()
    for one in found:  # each is traced to its line
        raw = content[one["offset"] :].partition(b"\n")[0]
        assert json.loads(raw)["source"] == one["source"]
        assert one["session_id"].encode() in raw


@pytest.mark.parametrize("width", [60, 200])
def test_the_sample_is_told_as_before(width: int, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root.mkdir()
    (root / "clankers-2026-11-20.jsonl").write_bytes(SAMPLE.read_bytes())
    append(root, [session("ses_\x1b", directory="/src/emoji 🐛 עברית")])
    append(root, said("msg_1", f"emoji 🎉 שלום [bold]no markup[/] {HOSTILE}\n" + "日本語 " * 80, of="ses_\x1b"))
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    out = Console(file=io.StringIO(), width=width, highlight=False)
    show_once(root, filters(), 1000, tail._line(out))
    monkeypatch.undo()
    time.tzset()
    shown = out.file.getvalue()  # type: ignore[attr-defined]
    assert not RAW.search(shown)
    assert all(cell_len(line) <= width for line in shown.splitlines())
    assert_golden(f"tail-{width}.txt", shown)


@POSIX_ONLY
def test_it_goes_on_until_it_is_interrupted(root: Path) -> None:
    with following(root) as process, ProjectorLock(str(root / "clankers.db"), WATCHER):
        for i in range(3):
            append(root, said(f"msg_{i}", f"news {i}"))
            assert re.fullmatch(rf"2023-11-14 \d\d:\d\d:\d\d opencode +- +ses_1 +prompt news {i}\n", line(process))
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=DEADLINE)
        assert (process.returncode, out, err) == (0, "", "")


@POSIX_ONLY
def test_it_ends_when_nobody_reads_it_even_if_nothing_happens(root: Path) -> None:
    with following(root, "--json") as process:
        assert process.stdout
        process.stdout.close()
        process.wait(timeout=DEADLINE)
        assert process.stderr
        assert process.stderr.read() == ""


@POSIX_ONLY
def test_it_waits_for_a_log_that_is_not_there_yet(root: Path) -> None:
    with subprocess.Popen(
        command("tail"), env=environment(root), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            append(root, said("msg_1", "news"))  # before it looks or after: it is told
            assert "news" in line(process)
        finally:
            process.kill()
