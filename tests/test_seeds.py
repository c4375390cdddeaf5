"""The shapes, patterns and commands of the documents that this project began with: each does what they say."""

import contextlib
import json
import random
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from projector.derived.inferred_roles import infer_role
from tests.commands import call, event
from tests.feeding import Record, append, project, rows

AT = 1_769_800_000_000  # milliseconds
SESSION_COLUMNS = "id, title, project_path, project_name, model, provider, prompt_tokens, completion_tokens, cost"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / ".clankers-dev"


def updated(**properties: Any) -> Record:
    return event("session.updated", **properties)


def message(id: str, **info: Any) -> Record:
    return event("message.updated", info={"id": id, "sessionID": "ses_1", **info})


def text(message: str, words: str, **part: Any) -> Record:
    return event(
        "message.part.updated", part={"messageID": message, "sessionID": "ses_1", "type": "text", "text": words} | part
    )


NAMED: dict[str, Any] = {"title": "Cart", "time": {"created": AT, "updated": AT + 9}}
SHAPES: list[dict[str, Any]] = [
    {"id": "ses_1", "directory": "/src/shop", "modelID": "m", "providerID": "p", "cost": 0.5}
    | {"tokens": {"input": 100, "output": 50}},
    {"sessionID": "ses_1", "cwd": "/src/shop", "model": {"modelID": "m", "providerID": "p"}}
    | {"usage": {"promptTokens": 100, "completionTokens": 50, "cost": 0.5}},
    {"sessionID": "ses_1", "path": {"cwd": "/src/shop"}, "model": "m", "provider": "p", "cost": 0.5}
    | {"usage": {"promptTokens": 100, "completionTokens": 50}},
    {"id": "ses_1", "path": {"cwd": "/src/shop"}, "cwd": "/other", "directory": "/third", "modelID": "m"}
    | {
        "model": {"modelID": "other", "providerID": "p"},
        "tokens": {"input": 100, "output": 50},
        "usage": {"cost": 0.5},
    },
]


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("kind", ["session.created", "session.updated", "session.idle"])
@pytest.mark.parametrize("shape", SHAPES)
def test_a_session_event_of_any_shape_makes_the_same_row(
    shape: dict[str, Any], kind: str, nested: bool, root: Path
) -> None:
    append(root, [event(kind, **({"info": shape | NAMED} if nested else shape | NAMED))])
    db = project(root)
    found = db.execute(f"SELECT {SESSION_COLUMNS}, created_at, updated_at FROM sessions").fetchall()
    assert found == [("ses_1", "Cart", "/src/shop", "shop", "m", "p", 100, 50, 0.5, AT, AT + 9)]
    columns = "role, synthetic, session_total, text_content, prompt_tokens, completion_tokens, cost, cost_source"
    assert db.execute(f"SELECT {columns} FROM messages").fetchall() == [
        ("assistant", 1, 1, None, 100, 50, 0.5, "client")
    ]


def test_an_event_that_only_names_a_session_changes_nothing(root: Path) -> None:
    append(root, [updated(**SHAPES[1], **NAMED), event("session.idle", sessionID="ses_1")])
    found = project(root).execute(f"SELECT {SESSION_COLUMNS}, status FROM sessions").fetchall()
    assert found == [("ses_1", "Cart", "/src/shop", "shop", "m", "p", 100, 50, 0.5, "idle")]


def test_the_last_event_counts_where_none_says_when_it_was(root: Path) -> None:
    append(root, [updated(**SHAPES[0], **NAMED), updated(id="ses_1", title="Cart and till")])
    assert project(root).execute("SELECT title FROM sessions").get == "Cart and till"


def test_an_event_that_names_no_session_is_a_note(root: Path) -> None:
    append(root, [updated(title="Whose?"), updated(id="ses_1")])
    db = project(root)
    assert db.execute("SELECT id FROM sessions").fetchall() == [("ses_1",)]
    assert "sessionID" in db.execute("SELECT reason FROM rejects").get


