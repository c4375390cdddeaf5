"""Importing what clients stored: each record once, whatever the stores hold, and however often it is stopped."""

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest import mock

import apsw
import pytest

from clankers.errors import EX_BUSY, EX_IO, EX_OK
from clankers.harnesses.opencode.database import open_store
from clankers.ingest import batch, database
from clankers.system import detached
from projector.store.meta import BACKFILL, read_meta
from tests.commands import POSIX_ONLY, RAW, Result, call, environment
from tests.contract.captures import feed_stores, store_database, store_tree
from tests.feeding import (
    OPENCODE,
    Recording,
    append,
    opencode_records,
    project,
    rows,
)
from tests.patience import DEADLINE

SECRET = b"SECRET-never-to-be-read"
CLOCK = 1_800_000_000 * 10**9  # what says no time of its own has that of its append: one for all
# What the events alone tell of a session: that it is idle, and failures that are in no message.
LIVE_ONLY = {"sessions": {"status", "error_count"}}
STORES_ONLY = {"projects": {"vcs"}}  # the plugin says it too, but not in the captures


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def root(home: Path) -> Path:
    return home / "data"


@pytest.fixture(autouse=True)
def nothing_runs_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detached, "start", mock.Mock())
    monkeypatch.setattr(database, "_BUSY_MS", 50)
    monkeypatch.setattr(batch, "_PATIENCE", 0.01)


@pytest.fixture
def opencode(home: Path) -> Path:
    """OpenCode's data directory."""
    place = home / ".local" / "share" / "opencode"
    place.mkdir(parents=True)
    return place


def clankers(root: Path, *args: str) -> Result:
    return call(root, *args, XDG_DATA_HOME="", XDG_CONFIG_HOME="", CLAUDE_CONFIG_DIR="")


def store_everything(home: Path, opencode: Path) -> None:
    store_tree(opencode)
    store_database(opencode)
    for name in ("subagent", "resume", "compact"):
        Recording(name, home).grow_all()


def logged(root: Path) -> bytes:
    return b"".join(p.read_bytes() for p in sorted(root.glob("clankers-*.jsonl")))


def ids(root: Path) -> list[str]:
    found = []
    for line in logged(root).split(b"\n"):
        try:
            found.append(json.loads(line)["id"])
        except ValueError:
            continue  # the empty one at the end, and a torn one
    return sorted(found)


def everything(root: Path) -> list[str]:
    """The ids of all that the stores hold, from a log of its own."""
    other = root.with_name("other")
    assert clankers(other, "backfill", "--all").code == EX_OK
    found = ids(other)
    assert len(found) == len(set(found)) > 0
    return found


def rows_of(root: Path, without: dict[str, set[str]] | None = None) -> dict[str, list[dict[str, Any]]]:
    with closing(project(root)) as db:
        assert db.execute("SELECT count(*) FROM rejects").get == 0
        return rows(db, without=without)


def test_twice_adds_nothing(home: Path, root: Path, opencode: Path) -> None:
    store_everything(home, opencode)
    first = clankers(root, "backfill", "--all")
    assert (first.code, first.err) == (EX_OK, "")
    assert f"{len(ids(root))} new records of 29 sessions in " in first.out
    of_tree = [id for id in ids(root) if id.startswith("storage.")]
    assert len(of_tree) == sum(path.is_file() for path in (opencode / "storage").rglob("*"))
    of_database = [id for id in ids(root) if id.startswith(("db.", "evt_"))]
    assert len(of_database) == 348  # 2 projects, 15 sessions, 95 messages, 217 parts, 2 to-do lists, 17 events
    log = logged(root)
    for options in ((), ("--force",), ("opencode",)):
        again = clankers(root, "backfill", "--all", *options)
        assert again.out.startswith("0 new records of 0 sessions in ")
        assert logged(root) == log
    assert SECRET not in log


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("lost", ["the cursors", "nothing, but --force is given"])
def test_a_log_that_was_cut_is_completed(seed: int, lost: str, home: Path, root: Path, opencode: Path) -> None:
    store_everything(home, opencode)
    wanted = everything(root)
    clankers(root, "backfill", "--all")
    (log,) = root.glob("clankers-*.jsonl")
    os.truncate(log, random.Random(seed).randrange(log.stat().st_size))
    if lost == "the cursors":
        shutil.rmtree(root / "cursors")
    assert clankers(root, "backfill", "--all", *(() if lost == "the cursors" else ("--force",))).code == EX_OK
    assert ids(root) == wanted


