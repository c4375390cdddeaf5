"""What Codex' rollouts and hooks mean: the rows of each capture against what the model really served."""

import json
import random
import shutil
import time
from collections.abc import Sequence
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any
from zlib import crc32

import apsw
import pytest

from clankers.log import envelope
from clankers.log.writer import Log
from clankers.queries.conversation import Message, ToolCall
from clankers.queries.conversation_reader import conversation
from clankers.queries.tool_calls import patch, subject
from clankers.render.labels import about, given
from projector.adapters.session_sync import wire
from projector.derived.prices import look_up
from projector.replay.compare import FreshReplay
from projector.replay.replay import replay
from projector.store.sqlite_file import open_database
from projector.store.sqlite_writer import SqliteStore
from tests.commands import run
from tests.contract.captures import codex, feed_live, feed_stores
from tests.feeding import CAPTURES, CODEX, append, project, rows

FOLDER = CAPTURES / "codex"
THREAD = "01a21e82-017b-7000-8000-00000000000a"
TURN = "01a21e82-017b-7000-8000-0000000000{:02x}".format
NOW = 1_800_000_000 * 10**9


def one(db: apsw.Connection, sql: str) -> Any:
    return db.execute(sql).get


def found_in(db: apsw.Connection) -> dict[str, Any]:
    """What `expected.json` counts."""
    tokens = "ifnull(sum(prompt_tokens), 0), ifnull(sum(completion_tokens), 0), ifnull(sum(cache_read_tokens), 0)"
    return {
        "tokens": list(one(db, f"SELECT {tokens}, ifnull(sum(cache_write_tokens), 0) FROM sessions")),
        "reasoning": one(db, "SELECT ifnull(sum(reasoning_tokens), 0) FROM sessions"),
        "sessions": one(db, "SELECT count(*) FROM sessions"),
        "responses": one(db, "SELECT count(*) FROM messages WHERE role = 'assistant'"),
        "prompts": one(db, "SELECT count(*) FROM messages WHERE role = 'user' AND NOT synthetic"),
        "errors": one(db, "SELECT count(*) FROM session_errors WHERE NOT will_retry"),
        "ids": sorted(id for (id,) in db.execute("SELECT ifnull(call_id, id) FROM tools")),
        "failed": one(db, "SELECT count(*) FROM tools WHERE success = 0"),
        "open": one(db, "SELECT count(*) FROM tools WHERE success IS NULL"),
    }


