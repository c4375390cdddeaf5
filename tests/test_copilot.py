"""GitHub Copilot CLI: its recordings against what the model served, its token counts, what its event logs hold."""

import json
import os
import sqlite3
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any
from zlib import crc32

import apsw
import pytest
from msgspec.json import encode

from clankers.harnesses.copilot import history
from clankers.harnesses.copilot.event_log import EventLog
from clankers.harnesses.copilot.harness import HARNESS
from clankers.harnesses.copilot.install import CopilotInstaller
from clankers.harnesses.installer import InstallError
from clankers.ingest.source import SourceError
from clankers.log import strict_json
from projector.adapters.copilot.wire import Workspace
from projector.adapters.copilot.workspace import workspace
from projector.derived.request_usage import fold
from projector.model.changes import SessionSeen
from projector.model.evidence import RequestUsed, Spent, UsageSeen, UsageTotal
from tests.contract.captures import copilot, feed_live, feed_stores
from tests.feeding import CAPTURES, COPILOT, append, project

# By recording: responses, [prompt, completion, cache read] tokens of all rows, reasoning, [prompt, completion, cache
# read] that no response has, prompts, sessions, calls, failed and open ones, errors.
EXPECTED: dict[str, tuple[Any, ...]] = {
    "compact": (7, [8036, 436, 1636], 5, [1007, 57, 207], 3, 1, 4, 0, 0, 0),
    "err401": (0, [0, 0, 0], 0, [0, 0, 0], 1, 1, 0, 0, 0, 1),
    "fail": (5, [5015, 265, 1015], 0, [0, 0, 0], 1, 1, 5, 3, 0, 0),
    "kill": (2, [2003, 103, 403], 0, [0, 0, 0], 2, 1, 1, 1, 0, 0),
    # A response has its output tokens, and all else only the sums of each run have.
    "old-1.0.60_resume": (4, [4010, 210, 810], 5, [4010, 0, 810], 3, 1, 1, 0, 0, 0),
    "old-1.0.60_sub": (4, [4010, 210, 810], 0, [4010, 0, 810], 1, 2, 2, 0, 0, 0),
    "old-1.0.86_fork": (6, [6021, 321, 1221], 0, [6021, 321, 1221], 2, 2, 4, 0, 0, 0),
    "old-1.0.86_sub": (4, [4010, 210, 810], 0, [4010, 210, 810], 1, 2, 2, 0, 0, 0),
    "pascal": (5, [5015, 265, 1015], 0, [0, 0, 0], 1, 1, 5, 3, 0, 0),
    "plain": (1, [1001, 51, 201], 5, [0, 0, 0], 1, 1, 0, 0, 0, 0),
    "resume": (4, [4010, 210, 810], 5, [0, 0, 0], 3, 1, 1, 0, 0, 0),
    "sub": (4, [4010, 210, 810], 0, [0, 0, 0], 1, 2, 2, 0, 0, 0),
    "versions": (8, [8036, 436, 1636], 0, [5015, 265, 1015], 3, 1, 5, 0, 0, 0),
    "versions3": (8, [8036, 436, 1636], 0, [6021, 56, 1221], 3, 1, 5, 0, 0, 0),
}
_TOKENS = "total(prompt_tokens), total(completion_tokens), total(cache_read_tokens)"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("COPILOT_HOME", raising=False)
    return tmp_path / "home"


def one(db: apsw.Connection, query: str) -> Any:
    return db.execute(query).get


def stored(home: Path, root: Path, *names: str) -> apsw.Connection:
    """The database of these recordings, as `backfill` imports them."""
    copilot(*names).store(home)
    feed_stores(root, "copilot", home)
    return project(root)


def event_log(home: Path) -> Path:
    (path,) = home.rglob("events.jsonl")
    return path


@pytest.mark.parametrize("name", COPILOT)
def test_rows_are_what_the_model_served(name: str, home: Path, tmp_path: Path) -> None:
    with closing(stored(home, tmp_path / "data", name)) as db:
        besides = "FROM messages WHERE role = 'assistant' AND synthetic"
        found = (
            one(db, "SELECT count(*) FROM messages WHERE role = 'assistant' AND NOT synthetic"),
            list(one(db, f"SELECT {_TOKENS} FROM sessions")),
            one(db, "SELECT total(reasoning_tokens) FROM sessions"),
            list(one(db, f"SELECT {_TOKENS} {besides}")),
            one(db, "SELECT count(*) FROM messages WHERE role = 'user' AND NOT synthetic"),
            one(db, "SELECT count(*) FROM sessions"),
            *one(db, "SELECT count(*), total(success = 0), total(success IS NULL) FROM tools"),
            one(db, "SELECT count(*) FROM session_errors"),
        )
        assert found == EXPECTED[name]