# What one document infers from a text, pattern by pattern, and where none fits.
ROLES = [
    ("I'll fix it.", "assistant"),
    ("Let me look?", "assistant"),
    ("Of course", "assistant"),
    ("fix this:\n```\nx\n```", "assistant"),
    ("No, that is wrong", "assistant"),
    ("add **bold** words", "assistant"),
    ("1. **first", "assistant"),
    ("Where is it?", "user"),
    ("Where is it?\nTell me.", "user"),
    ("PLEASE look", "user"),
    ("@cart.py", "user"),
    ("x" * 500, "user"),
    ("x" * 501, "assistant"),
    ("help " + "x" * 501, "user"),
]


@pytest.mark.parametrize(("words", "role"), ROLES)
def test_a_role_that_no_event_reports_is_inferred_from_the_text(words: str, role: str) -> None:
    assert infer_role(words) == role


def test_a_message_has_an_inferred_role_until_an_event_reports_one(root: Path) -> None:
    append(root, [message("msg_1"), text("msg_1", "Let"), text("msg_2", "Where?"), message("msg_3", role="unknown")])
    roles = "SELECT id, role, role_inferred, text_content FROM messages ORDER BY id"
    assert project(root).execute(roles).fetchall() == [
        ("msg_1", "user", 1, "Let"),
        ("msg_2", "user", 1, "Where?"),
        ("msg_3", None, 0, None),
    ]
    append(root, [text("msg_1", "Let me look."), message("msg_2", role="assistant")])
    assert project(root).execute(roles).fetchall() == [
        ("msg_1", "assistant", 1, "Let me look."),
        ("msg_2", "assistant", 0, "Where?"),
        ("msg_3", None, 0, None),
    ]


SENT: dict[str, Any] = {"title": "Test Session", "projectPath": "/tmp/test", "projectName": "test", "model": "m"}
SENT |= {
    "provider": "p",
    "promptTokens": 100,
    "completionTokens": 50,
    "cost": 0.001,
    "createdAt": AT,
    "updatedAt": AT + 9,
}


@pytest.mark.parametrize("key", ["id", "sessionId"])
@pytest.mark.parametrize("is_request", [False, True])
def test_an_upsert_of_a_daemon_makes_rows(is_request: bool, key: str, root: Path) -> None:
    spoken: dict[str, Any] = {
        "id": "msg_1",
        "sessionId": "ses_1",
        "role": "assistant",
        "textContent": "Done",
        "model": "m",
    }
    spoken |= {"promptTokens": 3, "createdAt": AT, "durationMs": 5}
    for kind, sent in (("session.upsert", {key: "ses_1", **SENT}), ("message.upsert", spoken)):
        request = {"jsonrpc": "2.0", "id": 7, "method": kind, "params": sent}
        append(root, [("opencode", kind, json.dumps(request if is_request else sent).encode())])
    db = project(root)
    found = db.execute(f"SELECT {SESSION_COLUMNS}, created_at, updated_at FROM sessions").fetchall()
    assert found == [("ses_1", "Test Session", "/tmp/test", "test", "m", "p", 3, 0, 0.001, AT, AT + 9)]
    columns = "session_id, role, text_content, model, prompt_tokens, completion_tokens, duration_ms, completed_at"
    found = db.execute(f"SELECT {columns} FROM messages WHERE id = 'msg_1'").fetchall()
    assert found == [("ses_1", "assistant", "Done", "m", 3, None, 5, AT + 5)]
    assert not db.execute("SELECT * FROM ignored_values").fetchall()


def test_parts_without_an_id_are_parts(root: Path) -> None:
    tool = {"type": "tool", "tool": "bash", "text": None, "state": {"status": "completed", "input": {}, "output": "ok"}}
    append(root, [text("msg_1", "One"), text("msg_1", "One and two"), text("msg_1", "", **tool, callID="c1")])
    append(root, [text("msg_1", "", **tool, callID="c2"), text("msg_2", "Other")])
    db = project(root)
    assert db.execute("SELECT text_content FROM messages ORDER BY id").fetchall() == [("One and two",), ("Other",)]
    assert db.execute("SELECT call_id, tool_output FROM tools ORDER BY id").fetchall() == [("c1", "ok"), ("c2", "ok")]