def assert_expected(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    for name in ("tokens", "reasoning", "sessions", "responses"):
        assert found[name] == wanted.get(name, 0), name
    assert found["ids"] == sorted(wanted["tools"].get("ids", ()))
    ranges = {name: wanted[name] for name in ("prompts", "errors")} | wanted["tools"]
    for name in ("prompts", "errors", "failed", "open"):
        low, high = ranges[name]
        assert low <= found[name] <= high, name


@pytest.mark.parametrize("name", CODEX)
def test_a_capture_makes_the_rows_of_what_was_served(name: str, tmp_path: Path) -> None:
    """Imported, and heard live and then imported, but for what only the live events have."""
    wanted = json.loads((FOLDER / name / "expected.json").read_text("utf-8"))
    captures = codex(name)
    past, both = tmp_path / "past", tmp_path / "both"
    feed_live(both, captures.live(tmp_path))
    captures.store(tmp_path)
    for root, expected in ((past, wanted | wanted.get("backfill", {})), (both, wanted)):
        feed_stores(root, "codex", tmp_path)
        with closing(project(root)) as db:
            assert_expected(found_in(db), expected)
            assert db.execute("SELECT reason FROM rejects UNION SELECT reason FROM ignored_values").fetchall() == []
            assert db.execute("SELECT type FROM event_types WHERE NOT known").fetchall() == []


def test_the_rows_depend_neither_on_the_order_of_the_log_nor_on_its_batches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = count(NOW, 10**6)  # ns: of two hooks in one millisecond, nothing but the log says which was the later
    monkeypatch.setattr(time, "time_ns", lambda: next(ticks))
    whole = tmp_path / "whole"
    captures = codex(*CODEX)
    feed_live(whole, captures.live(tmp_path))
    captures.store(tmp_path)
    feed_stores(whole, "codex", tmp_path)
    with closing(project(whole)) as db:
        wanted = rows(db)
    (file,) = whole.glob("clankers-*.jsonl")
    lines = file.read_bytes().splitlines(keepends=True)
    # Two fields are the latest in the log: an order that nothing but the log has.
    random.Random(1).shuffle(lines)
    shuffled = tmp_path / "shuffled"
    shuffled.mkdir()
    (shuffled / file.name).write_bytes(b"".join(lines + lines[:100]))
    with closing(open_database(str(shuffled / "clankers.db"))) as db:
        replay(SqliteStore(db), str(shuffled), batch_lines=150)
        assert rows(db) == wanted


def rollout(root: Path, lines: Sequence[tuple[str, Any]], *, name: str = THREAD, start: int = 0) -> apsw.Connection:
    """The database after these lines, as type and payload, of a rollout were recorded, a second apart."""
    root.mkdir(exist_ok=True)
    with Log(str(root)) as log:
        made = []
        for at, (kind, payload) in enumerate(lines, start):
            document = {"timestamp": f"2026-11-27T19:36:{at:02d}.000Z", "type": kind, "payload": payload}
            text = json.dumps(document).encode()
            id = f"{name}@{at * 1000}#{crc32(text):08x}"
            made.append(envelope.line("codex", f"rollout.{kind}", text, now_ns=NOW, id=id))
        log.write(envelope.day_of(NOW), made)
    return project(root)


def meta(thread: str = THREAD, **more: Any) -> tuple[str, Any]:
    return "session_meta", {"id": thread, "model_provider": "openai", "cli_version": "0.144.6"} | more


def event(kind: str, **payload: Any) -> tuple[str, Any]:
    return "event_msg", {"type": kind} | payload


def item(kind: str, **payload: Any) -> tuple[str, Any]:
    return "response_item", {"type": kind} | payload


def said(text: str) -> list[tuple[str, Any]]:
    content = [{"type": "output_text", "text": text}]
    return [event("agent_message", message=text), item("message", role="assistant", content=content)]


def total(input: int, output: int, last: tuple[int, int]) -> tuple[str, Any]:
    sums, used = ({"input_tokens": i, "output_tokens": o} for i, o in ((input, output), last))
    return event("token_count", info={"total_token_usage": sums, "last_token_usage": used})


def call(id: str, name: str = "exec_command", **arguments: Any) -> tuple[str, Any]:
    return item("function_call", name=name, arguments=json.dumps(arguments), call_id=id)


def output(id: str, text: str) -> tuple[str, Any]:
    return item("function_call_output", call_id=id, output=text)


def begun(turn: int = 1, prompt: str = "go") -> list[tuple[str, Any]]:
    return [event("task_started", turn_id=TURN(turn)), event("user_message", message=prompt)]


def answers(db: apsw.Connection) -> list[Any]:
    select = "SELECT text_content, prompt_tokens, completion_tokens, synthetic FROM messages WHERE role = 'assistant'"
    return db.execute(f"{select} ORDER BY created_at").fetchall()


def test_a_total_that_is_reported_again_is_no_response(tmp_path: Path) -> None:
    one_more = [*begun(2), total(10, 1, (10, 1)), *said("b"), total(20, 2, (10, 1)), total(20, 2, (10, 1))]
    db = rollout(tmp_path, [meta(), *begun(), *said("a"), total(10, 1, (10, 1)), total(10, 1, (10, 1)), *one_more])
    assert answers(db) == [("a", 10, 1, 0), ("b", 10, 1, 0)]


def test_a_summary_is_a_response_of_the_clients(tmp_path: Path) -> None:
    summary = item("message", role="assistant", content=[{"type": "output_text", "text": "sum"}])
    lines = [meta(), *begun(), *said("a"), total(10, 1, (10, 1)), summary, total(30, 3, (20, 2)), ("compacted", {})]
    db = rollout(tmp_path, [*lines, total(30, 3, (0, 0))])
    assert answers(db) == [("a", 10, 1, 0), ("sum", 20, 2, 1)]
    assert db.execute('SELECT "trigger", pre_tokens FROM compaction_events').fetchall() == [("auto", 20)]


def test_an_answer_before_a_compaction_elsewhere_is_no_summary(tmp_path: Path) -> None:
    db = rollout(tmp_path, [meta(), *begun(), *said("a"), total(10, 1, (10, 1)), ("compacted", {"message": ""})])
    assert answers(db) == [("a", 10, 1, 0)]
    assert one(db, "SELECT count(*) FROM compaction_events") == 1


def test_turns_that_were_rolled_back_are_marked_and_count(tmp_path: Path) -> None:
    lines = [meta(), *begun(1, "kept"), *said("a"), total(10, 1, (10, 1)), *begun(2, "gone"), *said("b")]
    db = rollout(tmp_path, [*lines, total(20, 2, (10, 1)), event("thread_rolled_back", num_turns=1)])
    select = "SELECT text_content FROM messages WHERE deleted_at IS NOT NULL ORDER BY created_at"
    assert db.execute(select).fetchall() == [("gone",), ("b",)]
    assert one(db, "SELECT prompt_tokens FROM sessions") == 20


def test_a_rewind_revokes_the_turns_of_the_file_before(tmp_path: Path) -> None:
    codex("rewind").store(tmp_path)
    feed_stores(tmp_path / "data", "codex", tmp_path)
    with closing(project(tmp_path / "data")) as db:
        select = (
            "SELECT text_content, deleted_at IS NOT NULL FROM messages WHERE text_content <> '' ORDER BY created_at"
        )
        assert db.execute(select).fetchall() == [
            ("[[S:tools]] go", 1),
            ("I will run a command.", 1),
            ("All tools done.", 1),
            ("[[S:third]] instead", 0),
            ("Third turn answer.", 0),
        ]


def test_a_migrated_rollout_makes_the_rows_of_the_legacy_one(tmp_path: Path) -> None:
    """Recorded before and after, it makes those of the migrated file alone."""
    home = tmp_path / "home"
    shutil.copytree(FOLDER / "migrated" / "before", home)
    feed_stores(tmp_path / "both", "codex", home)
    with closing(project(tmp_path / "both")) as db:
        before = rows(db)
    shutil.copytree(FOLDER / "migrated" / "home", home, dirs_exist_ok=True)
    feed_stores(tmp_path / "both", "codex", home)
    feed_stores(tmp_path / "after", "codex", home)
    with closing(project(tmp_path / "both")) as both, closing(project(tmp_path / "after")) as after:
        assert rows(both) == rows(after)
        for table in ("parts", "tools", "file_edits"):
            assert [row for row in rows(after)[table] if row in before[table]] == before[table], table
        ids = {row["id"] for row in rows(after)["messages"]}
        assert {row["id"] for row in before["messages"]} < ids


def test_what_a_legacy_fork_copied_belongs_to_its_origin(tmp_path: Path) -> None:
    """Also where only the fork was recorded: the copies are left out."""
    codex("old_fork_0.144.6").store(tmp_path)
    origin, fork = sorted(tmp_path.rglob("rollout-*.jsonl"))
    origin.unlink()
    feed_stores(tmp_path / "data", "codex", tmp_path)
    with closing(project(tmp_path / "data")) as db:
        select = "SELECT id, prompt_tokens, tool_call_count, forked_from FROM sessions ORDER BY id"
        first, second = (path.stem[-36:] for path in (origin, fork))
        assert db.execute(select).fetchall() == [(first, 0, 0, None), (second, 4509, 0, first)]


@pytest.mark.parametrize("name", ["old_fork_0.144.6", "old_subagent_fork_0.144.6", "compact"])
def test_a_fresh_replay_makes_the_same_tables(name: str, tmp_path: Path) -> None:
    root = tmp_path / "data"
    for payload in codex(name).live(tmp_path)[0]:
        append(root, [payload], follow=True)
        with closing(project(root)):
            pass
    with FreshReplay(str(root / "clankers.db"), str(root)) as fresh:
        fresh.build()
        assert fresh.differences(lambda: None) == []


def test_a_call_that_looked_copied_is_complete_once_its_turn_is_known(tmp_path: Path) -> None:
    origin = meta("01a21e82-017a-7000-8000-00000000000b")
    rollout(tmp_path, [meta(forked_from_id=origin[1]["id"]), origin])
    db = rollout(tmp_path, [call("c1", cmd="ls")], start=3)
    assert one(db, "SELECT count(*) FROM tools") == 0
    db = rollout(tmp_path, [event("task_started", turn_id=TURN(1))], start=2)
    assert db.execute("SELECT tool_name, tool_input, status FROM tools").fetchall() == [
        ("exec_command", '{"cmd": "ls"}', "running")
    ]


def test_what_is_set_aside_of_a_call_is_all_of_it(tmp_path: Path) -> None:
    with closing(open_database(str(tmp_path / "clankers.db"))) as db:
        columns = "SELECT name, type FROM pragma_table_info(?)"
        assert db.execute(columns, ("copied_tools",)).fetchall() == db.execute(columns, ("tools",)).fetchall()


def test_a_subagent_names_its_parent_and_its_call(tmp_path: Path) -> None:
    for name in ("subagent", "old_subagent_fork_0.144.6"):
        home, root = tmp_path / name, tmp_path / name / "data"
        codex(name).store(home)
        feed_stores(root, "codex", home)
        with closing(project(root)) as db:
            child = "SELECT p.parent_id, c.title, c.agent FROM sessions AS c JOIN sessions AS p ON p.id = c.parent_id"
            assert db.execute(child).fetchall() == [(None, "[[S:sub]] count the files", "default")]
            spawned = one(db, "SELECT value FROM session_facts WHERE name = 'spawned_by'")
            assert one(db, f"SELECT tool_name FROM tools WHERE id = '{spawned}'") == "spawn_agent"


def test_a_title_that_was_given_wins_and_branch_and_versions_are_known(tmp_path: Path) -> None:
    codex("tui").store(tmp_path)
    feed_stores(tmp_path / "data", "codex", tmp_path)
    with closing(project(tmp_path / "data")) as db:
        select = "SELECT title, git_branch, client_version, model, provider, permission_mode FROM sessions"
        assert db.execute(select).fetchall() == [("my name", "feat/rig", "0.171.0", "gpt-5.5", "mock", "on-request")]
        assert db.execute("SELECT DISTINCT status FROM tools ORDER BY 1").fetchall() == [
            ("completed",),
            ("interrupted",),
        ]


def test_what_lacks_a_part_loses_only_that(tmp_path: Path) -> None:
    """A head without an id, a text that is no list of blocks, and the tokens of a response without the sums."""
    used = {"input_tokens": 100, "cached_input_tokens": 40, "output_tokens": 9}
    usage = event("token_count", info={"last_token_usage": used})
    head = ("session_meta", {"cwd": "/src/shop", "model_provider": "openai"})
    plain = item("message", role="assistant", content="plain")
    db = rollout(tmp_path, [head, *begun(), plain, usage, usage])
    assert answers(db) == [("plain", 60, 9, 0)]
    assert one(db, "SELECT project_path FROM sessions") == "/src/shop"
    assert one(db, "SELECT count(*) FROM rejects") == 0


def test_a_patch_edits_each_of_its_files_at_the_server_too(tmp_path: Path) -> None:
    patch = "*** Begin Patch\n*** Add File: a.txt\n+x\n*** Update File: b.txt\n@@\n-y\n+z\n*** End Patch\n"
    changes = {"/src/a.txt": {"type": "add"}, "/src/b.txt": {"type": "update", "move_path": "/src/c.txt"}}
    end = event("patch_apply_end", call_id="c1", success=True, stdout="Done.", changes=changes)
    opened = item("custom_tool_call", name="apply_patch", call_id="c1", input=patch)
    db = rollout(tmp_path, [meta(), *begun(), opened, end, output("c1", "Exit code: 0\nOutput:\nDone.")])
    assert [path for (path,) in db.execute("SELECT file_path FROM file_edits ORDER BY id")] == [
        "/src/a.txt",
        "/src/c.txt",
    ]
    assert db.execute("SELECT file_path, tool_output, success FROM tools").fetchall() == [("a.txt", "Done.", 1)]
    bodies = [line.encode() for line in run(tmp_path, "sync", "--dry-run").out.splitlines()]
    assert [edit["file_path"] for body in bodies for edit in json.loads(body).get("file_edits", [])] == [
        "/src/a.txt",
        "/src/c.txt",
    ]
    append(tmp_path / "served", [(wire.SOURCE, wire.TYPE, body) for body in bodies])
    with closing(project(tmp_path / "served")) as served:
        assert rows(served)["file_edits"] == rows(db)["file_edits"]


def test_a_plan_becomes_todos(tmp_path: Path) -> None:
    plan = [{"step": "look", "status": "completed"}, {"step": "fix", "status": "in_progress"}]
    db = rollout(tmp_path, [meta(), *begun(), call("c1", "update_plan", plan=plan), output("c1", "Plan updated")])
    select = "SELECT content, status FROM todos ORDER BY position"
    assert db.execute(select).fetchall() == [("look", "completed"), ("fix", "in_progress")]


def test_a_background_shell_ends_with_the_call_that_polled_it_last(tmp_path: Path) -> None:
    def went_on(text: str) -> str:
        return f"Wall time: 0.2 seconds\nProcess running with session ID 7\nOutput:\n{text}"

    polls = [call(f"c{n}", "write_stdin", session_id=7, chars="") for n in (2, 3)]
    lines = [meta(), *begun(), call("c1", cmd="x"), output("c1", went_on("a")), polls[0], output("c2", went_on("b"))]
    db = rollout(tmp_path, lines)
    select = "SELECT call_id, status, exit_code, tool_output FROM tools ORDER BY created_at"
    assert db.execute(select).fetchall() == [("c1", "running", None, None), ("c2", "completed", None, "b")]
    last = output("c3", "Wall time: 0.5 seconds\nProcess exited with code 5\nOutput:\nc")
    db = rollout(tmp_path, [polls[1], last], start=len(lines))
    wanted = [("c1", "error", 5, "abc"), ("c2", "completed", None, "b"), ("c3", "error", 5, "c")]
    assert db.execute(select).fetchall() == wanted


@pytest.mark.parametrize(
    ("text", "status", "code"),
    [
        ("Wall time: 0.1 seconds\nProcess exited with code 0\nOutput:\nout", "completed", 0),
        ("Wall time: 0.1 seconds\nProcess exited with code 3\nOutput:\nout", "error", 3),
        ("Exit code: 2\nWall time: 0 seconds\nOutput:\nout", "error", 2),
        ("Wall time: 0.3 seconds\naborted by user", "interrupted", None),
        ("aborted by user after 0.2s", "interrupted", None),
        ("approval policy is Never; reject command", "denied", None),
        ('exec_command failed: CreateProcess { message: "Rejected(no)" }', "denied", None),
        ("failed to parse function arguments: missing field `cmd`", "error", None),
        ("unsupported call: no_such_tool", "error", None),
        ("Plan updated", "completed", None),
        ("Process running with session ID 7\nOutput:\nstart", "running", None),
    ],
)
def test_how_a_call_ended_is_read_from_what_the_model_got(
    text: str, status: str, code: int | None, tmp_path: Path
) -> None:
    db = rollout(tmp_path, [meta(), *begun(), call("c1", cmd="x"), output("c1", text)])
    success = None if status == "running" else int(status == "completed")
    assert db.execute("SELECT status, exit_code, success FROM tools").fetchall() == [(status, code, success)]


def test_a_bad_value_of_a_line_costs_only_itself(tmp_path: Path) -> None:
    bad = total(10, 1, (10, 1))
    bad[1]["info"]["last_token_usage"]["output_tokens"] = -5
    db = rollout(tmp_path, [meta(git=7), *begun(), *said("a"), bad])
    assert answers(db) == [("a", 10, None, 0)]
    assert [field for (field,) in db.execute("SELECT field FROM ignored_values ORDER BY line")] == [
        "$.payload.git",
        "$.payload.info.last_token_usage.output_tokens",
    ]


def test_what_the_client_says_in_the_users_place_is_not_a_prompt(tmp_path: Path) -> None:
    notes = [
        item("message", role="user", content=[{"type": "input_text", "text": text}])
        for text in (
            "<environment_context>\n</environment_context>",
            "go",
            "<turn_aborted>\nby the user</turn_aborted>",
        )
    ]
    db = rollout(tmp_path, [meta(), notes[0], begun()[0], notes[1], begun()[1], notes[2]])
    select = "SELECT text_content, synthetic FROM messages ORDER BY created_at"
    assert db.execute(select).fetchall() == [("go", 0), ("<turn_aborted>\nby the user</turn_aborted>", 1)]


def test_what_nobody_knows_is_counted(tmp_path: Path) -> None:
    usage = {"input_tokens": 1, "output_tokens": 1, "tokens_of_tomorrow": 5}
    blocks = [{"type": "output_text", "text": "a"}, {"type": "a_block", "text": "b"}]
    lines = [
        event("an_event"),
        event("item_completed", item={"type": "AnItem", "id": "i"}),
        event("token_count", info={"last_token_usage": usage, "total_token_usage": usage}),
        item("an_item"),
        item("message", role="assistant", content=blocks),
        ("token_usage_record", {"response_id": "r", "usage": usage}),
        ("a_line", {}),
    ]
    db = rollout(tmp_path, [meta(), *begun(), *lines])
    unknown = [kind for (kind,) in db.execute("SELECT type FROM event_types WHERE NOT known ORDER BY type")]
    assert unknown == [
        "rollout.a_line",
        "rollout.event_msg: event an_event",
        "rollout.event_msg: item AnItem",
        "rollout.event_msg: last_token_usage.tokens_of_tomorrow",
        "rollout.response_item: block a_block",
        "rollout.response_item: item an_item",
        "rollout.token_usage_record: usage.tokens_of_tomorrow",
    ]


def test_retries_are_kept_and_the_last_failure_of_a_turn_is_its_error(tmp_path: Path) -> None:
    feed_live(tmp_path / "data", codex("err_401").live(tmp_path))
    with closing(project(tmp_path / "data")) as db:
        select = "SELECT error_type, status_code, will_retry FROM session_errors ORDER BY will_retry"
        assert db.execute(select).fetchall() == [("http_connection_failed", 401, 0), ("request", 401, 1)]


PATCH = "*** Begin Patch\n*** Update File: a.txt\n@@\n-x\n+y\n*** Delete File: b.txt\n*** End Patch\n"


@pytest.mark.parametrize(
    ("tool_input", "wanted", "body"),
    [
        (PATCH, ("", "a.txt, b.txt"), PATCH.split("\n", 1)[1].removesuffix("*** End Patch\n")),
        ({"command": PATCH}, ("", "a.txt, b.txt"), PATCH.split("\n", 1)[1].removesuffix("*** End Patch\n")),
        ({"command": PATCH, "timeout": 1}, ("command", PATCH), None),
        ({"cmd": "ls", "workdir": "/"}, ("cmd", "ls"), None),
        ({"command": ["bash", "-lc", "ls | wc"]}, ("command", "ls | wc"), None),
        ({"command": ["git", "status"]}, ("command", "git status"), None),
        ({"command": ["git", 1]}, None, None),
        ("no patch", None, None),
    ],
)
def test_what_a_call_is_about(tool_input: Any, wanted: tuple[str, str] | None, body: str | None) -> None:
    assert (subject(tool_input, None), patch(tool_input)) == (wanted, body)


def test_a_patch_is_shown_as_a_diff(tmp_path: Path) -> None:
    db = rollout(tmp_path, [meta(), *begun(), item("custom_tool_call", name="apply_patch", call_id="c1", input=PATCH)])
    (message,) = (one for one in conversation(db, THREAD).items if isinstance(one, Message) and one.role == "assistant")
    (shown,) = message.parts
    assert isinstance(shown, ToolCall)
    (change,) = given(shown, full=False)
    assert (change.name, change.language, "\n-x\n+y\n" in change.text) == ("change", "diff", True)
    assert about(shown) == "a.txt, b.txt"


def test_a_response_is_priced_by_its_provider_with_what_the_cache_had_and_the_tier_of_its_input(tmp_path: Path) -> None:
    used = {"input_tokens": 300_000, "cached_input_tokens": 200_000, "output_tokens": 1_000}
    small = {"input_tokens": 1_000, "cached_input_tokens": 0, "cache_write_input_tokens": 500, "output_tokens": 10}
    context = ("turn_context", {"turn_id": TURN(1), "model": "gpt-5.4"})
    records = [
        ("token_usage_record", {"response_id": f"r{n}", "turn_id": TURN(1), "usage": usage})
        for n, usage in enumerate((used, small))
    ]
    db = rollout(tmp_path, [meta(), *begun(), context, *records])
    costs = [cost for (cost,) in db.execute("SELECT cost FROM messages WHERE role = 'assistant' ORDER BY created_at")]
    dear, usual = (
        {name: price or 0.0 for name, price in rates._asdict().items()}
        for rates in look_up("openai", "gpt-5.4", "")[::-1]
    )
    assert dear["input"] > usual["input"] > 0
    assert costs == [
        pytest.approx((100_000 * dear["input"] + 200_000 * dear["cache_read"] + 1_000 * dear["output"]) / 1e6),
        pytest.approx((500 * usual["input"] + 500 * usual["cache_write"] + 10 * usual["output"]) / 1e6),
    ]
