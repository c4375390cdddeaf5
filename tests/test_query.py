"""`clankers query`: it answers, and it can do nothing but read."""

import csv
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import apsw
import pytest
from rich.cells import cell_len

from clankers.cli import output
from clankers.errors import EX_FAIL, EX_USAGE
from clankers.queries.connect import open_for_reading
from clankers.queries.statement import QueryError, run_statement
from projector.store.sqlite_file import VERSION
from tests.commands import HOSTILE, POSIX_ONLY, RAW, call, command, environment, run, session, work
from tests.feeding import append


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "data"
    append(root, [*work(0, 3), session("ses_hostile", title=HOSTILE)])
    assert call(root, "project").code == 0
    return root


@pytest.fixture
def database(root: Path) -> Path:
    return root / "clankers.db"


@pytest.fixture
def reader(database: Path) -> Iterator[apsw.Connection]:
    with closing(open_for_reading(str(database))) as db:
        yield db


def state(database: Path) -> tuple[bytes, bytes, list[str]]:
    """All that a statement could change: the database, its WAL, the files beside it."""
    wal = Path(f"{database}-wal")
    return (
        database.read_bytes(),
        wal.read_bytes() if wal.exists() else b"",
        sorted(p.name for p in database.parent.iterdir() if not p.name.endswith("-shm")),
    )


def test_a_table_for_people(root: Path) -> None:
    done = run(root, "query", "SELECT id, title, 1.5 AS cost, NULL AS none FROM sessions ORDER BY id LIMIT 2")
    assert done.code == 0
    assert done.err == ""
    head, _, *body = [line.split() for line in done.out.splitlines() if line.strip()]
    assert head == ["id", "title", "cost", "none"]
    assert body == [["ses_000000", "a", "title", "1.5"], ["ses_000001", "a", "title", "1.5"]]


def test_json_for_programs(root: Path) -> None:
    sql = (
        "SELECT id, title, x'00ff' AS blob, 1.5 AS real, 2 AS int, NULL AS none FROM sessions ORDER BY id DESC LIMIT 1"
    )
    done = run(root, "query", "--json", sql)
    assert done.code == 0
    assert json.loads(done.out) == [
        {"id": "ses_hostile", "title": HOSTILE, "blob": "00ff", "real": 1.5, "int": 2, "none": None}
    ]
    assert "\x1b" not in done.out


def test_csv_for_programs(root: Path) -> None:
    sql = """SELECT id, 'a, "b"' AS quoted, 'two' || char(10) || 'lines' AS text, x'00ff' AS blob, NULL AS none
    FROM sessions ORDER BY id LIMIT 1"""
    done = run(root, "query", "--csv", sql)
    assert done.code == 0
    assert list(csv.reader(done.out.splitlines(keepends=True))) == [
        ["id", "quoted", "text", "blob", "none"],
        ["ses_000000", 'a, "b"', "two\nlines", "00ff", ""],
    ]


def test_json_is_json_whatever_the_numbers(root: Path) -> None:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    done = call(root, "query", "--json", "SELECT 9e999 AS huge, -9e999 AS tiny, 9223372036854775807 AS int")
    (row,) = json.loads(done.out, parse_constant=refuse)
    assert row["int"] == 9223372036854775807


def test_columns_of_the_same_name_all_reach_json(root: Path) -> None:
    done = call(
        root, "query", "--json", "SELECT s.id, m.id FROM sessions AS s JOIN messages AS m ON s.id = session_id LIMIT 1"
    )
    assert done.code == 0
    assert "ses_000000" in done.out
    assert "msg_000000" in done.out


