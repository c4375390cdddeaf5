"""A session's files, made from the log: as the client wrote them, nowhere else, and with no second record of a line."""

import contextlib
import json
import os
import random
import re
import shutil
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock
from zlib import crc32

import apsw
import pytest

from clankers import harnesses
from clankers.cli.restore import planned, restore
from clankers.cli.resume import is_lost
from clankers.errors import EX_FAIL, EX_OK
from clankers.harnesses.claude_code.transcript_files import LEFT_OUT, LEFT_OUT_ATTACHMENTS
from clankers.harnesses.opencode.harness import OpenCode
from clankers.ingest.backfill import backfill
from clankers.ingest.live import sweep
from clankers.log import envelope
from clankers.log.writer import Log
from clankers.maintenance.scrub import mask_line
from clankers.queries.resume import SessionTree
from clankers.restore.documents import document
from clankers.restore.files import RestoredFiles, RestoreError
from clankers.restore.lines import lines_file
from clankers.restore.records import LoggedRecord, read_sessions
from clankers.restore.write import Found, targets, write
from tests.commands import POSIX_ONLY, call, environment
from tests.contract.captures import ALL, BY_IMPORT_ALONE, Captures, feed_stores
from tests.feeding import Recording, append, project, rows

pytestmark = POSIX_ONLY

WITH_FILES = {
    name: captures
    for name, captures in {**ALL, **{f"{name} of old": one for name, one in BY_IMPORT_ALONE.items()}}.items()
    if (harness := harnesses.load(captures.harness, "")).restorer()
    and not harness.imports_with
    and name != "claude-code, all"
}
# What clients keep beside, and clankers does not record.
NOT_RECORDED = {
    *("custom-title.json", "usage_record.jsonl", "sessions.db", "workspaces.json", "projects.json", "logs.json"),
    *("session_index.jsonl", "sessions.json", "index.md"),
}
NOT_RECORDED_ENDINGS = (".meta.json", ".compaction.json", ".md")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def is_left_out(raw: bytes) -> bool:
    """Whether a line is of those that the log never has."""
    line = json.loads(raw)
    attachment = line.get("attachment")
    what = attachment.get("type") if isinstance(attachment, dict) else None
    return line.get("type") in LEFT_OUT or (line.get("type") == "attachment" and what in LEFT_OUT_ATTACHMENTS)


def differing_lines(restored: bytes, original: bytes) -> int:
    """How many lines are not what the client wrote; there are as many of them, and blank ones."""
    kept = [line for line in original.splitlines() if not is_left_out(line)]
    found = [line for line in restored.splitlines() if line.strip()]
    return sum(a != b for a, b in zip(found, kept, strict=True))