KILLED = """
import os, random, signal, sys
from clankers.log.writer import Log
from clankers.__main__ import main
left = int(sys.argv.pop(1))
write = Log.write
def writing(self, day, lines):
    global left
    for line in lines:
        if not left:
            write(self, day, [])
            self._fd < 0 or os.write(self._fd, line[: len(line) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        write(self, day, [line])
        left -= 1
Log.write = writing
sys.exit(main())
"""


@POSIX_ONLY
def test_killed_at_any_moment_it_is_completed_by_the_next(home: Path, root: Path, opencode: Path) -> None:
    store_everything(home, opencode)
    wanted = everything(root)
    dice = random.Random(0)
    env = environment(root, XDG_DATA_HOME="", CLAUDE_CONFIG_DIR="")
    for _ in range(6):
        argv = [sys.executable, "-c", KILLED, str(dice.randrange(len(wanted) // 4)), "backfill", "--all"]
        done = subprocess.run(argv, env=env, capture_output=True, check=False, timeout=DEADLINE)
        assert done.returncode in (-signal.SIGKILL, EX_OK), done.stderr
    assert 0 < len(ids(root)) <= len(wanted)
    assert clankers(root, "backfill", "--all").code == EX_OK
    assert ids(root) == wanted


def test_a_log_that_is_gone_is_imported_again_with_force(home: Path, root: Path, opencode: Path) -> None:
    store_everything(home, opencode)
    wanted = everything(root)
    clankers(root, "backfill", "--all")
    for file in root.glob("clankers-*.jsonl"):
        file.unlink()
    assert clankers(root, "backfill", "--all", "--force").code == EX_OK
    assert ids(root) == wanted


def test_how_far_back_is_a_matter_of_when_a_session_was_created(home: Path, root: Path, opencode: Path) -> None:
    store_database(opencode)
    now = time.time()
    ages = {"new": 1.0, "almost": 29.5, "old": 30.5, "ancient": 400.0}
    for name, age in ages.items():
        begun = now - age * 86400
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(begun))
        transcript = home / ".claude" / "projects" / "-src" / f"{name}.jsonl"
        transcript.parent.mkdir(parents=True, exist_ok=True)
        transcript.write_text(f'{{"type":"user","uuid":"{name}","timestamp":"{stamp}","message":{{}}}}\n')
        file = opencode / "storage" / "session" / "p" / f"tree_{name}.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"id": f"tree_{name}", "time": {"created": round(begun * 1000)}}))
        with closing(sqlite3.connect(opencode / "opencode.db")) as db, db:
            change = (
                "UPDATE session SET id = ?, time_created = ? WHERE id = (SELECT id FROM session WHERE id LIKE 'ses_%')"
            )
            db.execute(change, (f"db_{name}", round(begun * 1000)))
    with closing(sqlite3.connect(opencode / "opencode.db")) as db, db:
        db.execute("DELETE FROM session WHERE id LIKE 'ses_%'")

    def taken() -> set[str]:
        kinds = ("storage.session:tree_", "db.session:db_")
        found = {id.split("#")[0].split("_")[-1] for id in ids(root) if id.startswith(kinds)}
        assert found == {id.split(":")[0] for id in ids(root) if not id.startswith(("storage.", "db."))}
        return found

    done = clankers(root, "backfill", "--days", "0")
    assert (done.code, "12 sessions older than 0 days left out" in done.out) == (EX_OK, True)
    done = clankers(root, "backfill")
    assert "; 6 sessions older than 30 days left out (--all imports them)" in done.out
    assert taken() == {"new", "almost"}
    clankers(root, "backfill", "--days", "31")
    assert taken() == {"new", "almost", "old"}
    clankers(root, "backfill", "--all")
    assert taken() == set(ages)


STORES = {"1.1.65": store_tree, "1.18.33": store_database}


def live(root: Path, version: str) -> None:
    for name in OPENCODE:
        if name.startswith(version):
            append(root, opencode_records(name))


@pytest.mark.parametrize("version", STORES)
def test_opencodes_past_alone_lacks_only_what_it_never_stores(
    version: str, home: Path, root: Path, opencode: Path
) -> None:
    STORES[version](opencode)
    live(root, version)
    told = rows_of(root, LIVE_ONLY | STORES_ONLY | {"todos": {"updated_at"}})
    assert not feed_stores(home / "past", "opencode", home).problems
    stored = rows_of(home / "past", LIVE_ONLY | STORES_ONLY | {"todos": {"updated_at"}})
    lacks = {table: [r for r in told[table] if r not in stored[table]] for table in told}
    deleted = {s["id"] for s in lacks["sessions"] if s["deleted_at"]}
    assert len(deleted) == 3  # the client deleted them, and keeps nothing of them
    for table in ("messages", "parts", "tools"):
        lacks[table] = [r for r in lacks[table] if r["session_id"] not in deleted]
    assert lacks.pop("todos") == lacks.pop("tools") == lacks.pop("compaction_events") == lacks.pop("projects") == []
    errors = {"1.1.65": ["UnknownError"], "1.18.33": ["ContextOverflowError", "UnknownError", "retry"]}
    assert sorted(e["error_type"] for e in lacks["session_errors"]) == errors[version]
    sessions = [s["id"] for s in lacks["sessions"] if s["id"] not in deleted]
    messages = [m for m in lacks["messages"] if not m["deleted_at"]]
    if version == "1.18.33":  # what was reverted is among its events
        ((message,), (part,)) = (messages, lacks["parts"])  # a text that was cut off while it streamed
        assert (sessions, lacks["messages"]) == ([], messages)
        assert message["text_content"] == part["text"] != ""
    else:  # the tree has no trace of what was reverted, nor of a part that was removed
        assert len(sessions) == 1
        assert {m["session_id"] for m in lacks["messages"] if m["deleted_at"]} == set(sessions)
        removed = [p for p in lacks["parts"] if p["session_id"] not in sessions]
        assert [p["text"] for p in removed] == [m["text_content"] for m in messages] == ["[[S:perm]] do it once"]
    extra = {t: [r["id"] for r in stored[t]] for t in ("sessions", "messages", "parts", "tools", "session_errors")}
    assert all(set(found) <= {r["id"] for r in told[table]} for table, found in extra.items())


def convert(opencode: Path) -> None:
    """What OpenCode 1.2 does at its first start: the tree into a database; the tree stays."""
    with closing(sqlite3.connect(opencode / "opencode.db")) as db, db:
        db.executescript("""
            CREATE TABLE project (id TEXT PRIMARY KEY, worktree TEXT, vcs TEXT, time_created INT, time_updated INT);
            CREATE TABLE session (id TEXT PRIMARY KEY, project_id TEXT, parent_id TEXT, slug TEXT, directory TEXT,
                title TEXT, version TEXT, time_created INT, time_updated INT);
            CREATE TABLE message (id TEXT PRIMARY KEY, session_id TEXT, time_created INT, time_updated INT, data TEXT);
            CREATE TABLE part (id TEXT PRIMARY KEY, message_id TEXT, session_id TEXT, time_created INT,
                time_updated INT, data TEXT);
            CREATE TABLE todo (session_id TEXT, content TEXT, status TEXT, priority TEXT, position INT,
                time_created INT, time_updated INT);
        """)
        for file in sorted((opencode / "storage").rglob("*.json")):
            kind = file.relative_to(opencode / "storage").parts[0]
            row = json.loads(file.read_text("utf-8"))
            at = round(file.stat().st_mtime * 1000)
            if kind == "todo":
                for n, todo in enumerate(row):
                    values = (file.stem, todo["content"], todo["status"], todo["priority"], n, at, at)
                    db.execute("INSERT INTO todo VALUES (?, ?, ?, ?, ?, ?, ?)", values)
                continue
            keys = {"id": row.pop("id"), "session_id": row.pop("sessionID", None), "data": json.dumps(row)}
            times = {"time_created": row.get("time", {}).get("created", 0), "time_updated": at}
            keys |= times | {"message_id": row.pop("messageID", None)} | {k: v for k, v in row.items() if v is not None}
            keys |= {"project_id": row.get("projectID"), "parent_id": row.get("parentID")}
            keys["data"] = json.dumps(row)
            if kind == "session":
                keys["time_updated"] = row["time"]["updated"]
            columns = [name for _, name, *_ in db.execute(f"PRAGMA table_info({kind})")]
            places = ", ".join("?" * len(columns))
            db.execute(f"INSERT INTO {kind} VALUES ({places})", [keys.get(name) for name in columns])


def test_a_session_in_the_tree_the_database_and_the_log_is_one(
    home: Path, root: Path, opencode: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store_tree(opencode)
    monkeypatch.setattr(time, "time_ns", lambda: CLOCK)
    live(root, "1.1.65")
    told = rows_of(root, STORES_ONLY)
    assert not feed_stores(home / "tree", "opencode", home).problems
    convert(opencode)
    assert not feed_stores(root, "opencode", home).problems
    assert rows_of(root, STORES_ONLY) == told
    shutil.move(opencode / "storage", home / "storage")
    assert not feed_stores(home / "database", "opencode", home).problems
    shutil.move(home / "storage", opencode / "storage")
    assert not feed_stores(home / "both", "opencode", home).problems
    # When a list changed is a file's time; an entry's id is not in the database.
    unsaid = {"todos": {"updated_at", "id"}}
    tree, database, both = (rows_of(home / name, unsaid) for name in ("tree", "database", "both"))
    assert both == tree
    assert both == database


# Stores in whatever state.


def test_credentials_are_never_read(home: Path, root: Path, opencode: Path) -> None:
    path = store_database(opencode)
    asked: list[str] = []

    def trace(db: apsw.Connection) -> None:
        db.trace_v2(apsw.SQLITE_TRACE_STMT, lambda event: asked.append(str(event.get("sql"))))

    apsw.connection_hooks.append(trace)
    try:
        assert not feed_stores(root, "opencode", home).problems
    finally:
        apsw.connection_hooks.remove(trace)
    assert any("FROM session" in statement for statement in asked)
    secret = ("account", "control_account", "credential")
    assert not [s for s in asked if any(table in s for table in secret)]
    assert SECRET not in logged(root)
    with closing(open_store(str(path))) as db:
        for statement in (
            *(f"SELECT * FROM {table}" for table in secret),
            "DELETE FROM session",
            "PRAGMA user_version",
        ):
            with pytest.raises(apsw.AuthError):
                db.execute(statement).fetchall()


def test_beside_a_client_at_work_what_is_committed_is_seen_and_no_byte_changed(
    home: Path, root: Path, opencode: Path
) -> None:
    store_tree(opencode)
    path = store_database(opencode)
    Recording("subagent", home).grow_all()
    with closing(apsw.Connection(str(path))) as client:
        client.pragma("wal_autocheckpoint", 0)
        change = "UPDATE session SET title = ? WHERE id = (SELECT min(id) FROM session)"
        client.execute(change, ("committed",))
        client.execute("BEGIN IMMEDIATE")
        client.execute(change, ("uncommitted",))
        files = [p for p in home.rglob("*") if p.is_file() and p.suffix != ".db-shm"]
        before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in files}
        assert any(p.suffix == ".db-wal" and content for p, (content, _) in before.items())
        done = clankers(root, "backfill", "--all")
        assert (done.code, done.err) == (EX_OK, "")
        assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in files} == before
        client.execute("ROLLBACK")
    assert b'"title":"committed"' in logged(root)
    assert b'"title":"uncommitted"' not in logged(root)


def some_files(opencode: Path) -> list[Path]:
    """Of three sessions in the tree: the first's own file, a message of the second, a part of the third."""
    storage = opencode / "storage"
    first, second, third = sorted((storage / "session").glob("*/*"))[:3]
    message, other = (min((storage / "message" / session.stem).iterdir()) for session in (second, third))
    return [first, message, min((storage / "part" / other.stem).iterdir())]


def replaced_by_link(file: Path) -> None:
    elsewhere = file.rename(file.parents[6] / f"elsewhere {file.name}")
    file.symlink_to(elsewhere)


def replaced_by_directory(file: Path) -> None:
    file.unlink()
    (file / "x.json").mkdir(parents=True)


def replaced_by_pipe(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


DAMAGE: dict[str, Callable[[Path], object]] = {
    "not JSON": lambda file: file.write_bytes(b"no JSON"),
    "half written": lambda file: os.truncate(file, file.stat().st_size // 2),
    "empty": lambda file: os.truncate(file, 0),
    "nested deeply": lambda file: file.write_bytes(b'{"id":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    "not UTF-8": lambda file: file.write_bytes(b'{"id":"\xff"}'),
    "lone surrogates": lambda file: file.write_bytes(b'{"id":"\\ud800","sessionID":"\\ud800","time":{}}'),
    "no object": lambda file: file.write_bytes(b"[1]"),
    "of the year 30000": lambda file: file.write_bytes(b'{"id":"x","time":{"created":1000000000000000}}'),
    "of a year without a number": lambda file: file.write_bytes(b'{"id":"x","time":{"created":1%s}}' % (b"0" * 30)),
    "a link": replaced_by_link,
    "a directory": replaced_by_directory,
    "a pipe": replaced_by_pipe,
    "of a name that is not ASCII": lambda file: file.rename(file.with_name('ä"\\b.json')),
    "of a name that is not UTF-8": lambda file: os.rename(file, os.fsencode(file.parent) + b"/\xff.json"),
}


@POSIX_ONLY
@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_file_keeps_no_other_from_being_read(damage: str, home: Path, root: Path, opencode: Path) -> None:
    store_tree(opencode)
    Recording("basic_text", home).grow_all()
    files = some_files(opencode)
    away = [file.rename(home / file.name) for file in files]
    wanted = everything(root)
    for file, copy in zip(files, away, strict=True):
        copy.rename(file)
        DAMAGE[damage](file)
    done = clankers(root, "backfill", "--all")
    assert done.code == (EX_OK if not done.err else EX_IO)
    assert set(wanted) <= set(ids(root))
    assert (read_meta(str(root / "clankers.db"), BACKFILL) or "").isdigit()
    log = logged(root)
    assert clankers(root, "backfill", "--all").code == done.code
    assert logged(root) == log


def unknown_schema(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.execute("CREATE TABLE sessions (id)")


def other_columns(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript(
            "CREATE TABLE session (id, time_created); INSERT INTO session VALUES ('ses_x', 1e300), (x'ff', NULL)"
        )


def beyond_the_calendar(path: Path) -> None:
    with closing(sqlite3.connect(path)) as db:
        db.executescript("CREATE TABLE session (id, time_created); INSERT INTO session VALUES ('ses_x', 1 << 62)")


BROKEN: dict[str, Callable[[Path], object]] = {
    "no database": lambda path: path.write_bytes(b"\x1b[2J no database" * 1000),
    "empty": lambda path: path.touch(),
    "a directory": lambda path: path.mkdir(),
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
    "of an unknown schema": unknown_schema,
    "without the other tables": other_columns,
    "of times beyond the calendar": beyond_the_calendar,
}


@POSIX_ONLY
@pytest.mark.parametrize("kind", BROKEN)
def test_a_broken_database_is_named_and_the_rest_is_read(kind: str, home: Path, root: Path, opencode: Path) -> None:
    store_everything(home, opencode)
    wanted = everything(root)
    BROKEN[kind](opencode / "opencode-beta.db")
    done = clankers(root, "backfill", "--all")
    assert done.code == EX_IO
    assert done.err.startswith("clankers: not imported: ")
    assert not RAW.search(done.err)
    assert set(wanted) <= set(ids(root))
    assert (read_meta(str(root / "clankers.db"), BACKFILL) or "").isdigit()


def test_a_backfill_of_one_harness_or_of_few_days_is_not_the_first_one(home: Path, root: Path, opencode: Path) -> None:
    store_everything(home, opencode)
    for args in (("opencode", "--all"), ("--days", "3")):
        assert clankers(root, "backfill", *args).code == EX_OK
        assert read_meta(str(root / "clankers.db"), BACKFILL) is None


def test_a_locked_database_is_named_and_read_the_next_time(home: Path, root: Path, opencode: Path) -> None:
    store_everything(home, opencode)
    wanted = everything(root)
    with closing(apsw.Connection(str(opencode / "opencode.db"))) as other:
        other.pragma("journal_mode", "DELETE")
        other.execute("BEGIN EXCLUSIVE")
        done = clankers(root, "backfill", "--all")
        other.execute("ROLLBACK")
    assert done.code == EX_BUSY
    assert f"{opencode / 'opencode.db'} is locked by another program: " in done.err
    assert 0 < len(ids(root)) < len(wanted)
    assert read_meta(str(root / "clankers.db"), BACKFILL) is None, "it is to be tried again"
    assert clankers(root, "backfill", "--all").err == ""
    assert ids(root) == wanted


def test_a_damaged_transcript_keeps_no_other_from_being_read(home: Path, root: Path) -> None:
    Recording("subagent", home).grow_all()
    wanted = everything(root)
    place = home / ".claude" / "projects" / "-src"
    (place / "directory.jsonl").mkdir(parents=True)
    (place / "link.jsonl").symlink_to(home / "nowhere")
    (place / "a name.jsonl").write_text('{"type":"user"}\n')
    (place / "torn.jsonl").write_bytes(b'{"type":"user","uuid":"u","timestamp":"2026-11-20T00:00:00Z"}\n\xff\n{"type":')
    (place / "loop.jsonl").symlink_to("loop.jsonl")
    os.mkdir(os.fsencode(place) + b"/\xff.jsonl")
    done = clankers(root, "backfill", "--all")
    assert done.code == EX_IO
    assert [name for name in ("directory", "link", "a name", "loop") if name not in done.err] == []
    assert set(wanted) < set(ids(root))
    assert any(id.startswith("torn:u#") for id in ids(root))