def test_json_and_csv_at_once_are_refused(root: Path) -> None:
    done = call(root, "query", "--json", "--csv", "SELECT 1")
    assert done.code == EX_USAGE
    assert "exclude each other" in done.err


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("WITH t (n) AS (SELECT 1 UNION SELECT 2) SELECT sum(n) FROM t", [(3,)]),
        ("WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 5) SELECT max(n) FROM t", [(5,)]),
        ("SELECT name FROM pragma_table_info('meta')", [("key",), ("value",)]),
        ("PRAGMA user_version", [(VERSION,)]),
        ("PRAGMA journal_mode", [("wal",)]),
        ("PRAGMA integrity_check", [("ok",)]),
        ("SELECT 1; ", [(1,)]),
        ("SELECT 1; -- and a remark", [(1,)]),
        ("VALUES (1), (2)", [(1,), (2,)]),
        ("SELECT json_extract('{\"a\": 7}', '$.a')", [(7,)]),
        ("SELECT count(*) FROM sqlite_schema WHERE name = 'sessions'", [(1,)]),
        ("SELECT id, row_number() OVER (ORDER BY id) FROM sessions LIMIT 1", [("ses_000000", 1)]),
        ("SELECT 1 WHERE 0", []),
    ],
)
def test_what_only_reads_works(reader: apsw.Connection, sql: str, rows: list[tuple[object, ...]]) -> None:
    assert run_statement(reader, sql)[1] == rows


def test_explain_and_the_columns_of_a_table_work(reader: apsw.Connection) -> None:
    columns, rows, _ = run_statement(reader, "EXPLAIN QUERY PLAN SELECT * FROM sessions")
    assert columns[-1] == "detail"
    assert rows[0][-1] == "SCAN sessions"
    assert run_statement(reader, "EXPLAIN SELECT 1")[1]
    assert "title" in {row[1] for row in run_statement(reader, "PRAGMA table_info(sessions)")[1]}