@pytest.mark.parametrize("captures", WITH_FILES.values(), ids=WITH_FILES)
def test_files_are_restored_as_the_client_wrote_them_and_make_no_second_record(
    captures: Captures, tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "data"
    captures.store(home)
    feed_stores(root, captures.harness, home)
    harness = harnesses.load(captures.harness, str(root))
    with closing(project(root)) as db:
        before = rows(db)
    with mock.patch.dict(os.environ, {**environment(home / "data"), "HOME": str(home)}, clear=True):
        sessions = [source.session for source in harness.sources()]
        originals = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
        shutil.rmtree(home)
        with Log(str(root)) as log:  # as each command does that reads
            assert sweep(log, harnesses.source_of(str(root))) == 0
        changed = 0
        for id in sessions:
            tree = SessionTree(id, captures.harness, None, None, [id])
            lacking = planned(str(root), tree, None).files.lacking
            changed += sum(n for what, n in lacking.items() if what.startswith(("lines of type", "documents without")))
            restore(str(root), tree, None)
        assert capsys.readouterr().out.count("write") == sum(path.is_file() for path in home.rglob("*")) - ours(home)
        different = 0
        for original_path, original in originals.items():
            archived = original_path.parent.name == "archived_sessions"  # which a restored one is no longer
            path = next(home.rglob(original_path.name)) if archived else original_path
            if not path.exists():
                assert path.name in NOT_RECORDED or path.name.endswith(NOT_RECORDED_ENDINGS), path
            elif path.suffix == ".jsonl" and path.name not in NOT_RECORDED:
                different += differing_lines(path.read_bytes(), original)
            elif path.suffix == ".json":
                one, other = json.loads(path.read_bytes()), json.loads(original)
                different += one != other
                assert {**other, "system_prompt": ""} == {**one, "system_prompt": ""}
        assert different == changed
        with Log(str(root)) as log:
            new = sweep(log, harnesses.source_of(str(root)))
            assert new + backfill(log, harness.sources(), None, again=True).records == changed
    ids = [json.loads(line)["id"] for file in root.glob("clankers-*.jsonl") for line in file.open("rb")]
    assert [id for id, times in Counter(ids).items() if times > 1] == []
    with closing(project(root)) as db:
        assert rows(db) == before


def ours(home: Path) -> int:
    """Files that list sessions: a line was added to each, which is not announced."""
    return sum(path.name == "session_index.jsonl" for path in home.rglob("*"))


def record(at: int, text: bytes, kind: str = "line.x", *, of: bytes | None = None) -> LoggedRecord:
    return LoggedRecord(f"s@{at}#{crc32(text if of is None else of):08x}", kind, text)


def unplaced(text: bytes) -> LoggedRecord:
    return LoggedRecord(f"s:u#{crc32(text):08x}", "line.x", text)


@pytest.mark.parametrize(
    ("records", "expected", "lacks"),
    [
        ([record(0, b"{}"), record(3, b"[]")], b"{}\n[]\n", ""),
        ([record(3, b"[]"), record(0, b"{}")], b"{}\n[]\n", ""),
        ([record(0, b"{}"), record(2, b"{}")], b"{}{}\n", ""),  # two records on one line: the client was killed
        ([record(0, b"{}"), record(8, b"[]")], b"{}\n    \n[]\n", "places"),
        ([record(5, b"{}")], b"    \n{}\n", "places"),
        ([record(0, b'{"a":1}'), record(8, b"{}"), record(0, b'{"b":22222}')], b'{"b":22222}\n', ""),  # rewritten
        ([record(0, b'{"k":"****"}', of=b'{"k":"sk-1"}')], b'{"k":"****"}\n', "masked"),
        ([record(0, envelope.invalid(b"torn \xff", "x"), "invalid", of=b"torn \xff")], b"torn \xff\n", ""),
        (
            [LoggedRecord(f"s:u#{crc32(b'{}'):08x}", "y", b"{}"), record(20, b"[]")],
            b"{}\n" + b" " * 16 + b"\n[]\n",
            "places",
        ),
        (
            [record(0, b'{"p":{"elided":9,"sha256":"x"}}', "line.p", of=b"?"), record(40, b"{}")],
            b'{"p":""}' + b" " * 31 + b"\n{}\n",
            "lines of type line.p without p",
        ),
        # What the log had lost was imported later.
        (
            [record(10, b"[2]"), unplaced(b"[3]"), record(0, b"[1]")],
            b"[1]\n     \n[2]\n[3]\n",
            "places",
        ),
    ],
)
def test_lines_are_where_they_were(records: list[LoggedRecord], expected: bytes, lacks: str) -> None:
    lacking: Counter[str] = Counter()
    assert lines_file(records, lacking, stand_ins={"line.p": {("p",): b'""'}}) == expected
    assert [what for what, n in lacking.items() if n and lacks and lacks not in what] == []
    assert any(n for n in lacking.values()) is bool(lacks)


def test_a_file_that_was_rewritten_shorter_has_no_lines_of_its_earlier_version() -> None:
    earlier = [record(0, b'{"v":1,"a":1}'), record(14, b'{"v":1,"b":2}'), record(28, b'{"v":1,"c":3}')]
    lines = [*earlier, record(0, b'{"v":2}'), record(8, b'{"v":2}'), record(16, b"[2]")]
    lacking: Counter[str] = Counter()
    assert lines_file(lines, lacking, 20) == b'{"v":2}\n{"v":2}\n[2]\n'
    assert lines_file(earlier, lacking, 14).count(b"\n") == 3  # it only became shorter
    assert lines_file([*lines[:4], record(8, b'{"v":2}')], lacking, 42).endswith(
        b'{"v":1,"c":3}\n'
    )  # written as before
    assert list(+lacking) == ["places where lines were not recorded, with a blank line instead"]
    assert lines_file(lines, lacking, None).endswith(b'{"v":1,"c":3}\n')
    assert any("earlier version" in what for what in +lacking)


@pytest.mark.parametrize("name", ["codex", "copilot", "droid", "gemini", "kimi", "pi", "qwen"])
def test_where_a_rewritten_file_ends_is_known_of_each_client(name: str, tmp_path: Path, home: Path) -> None:
    captures, root = ALL[name], tmp_path / "data"
    captures.store(home)
    feed_stores(root, captures.harness, home)
    rewritten: dict[str, bytes] = {}
    for path in home.rglob("*.jsonl"):
        first, *rest = path.read_bytes().splitlines(keepends=True)
        if len(rest) > 2 and path.name not in NOT_RECORDED:
            rewritten[str(path)] = first + b"".join(rest[1:])
            path.write_bytes(rewritten[str(path)])
    assert rewritten
    with mock.patch.dict(os.environ, {**environment(home / "data"), "HOME": str(home)}, clear=True):
        sources = list(harnesses.load(captures.harness, "").sources())
        with Log(str(root)) as log:
            assert backfill(log, sources, None, again=True).records
        for source in sources:
            plan = planned(str(root), SessionTree(source.session, captures.harness, None, None, [source.session]), None)
            for target in plan.targets:
                if original := rewritten.pop(target.shown, None):
                    differing_lines(target.content, original)  # as many lines
    assert all("archived_sessions" in path for path in rewritten)


def test_an_offset_that_no_client_writes_makes_no_file_of_that_size() -> None:
    with pytest.raises(ValueError, match="a line at byte 99999999999999"):
        lines_file([record(99999999999999, b"{}")], Counter())


def test_a_document_has_its_messages_in_their_last_order() -> None:
    def message(n: int, own: str, raw: bytes) -> LoggedRecord:
        payload = b'{"sessionId":"s","message":%s}' % raw
        return LoggedRecord(f"s[{n}]{own}#{crc32(raw):08x}", "document.message", payload)

    def head(more: bytes = b"") -> LoggedRecord:
        text = b'{"sessionId":"s","head":{"v":1,"messages":{"elided":9,"sha256":"x"}}%s}' % more
        return LoggedRecord(f"s#{crc32(text):08x}", "document.head", text)

    records = [
        head(),
        message(0, "a", b'{"id":"a"}'),
        message(1, "b", b'{"id":"b"}'),
        message(1, "b", b'{"id":"b","x":1}'),
    ]
    assert document(records, Counter()) == b'{"v":1,"messages":[{"id":"a"},{"id":"b","x":1}]}'
    records += [head(b',"ids":["b","c"]'), message(1, "c", b"{}")]
    assert document(records, Counter()) == b'{"v":1,"messages":[{"id":"b","x":1},{}]}'
    assert document(records[1:3], Counter()) is None


@pytest.mark.parametrize("name", ["..", ".", "", "a/b", "a\0", "x" * 300])
def test_a_name_in_the_log_leads_nowhere_else(name: str) -> None:
    with pytest.raises(RestoreError, match="no file's name"):
        RestoredFiles("/").add(("projects", name), b"")


def test_nothing_is_written_through_a_link_or_over_what_differs(tmp_path: Path) -> None:
    folder, outside = tmp_path / "client", tmp_path / "outside"
    outside.mkdir()
    files = RestoredFiles(str(folder))
    files.add(("a", "b", "new.jsonl"), b"new\n")
    found = targets(files, str(folder))
    assert [one.found for one in found] == [Found.NOTHING]
    write(files, str(folder), found)
    assert [one.found for one in targets(files, str(folder))] == [Found.SAME]
    assert sorted(path.name for path in folder.rglob("*")) == ["a", "b", "new.jsonl"]
    (folder / "a" / "b" / "new.jsonl").write_bytes(b"newer\n")
    assert [one.found for one in targets(files, str(folder))] == [Found.OTHER]
    with pytest.raises(RestoreError, match="by another program"):  # it came to be there after the first look
        write(files, str(folder), found)
    assert (folder / "a" / "b" / "new.jsonl").read_bytes() == b"newer\n"
    shutil.rmtree(folder / "a")
    for link in ("a", "a/b"):
        (folder / link).parent.mkdir(exist_ok=True)
        (folder / link).symlink_to(outside)
        for act in (lambda: targets(files, str(folder)), lambda: write(files, str(folder), found)):
            with pytest.raises(RestoreError, match="is a link"):
                act()
        (folder / link).unlink()
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "b" / "new.jsonl").symlink_to(outside / "made")
    assert [one.found for one in targets(files, str(folder))] == [Found.OTHER]
    assert list(outside.iterdir()) == []