def test_a_response_has_its_own_tokens_and_what_no_response_has_stands_in_a_marked_row(
    home: Path, tmp_path: Path
) -> None:
    with closing(stored(home, tmp_path / "data", "versions")) as db:
        known = "SELECT text_content, prompt_tokens, finish_reason FROM messages WHERE prompt_tokens > 0 ORDER BY 2, 1"
        assert db.execute(known).fetchall() == [
            ("Second answer.", 1006, "stop"),
            (None, 1007, "tool_calls"),
            ("One tool done.", 1008, "stop"),
            (None, 5015, None),
        ]
        assert one(db, "SELECT prompt_tokens FROM messages WHERE session_total") == 5015


@pytest.mark.parametrize(("name", "parent", "child"), [("sub", 2005, 2005), ("old-1.0.86_sub", 2005, 2005)])
def test_a_subagent_has_its_own_tokens(name: str, parent: int, child: int, home: Path, tmp_path: Path) -> None:
    with closing(stored(home, tmp_path / "data", name)) as db:
        sessions = "SELECT prompt_tokens, tool_call_count, parent_id IS NULL, agent, project_name FROM sessions"
        assert db.execute(f"{sessions} ORDER BY created_at").fetchall() == [
            (parent, 1, 1, None, "sub"),
            (child, 1, 0, "general-purpose", "sub"),
        ]
        prompt = "SELECT synthetic FROM messages WHERE role = 'user' AND text_content GLOB 'Look around*'"
        assert one(db, prompt) == 1, "its parent wrote its prompt"


def test_a_database_has_what_the_sums_of_an_older_version_do_not_divide(home: Path, tmp_path: Path) -> None:
    copilot("old-1.0.86_sub").store(home)
    log = event_log(home)
    lines = [line for line in map(json.loads, log.open(encoding="utf-8")) if line["type"] == "assistant.message"]
    with closing(sqlite3.connect(home / ".copilot" / "session-store.db")) as store, store:
        store.execute("CREATE TABLE secrets (token TEXT)")
        store.execute(
            "CREATE TABLE assistant_usage_events (id INTEGER PRIMARY KEY, session_id, agent_id, model, input_tokens, "
            "output_tokens, cache_read_tokens, cache_write_tokens, reasoning_tokens, finish_reason, created_at)"
        )
        rows = [
            (
                log.parent.name,
                line.get("agentId"),
                "mock-1",
                1200 + 2 * n,
                50 + n,
                200 + n,
                0,
                0,
                "stop",
                line["timestamp"],
            )
            for n, line in enumerate(lines, 1)
        ]
        store.executemany(f"INSERT INTO assistant_usage_events VALUES (NULL{', ?' * 10})", rows)
    feed_stores(tmp_path / "data", "copilot", home)
    (home / ".copilot" / "session-store.db").touch()
    assert feed_stores(tmp_path / "data", "copilot", home).records == 0
    with closing(project(tmp_path / "data")) as db:
        found = "SELECT prompt_tokens FROM messages WHERE role = 'assistant' ORDER BY created_at"
        assert db.execute(found).fetchall() == [(1001,), (1002,), (1003,), (1004,)]
        assert db.execute("SELECT prompt_tokens FROM sessions").fetchall() == [(2005,), (2005,)]


@pytest.mark.parametrize("first", [0, 1])
def test_what_a_fork_copied_stays_its_origins(first: int, home: Path, tmp_path: Path) -> None:
    copilot("old-1.0.86_fork").store(home)
    os.utime(sorted(home.rglob("events.jsonl"))[first])  # the last changed is read first
    feed_stores(tmp_path / "data", "copilot", home)
    with closing(project(tmp_path / "data")) as db:
        origin, fork = (id for (id,) in db.execute("SELECT id FROM sessions ORDER BY created_at"))
        totals = "SELECT id, forked_from, prompt_tokens, message_count, tool_call_count FROM sessions"
        assert sorted(db.execute(totals).fetchall()) == sorted([(origin, None, 5015, 7, 4), (fork, origin, 1006, 3, 0)])


def test_what_a_fork_copied_is_not_its_own_where_its_origin_is_gone(home: Path, tmp_path: Path) -> None:
    copilot("old-1.0.86_fork").store(home)
    origin, fork = sorted(home.rglob("events.jsonl"), key=lambda path: b"Forked from" in path.read_bytes())
    origin.unlink()
    feed_stores(tmp_path / "data", "copilot", home)
    with closing(project(tmp_path / "data")) as db:
        totals = "SELECT id, prompt_tokens, message_count, tool_call_count FROM sessions ORDER BY message_count"
        assert db.execute(totals).fetchall() == [(fork.parent.name, 1006, 3, 0), (origin.parent.name, 0, 6, 4)]