TOTALS = updated(**SHAPES[0], **NAMED)
BOTH: dict[str, Any] = {"role": "assistant", "modelID": "claude-sonnet-4-6", "tokens": {"input": 3, "output": 4}}


@pytest.mark.parametrize(
    ("messages", "expected"),
    [
        ([], (100, 50, 0.5, 1)),
        ([message("msg_1", role="assistant", tokens={"input": 0, "output": 0}, cost=0)], (100, 50, 0.5, 1)),
        ([message("msg_1", **BOTH, cost=0.25)], (3, 4, 0.25, 0)),
        ([message("msg_1", **BOTH)], (3, 4, 0.5, 0)),  # the session's cost, and no estimate
        ([message("msg_1", **BOTH, cost=0)], (3, 4, 0.5, 1)),
        ([message("msg_1", role="assistant", cost=0.25)], (100, 50, 0.25, 1)),
    ],
)
def test_totals_of_a_session_stand_where_no_message_has_them(
    messages: list[Record], expected: tuple[Any, ...], root: Path
) -> None:
    append(root, [TOTALS])
    project(root).close()  # so that the row has to go again where a message comes later
    append(root, messages)
    db = project(root)
    columns = "prompt_tokens, completion_tokens, cost"
    made = db.execute("SELECT count(*) FROM messages WHERE session_total").get
    assert (*db.execute(f"SELECT {columns} FROM sessions").get, made) == expected
    assert db.execute("SELECT sum(prompt_tokens), sum(completion_tokens) FROM messages").get == expected[:2]
    assert db.execute("SELECT sum(cost) FROM activity").get == expected[2]


def test_rows_do_not_depend_on_order_or_batches(root: Path, tmp_path: Path) -> None:
    records = [
        event("session.created", **SHAPES[2], **NAMED),
        *(message("msg_1"), text("msg_1", "Fix"), text("msg_1", "Fix the cart")),
        *(message("msg_2"), text("msg_2", "I"), text("msg_2", "I'll fix it."), message("msg_2", role="assistant")),
        event("session.idle", **SHAPES[2], **NAMED),
        *(event("message.updated", info={"id": "msg_3", "sessionID": "ses_2"}), updated(id="ses_2", cost=1)),
        updated(id="ses_2", tokens={"input": 5}),
    ]
    append(root, records)
    expected = rows(project(root))
    for seed in range(4):
        shuffled = random.Random(seed).sample(records, len(records))
        other = tmp_path / str(seed)
        for one in shuffled:
            append(other, [one])
            project(other).close()
        found = rows(project(other))
        for table in ("parts",):  # a part without an id or a time has that of its line
            for row in (*found[table], *expected[table]):
                row["created_at"] = None
        assert found == expected


# The statements of the documents that ask the database, and the one by which a backfill is run again.
SCHEMA = """
CREATE TABLE IF NOT EXISTS sessions (
  id TEXT PRIMARY KEY, title TEXT, project_path TEXT, project_name TEXT, model TEXT, provider TEXT,
  prompt_tokens INTEGER, completion_tokens INTEGER, cost REAL, created_at INTEGER, updated_at INTEGER
);
CREATE TABLE IF NOT EXISTS messages (
  id TEXT PRIMARY KEY, session_id TEXT, role TEXT, text_content TEXT, model TEXT, prompt_tokens INTEGER,
  completion_tokens INTEGER, duration_ms INTEGER, created_at INTEGER, completed_at INTEGER,
  FOREIGN KEY (session_id) REFERENCES sessions(id) ON DELETE CASCADE
);
CREATE TABLE IF NOT EXISTS meta (key TEXT PRIMARY KEY, value TEXT);
"""
COUNTS = """
  select 'sessions' as tbl, count(*) from sessions
  union all select 'messages', count(*) from messages
  union all select 'tools', count(*) from tools
  union all select 'session_errors', count(*) from session_errors;
"""
TOOLS = """
  select tool_name, count(*)
  from tools
  where session_id like 'ses_%' or session_id like 'f49c8b29%'
  group by tool_name;
"""
UPSERTS = [
    """
  INSERT INTO sessions (id, title, project_path, project_name, model, provider,
    prompt_tokens, completion_tokens, cost, created_at, updated_at)
  VALUES ($id, 'Mine', NULL, NULL, NULL, NULL, 0, 0, 0, NULL, NULL)
  ON CONFLICT(id) DO UPDATE SET title=excluded.title, project_path=excluded.project_path;
""",
    """
  INSERT INTO messages (id, session_id, role, text_content, model, prompt_tokens, completion_tokens, duration_ms,
    created_at, completed_at)
  VALUES ('mine', $id, 'user', 'Fix it', NULL, 0, 0, NULL, NULL, NULL)
  ON CONFLICT(id) DO UPDATE SET session_id=excluded.session_id, role=excluded.role;
""",
]
MARKER = "SELECT value FROM meta WHERE key = ?"