def test_a_session_of_another_machine_is_written_elsewhere_only(tmp_path: Path, home: Path) -> None:
    recording = Recording("basic_text", home)
    recording.grow_all()
    hook = next(one["payload"] for one in recording.hooks if one["payload"].get("transcript_path"))
    original, root, there = Path(hook["transcript_path"]), tmp_path / "data", tmp_path / "there"
    append(root, [("claude-code", "Stop", json.dumps(hook).encode())], follow=True)
    another = tmp_path / "another"
    another.mkdir()
    refused = call(root, "restore", "last", HOME=str(another))
    assert (refused.code, f"was recorded in {home}/.claude" in refused.err) == (EX_FAIL, True)
    assert call(root, "restore", "last", "--to", str(there), "--dry-run", HOME=str(another)).code == EX_OK
    assert not there.exists()
    assert call(root, "restore", "last", "--to", str(there), HOME=str(another)).code == EX_OK
    written = there / original.relative_to(home / ".claude")
    assert differing_lines(written.read_bytes(), original.read_bytes()) == 0
    assert list(another.iterdir()) == []

    different = call(root, "restore", "last", HOME=str(home))  # the client's own has lines that the log never has
    assert (different.code, "are there and differ" in different.err) == (EX_FAIL, True)
    original.unlink()
    done = call(root, "restore", "last", HOME=str(home))
    assert (done.code, f"claude --resume {hook['session_id']}" in done.out) == (EX_OK, True)
    assert original.stat().st_mode & 0o777 == 0o600
    assert call(root, "restore", "last", HOME=str(home)).out.count("  there ") == 1