def test_calls_have_their_exit_codes_files_and_ends(home: Path, tmp_path: Path) -> None:
    with closing(stored(home, tmp_path / "data", "fail", "kill", "versions")) as db:
        ended = "SELECT success, exit_code, status FROM tools WHERE id = '%s'"
        assert one(db, ended % "call_0010fail") == (0, 3, "completed")
        assert one(db, ended % "call_0010slow") == (0, None, "interrupted")
        edited = db.execute("SELECT tool_name, file_path FROM file_edits ORDER BY edited_at").fetchall()
        assert edited == [(tool, f"{home}/src/versions/a.txt") for tool in ("create", "edit")]


def test_an_older_version_says_the_exit_code_in_the_output(home: Path, tmp_path: Path) -> None:
    copilot("fail").store(home)
    log = event_log(home)
    log.write_text(log.read_text("utf-8").replace('"shellExecution":{"exitCode":3},', ""), "utf-8")
    feed_stores(tmp_path / "data", "copilot", home)
    with closing(project(tmp_path / "data")) as db:
        assert one(db, "SELECT success, exit_code FROM tools WHERE id = 'call_0010fail'") == (0, 3)


def test_a_long_output_is_read_while_its_file_is_there(home: Path, tmp_path: Path) -> None:
    copilot("resume").store(home)
    log = event_log(home)
    file = tmp_path / "1795838662096-copilot-tool-output-22-83f57a62-4abf-4ccc-979d-a81f63cf7474.txt"
    file.write_text("all of it\n" * 100, "utf-8")
    cut = f"Output too large to read at once (107.2 KB). Saved to: {file}\nPreview\n<shellId: 0 completed>"
    whole = json.dumps("again\n<shellId: 0 completed with exit code 0>")
    text = log.read_text("utf-8").replace(f'"result":{{"content":{whole}', f'"result":{{"content":{json.dumps(cut)}')
    log.write_text(text, "utf-8")
    feed_stores(tmp_path / "data", "copilot", home)
    assert feed_stores(tmp_path / "data", "copilot", home).records == 0
    file.unlink()
    with closing(project(tmp_path / "data")) as db:
        assert one(db, "SELECT tool_output FROM tools") == "all of it\n" * 100
        assert one(db, "SELECT count(*) FROM event_types WHERE NOT known") == 0


def test_a_damaged_log_costs_what_is_damaged(home: Path, tmp_path: Path) -> None:
    """Two events in a line, NUL bytes at the end, and a line separator of Unicode within a text."""
    copilot("plain").store(home)
    log = event_log(home)
    lines = log.read_text("utf-8").replace("Hello from", "Hello\u2028from").split("\n")
    torn = [*lines[:6], lines[6][:50] + lines[7], *lines[8:]]
    log.write_text("\n".join(torn) + "\0" * 64 + "\n", "utf-8")
    feed_stores(tmp_path / "data", "copilot", home)
    with closing(project(tmp_path / "data")) as db:
        assert list(one(db, f"SELECT {_TOKENS} FROM sessions")) == [1001, 51, 201]
        assert one(db, "SELECT text_content FROM messages WHERE role = 'assistant'").startswith("Hello\u2028from")
        assert one(db, "SELECT count(*) FROM rejects") == 2


def test_an_attempt_that_was_repeated_is_reported_by_hooks_alone(home: Path, tmp_path: Path) -> None:
    feed_live(tmp_path / "data", copilot("err401").live(home))
    with closing(project(tmp_path / "data")) as db:
        errors = db.execute("SELECT error_type, status_code, will_retry FROM session_errors ORDER BY will_retry")
        assert errors.fetchall() == [("authentication", 401, 0), ("request", None, 1), ("request", None, 1)]
        assert one(db, "SELECT error_count, status FROM sessions") == (1, "ended")


def test_a_prompt_is_known_before_there_is_a_log(tmp_path: Path) -> None:
    for line in (CAPTURES / "copilot" / "plain" / "hooks.jsonl").read_text("utf-8").splitlines()[:2]:
        payload = json.loads(line)["payload"]
        append(tmp_path / "data", [("copilot", HARNESS.kind(payload), json.dumps(payload).encode())], follow=True)
    with closing(project(tmp_path / "data")) as db:
        assert db.execute("SELECT role, text_content FROM messages").fetchall() == [("user", "say hello [[S:plain]]")]
        assert one(db, "SELECT status FROM sessions") == "busy"