def stored(home: Path, *path: str, **document: Any) -> None:
    """A file of OpenCode's JSON tree."""
    file = home.joinpath(".local", "share", "opencode", "storage", *path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(document))


def test_the_one_time_backfill_of_the_json_tree(root: Path, tmp_path: Path) -> None:
    now = time.time_ns() // 10**6
    for id, created in (("ses_1", now - 1000), ("ses_old", now - 31 * 86_400_000)):
        stored(tmp_path, "session", "prj", f"{id}.json", **SHAPES[2] | {"id": id, "time": {"created": created}})
        stored(
            tmp_path, "message", id, f"m_{id}.json", id=f"m_{id}", sessionID=id, time={"created": 10, "completed": 25}
        )
        part = {"type": "text", "messageID": f"m_{id}", "sessionID": id, "text": "Let me look."}
        stored(tmp_path, "part", f"m_{id}", "p.json", **part)
    database = tmp_path / "mine.db"
    env = {"CLANKERS_DB_PATH": str(database), "XDG_DATA_HOME": ""}
    assert "3 new records of 1 sessions" in call(root, "backfill", "--days", "30", **env).out
    with contextlib.closing(sqlite3.connect(database)) as db:
        found = db.execute(f"SELECT {SESSION_COLUMNS} FROM sessions").fetchall()
        assert found == [("ses_1", None, "/src/shop", "shop", "m", "p", 100, 50, 0.5)]
        columns = "id, session_id, role, text_content, duration_ms, created_at, completed_at"
        found = db.execute(f"SELECT {columns} FROM messages WHERE NOT session_total").fetchall()
        assert found == [("m_ses_1", "ses_1", "assistant", "Let me look.", 15, 10, 25)]
        assert int(db.execute(MARKER, ("backfill_completed_at",)).fetchone()[0]) >= now
        db.execute("DELETE FROM meta WHERE key = 'backfill_completed_at'")
        db.commit()
        assert "0 new records" in call(root, "backfill", **env).out
        assert int(db.execute(MARKER, ("backfill_completed_at",)).fetchone()[0]) >= now


def test_the_statements_of_the_documents_run(root: Path) -> None:
    append(root, [updated(**SHAPES[0], **NAMED), message("msg_1"), text("msg_1", "Fix it")])
    project(root).close()
    with contextlib.closing(sqlite3.connect(root / "clankers.db")) as db:
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        db.executescript(SCHEMA)  # which is there already
        assert db.execute(COUNTS).fetchall() == [("sessions", 1), ("messages", 2), ("tools", 0), ("session_errors", 0)]
        assert db.execute(TOOLS).fetchall() == []
        assert db.execute("SELECT COUNT(*) FROM sessions").fetchone() == (1,)
        for statement in UPSERTS * 2:
            db.execute(statement, {"id": "ses_mine"})
        db.commit()
        orphans = "SELECT count(*) FROM messages WHERE session_id NOT IN (SELECT id FROM sessions)"
        assert db.execute(orphans).fetchone() == (0,)
    assert "Mine" in call(root, "sessions").out