def test_masked_credentials_are_named(tmp_path: Path) -> None:
    text = b'{"type":"user","text":"key AKIAQ7ZLM3XWVN2KPT4H and so on"}'
    line = envelope.line("pi", "entry.message", text, id=f"s@0#{crc32(text):08x}")
    masked = json.loads(mask_line(line[:-1])[0])["payload"]
    lacking: Counter[str] = Counter()
    lines_file([record(0, json.dumps(masked).encode(), of=text)], lacking)
    assert +lacking == {"lines with masked credentials": 1}


@pytest.mark.parametrize("name", ["opencode 1.18.33", "kilo", "opencode 1.1.65"])
def test_what_a_client_imports_is_what_its_store_had(name: str, tmp_path: Path, home: Path) -> None:
    captures, root = ALL[name], tmp_path / "data"
    captures.store(home)
    feed_stores(root, captures.harness, home)
    messages: dict[str, dict[str, Any]] = {}
    parts: dict[str, dict[str, Any]] = {}
    for path in home.rglob("*.db"):
        with closing(apsw.Connection(str(path))) as db:
            for id, session, data in db.execute("SELECT id, session_id, data FROM message"):
                messages[str(id)] = {**json.loads(str(data)), "id": id, "sessionID": session}
            for id, message, session, data in db.execute("SELECT id, message_id, session_id, data FROM part"):
                parts[str(id)] = {**json.loads(str(data)), "id": id, "messageID": message, "sessionID": session}
    for kind, into in (("message", messages), ("part", parts)):
        for path in home.rglob(f"storage/{kind}/*/*.json"):
            into[path.stem] = json.loads(path.read_bytes())
    restorer = harnesses.load(captures.harness, "").restorer()
    assert restorer
    sessions = {message["sessionID"] for message in messages.values()}
    found: list[dict[str, Any]] = []
    with mock.patch.dict(os.environ, {"HOME": str(tmp_path), "XDG_DATA_HOME": ""}):
        for id in sorted(sessions):
            (session,) = read_sessions(str(root), captures.harness, [id])
            (content,) = restorer(session).files.values()
            document = json.loads(content)
            assert document["info"]["id"] == id
            found += document["messages"]
    assert {one["info"]["id"]: one["info"] for one in found} == messages
    theirs = {part["id"]: part for one in found for part in one["parts"]}
    assert theirs == {id: part for id, part in parts.items() if part["messageID"] in messages}
    assert all(part["messageID"] == one["info"]["id"] for one in found for part in one["parts"])