def test_hooks_without_a_name_are_told_apart_by_their_members() -> None:
    for name in COPILOT:
        for line in (CAPTURES / "copilot" / name / "hooks.jsonl").read_text("utf-8").splitlines():
            hook = json.loads(line)
            kind = HARNESS.kind(hook["payload"])
            assert kind in (hook["argv"][0], hook["argv"][0][0].lower() + hook["argv"][0][1:])


def test_what_is_not_an_event_log_of_a_session_is_not_read(home: Path, tmp_path: Path) -> None:
    session = "3fbc19f1-af20-49db-8c26-b8a349fb8519"
    for transcript in (f"/x/session-state/{session}/secret.txt", f"/x/other/{session}/events.jsonl", 7):
        hook = {"hook_event_name": "Stop", "session_id": session, "transcript_path": transcript}
        with pytest.raises(SourceError, match="is not"):
            append(tmp_path / "data", [("copilot", "Stop", json.dumps(hook).encode())], follow=True)
    copilot("plain").store(home)
    folder = event_log(home).parent
    elsewhere = folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(elsewhere)
    assert list(history.sources()) == []
    hook = {"hook_event_name": "Stop", "session_id": session, "transcript_path": f"{folder}/events.jsonl"}
    with pytest.raises(SourceError, match="is a link"):
        append(tmp_path / "data", [("copilot", "Stop", json.dumps(hook).encode())], follow=True)


def test_the_clients_own_prompt_is_elided(home: Path) -> None:
    text = "You are \u201cCopilot\u201d."
    for content in (text, {"elided": 7}):
        raw = json.dumps({"type": "system.message", "id": "a", "timestamp": "t", "data": {"role": "system"}})
        line = json.loads(raw)
        line["data"]["content"] = content
        raw = json.dumps(line, separators=(",", ":"))
        record = EventLog("s", str(home)).record("", 5, raw.encode(), line)
        value = json.dumps(content, separators=(",", ":")).encode()
        assert record.id == f"s@5#{crc32(raw.encode()):08x}"
        assert strict_json.parse(record.payload)["data"] == {
            "role": "system",
            "content": {"elided": b"%d" % len(value), "sha256": sha256(value).hexdigest()},
        }


def test_what_nobody_reads_of_an_event_is_counted(home: Path, tmp_path: Path) -> None:
    copilot("plain").store(home)
    log = event_log(home)
    text = log.read_text("utf-8").replace('"apiEndpoint":', '"audioTokens":7,"apiEndpoint":')
    text = text.replace('"rte":false,"apiCallId"', '"citations":"here","apiCallId"')
    log.write_text(text.replace('"type":"session.shutdown"', '"type":"session.telepathy"'), "utf-8")
    feed_stores(tmp_path / "data", "copilot", home)
    with closing(project(tmp_path / "data")) as db:
        assert db.execute("SELECT type FROM event_types WHERE NOT known ORDER BY type").fetchall() == [
            ("event.assistant.message: assistant.message.citations",),
            ("event.session.telepathy",),
            ("event.session.usage_record: usage.audioTokens",),
        ]


@pytest.mark.parametrize(
    ("yaml", "title"),
    [
        ("name: first [[S:plain]]", "first [[S:plain]]"),
        ('name: "a: b \\"c\\""', 'a: b "c"'),
        ("name: 'it''s: done'", "it's: done"),
        ("name: |-\n  two\n  lines", "two\nlines"),
        ("name: goes on\n  here", "goes on here"),
        ("user_named: false", None),
    ],
)
def test_the_title_in_a_description(yaml: str, title: str | None) -> None:
    text = f"id: s\n{yaml}\nupdated_at: 2026-11-27T19:10:46.244Z\n"
    (seen,) = workspace(None, Workspace("s", text))  # type: ignore[arg-type]
    assert isinstance(seen, SessionSeen)
    assert (seen.facts.get("title"), seen.at) == (title, 1795806646244)