REFUSED = [
    "INSERT INTO meta VALUES ('a', 'b')",
    "INSERT INTO meta VALUES ('a', 'b') RETURNING key",
    "REPLACE INTO meta VALUES ('a', 'b')",
    "UPDATE sessions SET title = 'mine'",
    "DELETE FROM sessions",
    "WITH t AS (SELECT 1) DELETE FROM sessions",
    "DROP TABLE sessions",
    "CREATE TABLE mine (a)",
    "CREATE TEMP TABLE mine (a)",
    "CREATE VIEW mine AS SELECT 1",
    "CREATE TRIGGER mine AFTER INSERT ON meta BEGIN DELETE FROM sessions; END",
    "ALTER TABLE sessions ADD COLUMN mine",
    "ATTACH 'mine.db' AS mine",
    "ATTACH 'file:mine.db?mode=rwc' AS mine",
    "VACUUM",
    "VACUUM INTO 'mine.db'",
    "REINDEX",
    "ANALYZE",
    "PRAGMA user_version = 7",
    "PRAGMA application_id = 7",
    "PRAGMA journal_mode = DELETE",
    "PRAGMA query_only = 0",
    "PRAGMA query_only(0)",
    "PRAGMA main.query_only = off",
    "BEGIN",
    "BEGIN IMMEDIATE",
    "SAVEPOINT mine",
    "SELECT load_extension('mine')",
    "SELECT load_extension('mine', 'entry')",
    "SELECT 1; SELECT 2",
    "SELECT 1; DELETE FROM sessions",
    "PRAGMA query_only = 0; DELETE FROM sessions",
    "SELECT 1; ; PRAGMA user_version = 7",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_what_would_do_more_than_read_is_refused(
    database: Path, reader: apsw.Connection, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    monkeypatch.chdir(database.parent)
    before = state(database)
    with pytest.raises(QueryError) as refused:
        run_statement(reader, sql)
    assert re.search("only reads|one statement|not authorized", str(refused.value))
    assert state(database) == before
    # Nor did it open a door for what comes after.
    with pytest.raises(QueryError):
        run_statement(reader, "DELETE FROM sessions")
    assert state(database) == before


@pytest.mark.parametrize(
    "sql", ["PRAGMA wal_checkpoint(TRUNCATE)", "PRAGMA page_size = 512", "PRAGMA writable_schema = 1"]
)
def test_what_sqlite_lets_pass_changes_nothing(root: Path, database: Path, sql: str) -> None:
    with closing(apsw.Connection(str(database))) as writer:  # something for a checkpoint to move
        writer.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        writer.execute("UPDATE meta SET value = value")
        before = state(database)
        with closing(open_for_reading(str(database))) as reader:
            with suppress(QueryError):
                run_statement(reader, sql)
            with pytest.raises(QueryError):
                run_statement(reader, "DELETE FROM sqlite_schema")
        assert state(database) == before


@pytest.mark.parametrize("form", [(), ("--json",), ("--csv",)])
@pytest.mark.parametrize("sql", ["", " ", ";", "-- a remark"])
def test_no_statement_is_told(root: Path, sql: str, form: tuple[str, ...]) -> None:
    done = call(root, "query", *form, "--", sql)
    assert (done.code, done.out) == (EX_FAIL, "")
    assert "there is no statement" in done.err


def test_bytes_are_shown_alike_in_all_forms(root: Path) -> None:
    for form in ((), ("--json",), ("--csv",)):
        assert "00ff" in call(root, "query", *form, "SELECT x'00ff' AS blob").out.split("blob")[-1]
        assert "\\x00" not in call(root, "query", *form, "SELECT x'00ff' AS blob").out


@pytest.mark.parametrize("sql", ["DELETE FROM sessions", "VACUUM INTO 'mine.db'", "SELECT 1; SELECT 2", "SELEC 1"])
def test_the_command_refuses_with_a_message_and_an_exit_code(
    root: Path, database: Path, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    monkeypatch.chdir(root)
    before = state(database)
    done = run(root, "query", sql)
    assert done.code == EX_FAIL
    assert done.out == ""
    assert done.err.startswith("clankers: ")
    assert done.err.count("\n") == 1
    assert state(database) == before


@pytest.mark.parametrize(
    ("sql", "names"),
    [
        ("SELECT * FROM session", ["sessions"]),
        ("SELECT * FROM Mesages", ["messages"]),
        ("SELECT * FROM main.tool", ["tools"]),
        ("SELECT titel FROM sessions", ["title"]),
        ("SELECT s.promt_tokens FROM sessions AS s", ["prompt_tokens"]),
        ("SELECT id FROM sessions WHERE createdAt > 0", ["created_at"]),
        ("SELECT * FROM zzzzzz", ["sessions", "messages", "tools", "todos"]),
    ],
)
def test_a_wrong_name_brings_the_nearest(reader: apsw.Connection, sql: str, names: list[str]) -> None:
    with pytest.raises(QueryError, match=r"no such (table|column): ") as wrong:
        run_statement(reader, sql)
    for name in names:
        assert re.search(rf"\b{name}\b", str(wrong.value).partition(";")[2])


def test_a_wrong_name_like_no_other_and_a_wrong_function_are_told_as_they_are(reader: apsw.Connection) -> None:
    for sql, message in (
        ("SELECT qqqqqq FROM sessions", "no such column: qqqqqq"),
        ("SELECT nothing_such(1)", "no such function: nothing_such"),
        ("SELECT sum(n) FROM (SELECT 9223372036854775807 AS n UNION ALL SELECT 1)", "integer overflow"),
    ):
        with pytest.raises(QueryError, match=message):
            run_statement(reader, sql)


def test_recorded_text_cannot_steer_a_terminal(root: Path) -> None:
    done = run(root, "query", "SELECT title FROM sessions WHERE id = 'ses_hostile'")
    assert done.code == 0
    assert not RAW.search(done.out)
    assert r"\x1b[2J\x1b]0;owned\x07a b c d\x9b31m\x202egnp.exe\x2066x\x7f" in done.out
    assert len([line for line in done.out.splitlines() if line.strip()]) == 3  # head, line, row


def test_column_names_cannot_either(root: Path) -> None:
    done = call(root, "query", 'SELECT 1 AS "\x1b[2J\u202e"')
    assert not RAW.search(done.out)
    assert r"\x1b[2J\x202e" in done.out


def test_recorded_text_is_no_markup(root: Path) -> None:
    append(root, [session("ses_markup", title="[red]x[/red] :smile: [link=file:///etc/passwd]y[/link]")])
    done = call(root, "query", "SELECT title FROM sessions WHERE id = 'ses_markup'")
    assert "[red]x[/red] :smile: [link=file:///etc/passwd]y[/link]" in done.out


@pytest.mark.parametrize("form", [(), ("--json",), ("--csv",)])
def test_text_that_is_not_utf_8_is_no_obstacle(root: Path, form: tuple[str, ...]) -> None:
    done = call(root, "query", *form, "SELECT CAST(x'61ff62' AS TEXT) AS odd")
    assert done.code in {0, EX_FAIL}
    if done.code:
        assert done.err.startswith("clankers: ")
    else:
        assert "a" in done.out


def test_an_empty_database(tmp_path: Path) -> None:
    root = tmp_path / "nothing"
    assert json.loads(call(root, "query", "--json", "SELECT count(*) AS n FROM sessions").out) == [{"n": 0}]
    assert call(root, "query", "--json", "SELECT * FROM sessions") == (0, "[]\n", "")
    assert call(root, "query", "--csv", "SELECT key, value FROM meta WHERE 0") == (0, "key,value\n", "")
    shown = call(root, "query", "SELECT id, title FROM sessions")
    assert shown.code == 0
    assert shown.out.split()[:2] == ["id", "title"]


def test_the_database_is_brought_up_to_date_first(root: Path, database: Path) -> None:
    sql = "SELECT title FROM sessions WHERE id = 'ses_new'"
    assert json.loads(call(root, "query", "--json", sql).out) == []
    append(root, [session("ses_new", title="just said")])
    assert json.loads(call(root, "query", "--json", sql).out) == [{"title": "just said"}]
    for path in root.glob("clankers.db*"):
        path.unlink()
    assert json.loads(call(root, "query", "--json", sql).out) == [{"title": "just said"}]


def test_a_query_that_cannot_replay_says_so(root: Path, database: Path) -> None:
    for path in root.glob("clankers.db*"):
        path.unlink()
    with closing(sqlite3.connect(database)) as theirs, theirs:
        theirs.execute("CREATE TABLE photos (name TEXT)")
    done = call(root, "query", "SELECT * FROM photos")
    assert done.code == EX_FAIL
    assert done.out == ""
    assert "another program's database" in done.err


@pytest.mark.parametrize("text", [HOSTILE, "plain"])
def test_on_a_screen_too_nothing_recorded_steers_and_no_color_is_honoured(root: Path, text: str) -> None:
    pty = pytest.importorskip("pty")  # Windows has no pseudo-terminals
    append(root, [session("ses_screen", title=text)])
    ours, theirs = pty.openpty()
    env = environment(root, NO_COLOR="1", TERM="xterm-256color", COLUMNS="120")
    sql = "SELECT id, title, 42 AS n FROM sessions WHERE id = 'ses_screen'"
    with subprocess.Popen(command("query", sql), env=env, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 65536):
                shown += piece
        except OSError:  # Linux says EIO when the other side has closed
            pass
    os.close(ours)
    assert process.returncode == 0
    screen = shown.decode()
    for codes in re.findall(r"\x1b\[([\d;]*)m", screen):
        assert {c for c in codes.split(";") if c} <= {"0", "1", "2", "3", "4"}, "a colour, in spite of NO_COLOR"
    rest = re.sub(r"\x1b\[[\d;]*m|\r(?=\n)", "", screen)
    assert not RAW.search(rest)
    assert "ses_screen" in rest


@POSIX_ONLY
def test_a_reader_that_has_seen_enough_is_no_error_to_tell(root: Path) -> None:
    sql = "WITH RECURSIVE t (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 50000) SELECT n FROM t"
    for form in ("--csv", "--json"):
        with subprocess.Popen(
            command("query", form, sql), env=environment(root), stdout=subprocess.PIPE, stderr=subprocess.PIPE
        ) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            process.stdout.read(1)
            process.stdout.close()
            assert process.stderr.read() == b""


def test_the_python_that_runs_this_has_a_sqlite_that_reads_the_database(database: Path) -> None:
    sql = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM sessions').fetchone())"
    done = subprocess.run([sys.executable, "-c", sql, str(database)], capture_output=True, text=True, check=True)
    assert done.stdout == "(4,)\n"


@pytest.mark.parametrize("columns", [40, 60])
def test_a_table_is_as_wide_as_the_terminal_and_the_widest_give_way(
    root: Path, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "width", lambda: columns)
    sql = "SELECT 'short' AS a, 12345 AS b, printf('%.80c', 'x') AS c, '日本語' || printf('%.50c', 'y') AS d"
    lines = call(root, "query", sql).out.splitlines()
    assert len(lines) == 3
    assert all(columns - 3 < cell_len(line) <= columns for line in lines[1:])
    assert lines[2].count("…") == 2
    assert lines[2].startswith("short  12345  xx")


@pytest.mark.parametrize("columns", [10, 40, 60])
def test_no_number_is_cut_and_what_does_not_fit_stands_below_one_another(
    root: Path, columns: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output, "width", lambda: columns)
    sql = "SELECT n AS x1, -n AS x2, 1.5 * n AS x3, 'long ' || printf('%.80c', 'x') AS x4, NULL AS \"\x1b\" FROM t"
    lines = call(root, "query", f"WITH t (n) AS (VALUES (1795218339452), (1795218436920)) {sql}").out.splitlines()
    assert [line.split()[0] for line in lines if line] == ["x1", "x2", "x3", "x4", r"\x1b"] * 2
    assert [line.split()[-1] for line in lines if line[:2] in ("x1", "x2", "x3")] == [
        *("1795218339452", "-1795218339452", "2692827509178.0"),
        *("1795218436920", "-1795218436920", "2692827655380.0"),
    ]
    texts = [line for line in lines if line.startswith("x4")]
    assert all(line.endswith("…") and cell_len(line) == max(columns, 16) for line in texts)


ENDLESS = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"


@POSIX_ONLY
def test_ctrl_c_stops_a_statement_while_sqlite_computes(reader: apsw.Connection) -> None:
    timer = threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        run_statement(reader, ENDLESS)
    timer.join()
    assert run_statement(reader, "SELECT 1").rows == [(1,)]  # the connection is as good as before


def test_a_statement_is_stopped_after_its_timeout(root: Path) -> None:
    done = call(root, "query", "--timeout", "0.2", ENDLESS)
    assert (done.code, done.out) == (EX_FAIL, "")
    assert done.err == "clankers: stopped after 0.2 s; --timeout gives it longer\n"
    assert call(root, "query", "--timeout", "60", "SELECT 1").code == 0


def test_a_limit_stops_reading_and_says_so(root: Path) -> None:
    endless = "WITH RECURSIVE n (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n) SELECT x FROM n"
    done = call(root, "query", "--csv", "--limit", "2", endless)
    assert (done.code, len(done.out.splitlines())) == (0, 3)
    assert done.err == "clankers: there are more rows than --limit 2\n"
    assert call(root, "query", "--limit", "4", "SELECT id FROM sessions").err == ""
    assert call(root, "query", "--json", "--limit", "0", "SELECT id FROM sessions").out == "[]\n"


@pytest.mark.parametrize("pragma", ["wal_checkpoint", "wal_checkpoint(truncate)", "optimize", "incremental_vacuum"])
def test_a_pragma_that_acts_is_refused_as_a_change_is(root: Path, pragma: str) -> None:
    done = call(root, "query", f"PRAGMA {pragma}")
    assert (done.code, done.out) == (EX_FAIL, "")
    assert done.err == "clankers: this would do more than read; `clankers query` only reads\n"