def event(kind: str, **properties: Any) -> tuple[str, str, bytes]:
    return "opencode", kind, json.dumps({"properties": properties}).encode()


def test_only_what_the_client_does_not_have_is_imported(tmp_path: Path) -> None:
    root, imported = tmp_path / "data", tmp_path / "imported"
    for id in ("top", "sub", "empty"):
        append(root, [event("session.created", info={"id": id})])
    for id in ("top", "sub"):
        append(root, [event("message.updated", info={"id": f"m-{id}", "sessionID": id})])
    part = {"id": "p", "messageID": "m-sub", "sessionID": "sub", "text": "key [secret:aws]********"}
    append(root, [event("message.part.updated", part=part)])
    client = tmp_path / "opencode"
    client.write_text(f'#!/bin/sh\necho "${{2##*/}}" >> {imported}\n')
    client.chmod(0o755)
    tree = SessionTree("top", "opencode", str(tmp_path), None, ["top", "sub", "empty"])
    with mock.patch.dict(os.environ, {"HOME": str(tmp_path), "PATH": f"{tmp_path}:{os.environ['PATH']}"}):
        assert +planned(str(root), tree, None).files.lacking == {
            "masked credentials": 1,
            "the files of subagent empty": 1,
        }
        for has in (("top",), ("top", "sub")):
            with mock.patch.object(OpenCode, "has", lambda _, session, has=has: session in has):
                restore(str(root), tree, None)
            assert imported.read_text() == "sub.json\n"
        with pytest.raises(RestoreError, match="none of its messages"):
            planned(str(root), SessionTree("empty", "opencode", None, None, ["empty"]), None)


@pytest.mark.parametrize(
    ("name", "moved", "to", "lost"),
    [
        ("codex", ".codex/sessions/*/*/*/*.jsonl", ".codex/archived_sessions", False),
        ("gemini", ".gemini/tmp/src/chats/*.jsonl", "gone", True),  # .project_root stays
        ("claude-code subagent", ".claude/projects/*/*.jsonl", "gone", True),  # the subagents' stay
    ],
)
def test_a_session_is_lost_when_its_own_file_is(
    name: str, moved: str, to: str, lost: bool, tmp_path: Path, home: Path
) -> None:
    captures, root = ALL[name], tmp_path / "data"
    captures.store(home)
    feed_stores(root, captures.harness, home)
    with mock.patch.dict(os.environ, {**environment(home / "data"), "HOME": str(home)}, clear=True):
        before = {source.session for source in harnesses.load(captures.harness, "").sources()}
        sessions = {id for id in before if any(id[:8] in path.name for path in home.glob(moved))}
        assert sessions
        assert not any(is_lost(str(root), SessionTree(id, captures.harness, None, None, [id])) for id in sessions)
        (home / to).mkdir(exist_ok=True)
        for path in home.glob(moved):
            path.rename(home / to / path.name)
        assert {is_lost(str(root), SessionTree(id, captures.harness, None, None, [id])) for id in sessions} == {lost}


HOSTILE: list[Any] = [
    None,
    True,
    -1,
    [],
    {},
    "",
    "x" * 300,
    {"sessionId": None},
    {"head": []},
    {"message": 1, "data": []},
]


@pytest.mark.parametrize("name", [*(name for name in WITH_FILES if name in ALL), "opencode 1.18.33"])
def test_records_of_another_form_end_in_a_sentence(name: str, tmp_path: Path, home: Path) -> None:
    captures, root = ALL[name], tmp_path / "data"
    captures.store(home)
    feed_stores(root, captures.harness, home)
    (log,) = root.glob("clankers-*.jsonl")
    lines = [json.loads(line) for line in log.open("rb")]
    dice = random.Random(name)
    for line in dice.sample(lines, min(len(lines), 30)):
        line["payload"] = dice.choice(HOSTILE)
    written = (
        envelope.line(line["source"], line["type"], json.dumps(line["payload"]).encode(), id=line["id"])
        for line in lines
    )
    log.write_bytes(b"".join(written))
    with mock.patch.dict(os.environ, {"HOME": str(tmp_path / "empty")}):
        for session in {re.split(r"[@#\[/:]", line["id"])[0] for line in lines}:
            with contextlib.suppress(RestoreError):
                planned(str(root), SessionTree(session, captures.harness, None, None, [session]), None)