class Log:
    """The lines of a record that matter to tokens; each request uses so many of them, and puts out a tenth."""

    def __init__(self) -> None:
        self.lines: list[UsageSeen] = []

    def _add(self, kind: str, used: Any = None, call: str | None = None, message: str | None = None) -> "Log":
        at = len(self.lines)
        usage = None if used is None else encode(used).decode()
        self.lines.append(UsageSeen(f"l{at}", "s", "x", kind, at, at, "s", call, message, usage))
        return self

    def run(self) -> "Log":
        return self._add("run")

    def request(self, call: str, tokens: int, model: str = "m") -> "Log":
        return self._add("request", RequestUsed(Spent(tokens, tokens // 10), model), call)

    def stored(self, tokens: int) -> "Log":
        return self._add("stored", RequestUsed(Spent(tokens, tokens // 10), "m"))

    def response(self, message: str, call: str = "", says: int | None = None) -> "Log":
        return self._add("response", says and RequestUsed(Spent(None, says), "m"), call, message)

    def total(self, requests: int, tokens: int, model: str = "m") -> "Log":
        return self._add("total", UsageTotal(requests, {model: Spent(tokens, tokens // 10)}, {}))

    def fork(self) -> "Log":
        return self._add("fork")

    def found(self) -> tuple[dict[str, int | None], list[int | None], dict[str | None, list[int]]]:
        """The prompt tokens of each response, of requests without one, and what the sums have besides."""
        usage = fold(reversed(self.lines))
        rest = {model: counts[:2] for model, counts in usage.rest.get("s", {}).items()}
        prompts = {message: used.spent.prompt_tokens for message, used in usage.responses.items()}
        return prompts, [used.spent.prompt_tokens for _, used in usage.unanswered.values()], rest


@pytest.mark.parametrize(
    ("log", "found"),
    [
        # Sums of each run, and sums of all of them.
        (Log().run().response("a").total(1, 100).run().response("b").total(1, 200), ({}, [], {"m": [300, 30]})),
        (Log().run().response("a").total(1, 100).run().response("b").total(2, 300), ({}, [], {"m": [300, 30]})),
        # A run that wrote nothing has the sums of before, or none.
        (Log().run().response("a").total(1, 100).run().total(1, 100), ({}, [], {"m": [100, 10]})),
        (Log().run().response("a").total(1, 100).run().total(0, 0), ({}, [], {"m": [100, 10]})),
        # A run that was killed is in no sum, or in that of all runs.
        (
            Log().run().response("a").total(1, 100).run().response("b").response("c").run().response("d").total(2, 400),
            ({}, [], {"m": [400, 40]}),
        ),
        (
            Log().run().request("1", 100).response("a", "1").run().request("2", 50).response("b", "2").total(2, 150),
            ({"a": 100, "b": 50}, [], {}),
        ),
        # What responses say themselves is not said again.
        (Log().run().response("a", says=10).total(1, 100), ({}, [], {"m": [100, 0]})),
        # Sums of a run, of all runs, and records: one log of three versions.
        (
            Log()
            .run().response("a").total(1, 100)
            .run().response("b").total(1, 200)
            .run().request("3", 50).response("c", "3").total(3, 350),
            ({"c": 50}, [], {"m": [300, 30]}),
        ),
        # A server's id comes again; a request has no response.
        (
            Log().run().request("1", 10).response("a", "1").request("1", 20).response("b", "1").request("2", 30),
            ({"a": 10, "b": 20}, [30], {}),
        ),
        # What a database stored is said once; the last before a response is its own.
        (
            Log()
            .run().stored(9).stored(100).response("a")
            .stored(50).request("1", 50).response("b", "1").total(2, 150),
            ({"a": 100, "b": 50}, [], {}),
        ),
        (Log().run().stored(90).response("a", says=5).total(1, 50), ({}, [], {"m": [50, 0]})),
        # The sums name the model differently.
        (Log().run().request("1", 10).response("a", "1").total(2, 30, "other"), ({"a": 10}, [], {None: [20, 2]})),
        # What a fork copied is its origin's.
        (
            Log().run().response("a").total(1, 100).request("1", 10).fork().run().response("b").total(2, 300),
            ({}, [], {"m": [190, 19]}),
        ),
    ],
    # A call a line would hide what each case is.
)  # fmt: skip
def test_tokens_that_are_counted_apart_from_the_responses(log: Log, found: Any) -> None:
    assert log.found() == found


def test_our_hooks_are_a_file_of_their_own(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPILOT_HOME", str(home / "c"))
    installer = CopilotInstaller(HARNESS)
    path = installer.file(None)
    assert path == home / "c" / "hooks" / "clankers.json"
    path.parent.mkdir(parents=True)
    path.write_text("{}", "utf-8")
    with pytest.raises(InstallError, match="not from clankers"):
        installer.install(path)
    path.write_bytes(installer.text(path))
    assert installer.obstacles(path, (1, 0, 102)) == []
    assert "does not know" in installer.obstacles(path, (1, 0, 20))[0].finding
    (home / "c" / "settings.json").write_text('{"disableAllHooks": true}', "utf-8")
    (obstacle,) = installer.obstacles(path, None)
    assert "disableAllHooks" in obstacle.finding
