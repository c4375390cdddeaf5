"""The views, and the questions that the reference and the seed documents ask of the database: with plain SQLite."""

import os
import re
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from clankers.cli.docs import page
from tests.commands import NOW, POSIX_ONLY, event, session
from tests.feeding import append, feed_hooks, opencode_records, project
from tests.test_audit import run

HOME = "/home/dev"
VIEWS = ("v_daily", "v_sessions", "v_tools", "v_files")

pytestmark = POSIX_ONLY


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data root as the seed documents have it: in a project's directory."""
    base = tmp_path_factory.mktemp("recorded")
    root = base / ".clankers-dev"
    for name in ("tools", "subagent", "resume", "compact", "err_401"):
        feed_hooks(name, root, base / "home")
    for name in ("1.1.65/11-task", "1.18.33/11-task", "1.18.33/03-multi", "1.18.33/05-fail", "1.18.33/24-fork"):
        append(root, opencode_records(name))
    project(root).close()
    return root


@pytest.fixture
def db(data: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[sqlite3.Connection]:
    """Python's own SQLite, which is older than ours; the days are those of UTC."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    with closing(sqlite3.connect(f"file:{data / 'clankers.db'}?mode=ro", uri=True)) as found:
        found.row_factory = sqlite3.Row
        yield found
    monkeypatch.undo()
    time.tzset()


def ask(db: sqlite3.Connection, sql: str) -> list[dict[str, Any]]:
    return [dict(row) for row in db.execute(sql)]


def one(db: sqlite3.Connection, sql: str) -> Any:
    (row,) = db.execute(sql)
    return row[0]


def questions() -> list[str]:
    return re.findall(r"^```sql\n(.*?)^```", page("tables"), re.DOTALL | re.MULTILINE)


def test_the_days_add_up_to_the_tables(db: sqlite3.Connection) -> None:
    for view, of_tables in (
        ("sum(prompt_tokens)", "SELECT sum(prompt_tokens) FROM sessions"),
        ("sum(completion_tokens)", "SELECT sum(completion_tokens) FROM sessions"),
        ("sum(reasoning_tokens)", "SELECT sum(reasoning_tokens) FROM sessions"),
        ("sum(cache_read_tokens)", "SELECT sum(cache_read_tokens) FROM sessions"),
        ("sum(cache_write_tokens)", "SELECT sum(cache_write_tokens) FROM sessions"),
        ("sum(tool_calls)", "SELECT count(*) FROM tools"),
        ("sum(failed_calls)", "SELECT count(*) FROM tools WHERE success = 0"),
        ("sum(errors)", "SELECT sum(error_count) FROM sessions"),
        ("round(sum(cost), 9)", "SELECT round(sum(cost), 9) FROM sessions"),
        ("sum(prompts)", "SELECT sum(prompts) FROM v_sessions"),
        ("sum(answers)", "SELECT sum(answers) FROM v_sessions"),
        ("sum(sessions)", "SELECT count(*) FROM sessions WHERE parent_id IS NULL"),  # each on one day, here
        ("sum(subagents)", "SELECT sum(subagents) FROM v_sessions"),
    ):
        assert one(db, f"SELECT {view} FROM v_daily") == one(db, of_tables), view
        assert one(db, of_tables) > 0 or view == "sum(reasoning_tokens)", view
    assert one(db, "SELECT sum(calls) FROM v_tools") == one(db, "SELECT count(*) FROM tools")
    assert one(db, "SELECT sum(failed) FROM v_tools") == one(db, "SELECT count(*) FROM tools WHERE success = 0")
    assert one(db, "SELECT sum(unfinished) FROM v_tools") == one(db, "SELECT sum(success IS NULL) FROM tools")
    assert one(db, "SELECT sum(edits) FROM v_files") == one(db, "SELECT count(*) FROM file_edits")
    assert one(db, "SELECT count(*) FROM v_sessions") == one(db, "SELECT count(*) FROM sessions")


def test_what_a_person_typed_is_counted_and_nothing_else(db: sqlite3.Connection) -> None:
    sql = "SELECT id, prompts, subagents, tool_calls, failed_calls FROM v_sessions WHERE {} ORDER BY id"
    (parent,) = ask(db, sql.format("id = '0aee4390-a408-41f0-9070-440cf9a316bf'"))
    assert (parent["prompts"], parent["subagents"]) == (1, 2)
    children = ask(db, sql.format("parent_id = '0aee4390-a408-41f0-9070-440cf9a316bf'"))
    assert [child["prompts"] for child in children] == [0, 0]
    assert sum(child["failed_calls"] for child in children) == 1


def test_a_day_is_the_local_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """22:13 UTC is the next day in Asia."""
    root = tmp_path / "data"
    message = {"id": "msg_1", "sessionID": "ses_1", "role": "user", "time": {"created": NOW}}
    append(root, [session("ses_1"), event("message.updated", info=message)])
    project(root).close()
    for zone, day in (("UTC", "2023-11-14"), ("Asia/Tokyo", "2023-11-15")):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        with closing(sqlite3.connect(root / "clankers.db")) as db:
            assert one(db, "SELECT day FROM v_daily") == day
            assert one(db, "SELECT started FROM v_sessions")[:10] == day
    monkeypatch.undo()
    time.tzset()


def test_the_reference_asks_five_questions_of_the_four_views() -> None:
    assert len(questions()) == 5
    assert all(any(view in question for question in questions()) for view in VIEWS)


def test_the_questions_of_the_reference_are_answered(db: sqlite3.Connection) -> None:
    days, tools, files, dear, cached = (ask(db, question) for question in questions())

    assert [row["day"] for row in days] == ["2026-11-20"]
    assert days[0]["sessions"] == one(db, "SELECT count(*) FROM sessions WHERE parent_id IS NULL")
    assert days[0]["cost"] == one(db, "SELECT round(sum(cost), 2) FROM sessions") > 0

    calls: dict[str, list[int | None]] = {}
    for name, success in db.execute("SELECT tool_name, success FROM tools"):
        calls.setdefault(name, []).append(success)
    failing = {(100 * ends.count(0) // len(ends), name, len(ends)) for name, ends in calls.items() if 0 in ends}
    assert {(row["percent"], row["tool_name"], row["calls"]) for row in tools} <= failing
    assert [row["percent"] for row in tools] == sorted((percent for percent, *_ in failing), reverse=True)[:10]

    counted = one(db, "SELECT count(*) FROM file_edits WHERE file_path = '{}'".format(files[0]["file_path"]))
    assert files[0]["edits"] == counted > 1
    assert files[0]["last_edited"].startswith("2026-11-20 23:")

    assert len(dear) == 10
    assert dear[0]["dollars"] == one(db, "SELECT round(max(cost), 2) FROM sessions") > 0
    assert dear[0]["title"] == "Use tools [[script:t]]"
    assert dear[0]["prompts"] == 1

    assert {row["project_name"] for row in cached} >= {"tools", "oc-1.18.33"}
    assert all(0 <= row["percent"] <= 100 for row in cached)
    assert cached[0]["dollars"] == max(row["dollars"] for row in cached)


# As they stand in the seed documents, to be run where `.clankers-dev` is.
SEEDS = {
    'sqlite3 ".clankers-dev/clankers.db" "\n'
    "  select 'sessions' as tbl, count(*) from sessions\n"
    "  union all select 'messages', count(*) from messages\n"
    "  union all select 'tools', count(*) from tools\n"
    "  union all select 'session_errors', count(*) from session_errors;\"": r"sessions\|16\nmessages\|91\ntools\|38\n",
    'sqlite3 ".clankers-dev/clankers.db" "\n'
    "  select tool_name, count(*)\n"
    "  from tools\n"
    "  where session_id like 'eb3ba967%' or session_id like 'f49c8b29%'\n"
    '  group by tool_name;"': r"$",  # sessions of that machine
}


@pytest.mark.parametrize("line", SEEDS)
def test_the_seed_documents_lines_run_as_they_stand(data: Path, line: str) -> None:
    run("sqlite3", "-version")
    done = subprocess.run(["sh", "-c", line], cwd=data.parent, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert re.match(SEEDS[line], done.stdout), done.stdout


def test_the_seed_documents_search_for_errors(data: Path) -> None:
    """Without the quotes that stand around the files there: no shell expands those, and `rg` does not either."""
    run("rg", "--version")
    line = 'rg \'"level":"(error|warn)"\' .clankers-dev/clankers-*.jsonl | tail -10'
    done = subprocess.run(["sh", "-c", line], cwd=data.parent, capture_output=True, text=True, check=True)
    assert 0 < len(done.stdout.splitlines()) <= 10


def test_the_seed_documents_statements(db: sqlite3.Connection) -> None:
    assert one(db, "SELECT COUNT(*) FROM sessions") > 0
    assert db.execute("SELECT value FROM meta WHERE key = ?", ("schema_version",)).fetchone()[0].isdigit()
    assert db.execute("SELECT value FROM meta WHERE key = ?", ("backfill_completed_at",)).fetchone() is None


def test_columns_of_the_views_have_types(db: sqlite3.Connection, data: Path) -> None:
    """DuckDB asks for them. Python's SQLite may be too old to tell."""
    import apsw

    with closing(apsw.Connection(str(data / "clankers.db"))) as ours:
        for view in VIEWS:
            types = ours.execute("SELECT name, type FROM pragma_table_info(?)", (view,)).fetchall()
            assert all(type for _, type in types), types
    assert os.environ["TZ"] == "UTC"
