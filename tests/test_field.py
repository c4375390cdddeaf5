"""What real people's clients write and our recordings do not have: small inputs, with the rows that are right."""

import contextlib
import json
from pathlib import Path
from typing import Any

import apsw
import pytest

from clankers.log.writer import Log
from tests.commands import NOW, call, copy_id, event, session
from tests.feeding import append, import_transcripts, project, rows

SESSION = "2ceea2a9-0af4-41a0-822c-2c887249922c"
TIME = "2026-11-20T10:00:{:02}.000Z"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def line(number: int, kind: str, **fields: Any) -> bytes:
    """A line of a transcript, with all that names it."""
    common = {"type": kind, "sessionId": SESSION, "uuid": f"{number:08}-0000-4000-8000-000000000000"}
    return json.dumps(common | {"timestamp": TIME.format(number), "cwd": "/src/shop"} | fields).encode()


def typed(number: int, content: Any, **fields: Any) -> bytes:
    return line(number, "user", message={"role": "user", "content": content}, **fields)


def answered(number: int, *blocks: dict[str, Any], model: str = "claude-sonnet-4-6", **usage: Any) -> bytes:
    counts = {"input_tokens": 5, "output_tokens": 7} | usage
    message = {"id": f"msg_01{number:014}", "role": "assistant", "model": model, "content": blocks, "usage": counts}
    return line(number, "assistant", message=message)


def text(words: str) -> dict[str, Any]:
    return {"type": "text", "text": words}


def imported(root: Path, *lines: bytes) -> Any:
    """The database of the session with these lines, imported from its transcript."""
    path = root.parent / ".claude" / "projects" / "-src-shop" / f"{SESSION}.jsonl"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"".join(one + b"\n" for one in lines))
    with Log(str(root)) as log:
        import_transcripts(log, SESSION, str(path))
    return project(root)


def titles(db: Any) -> list[Any]:
    return [title for (title,) in db.execute("SELECT title FROM sessions ORDER BY created_at")]


@pytest.mark.parametrize(
    ("kinds", "title"),
    [
        ((), "Fix the cart"),
        ((("summary", {"summary": "Old"}),), "Old"),
        ((("ai-title", {"aiTitle": "Early"}), ("ai-title", {"aiTitle": "Late"})), "Late"),
        ((("custom-title", {"customTitle": "Mine"}), ("ai-title", {"aiTitle": "Late"})), "Mine"),
    ],
)
def test_the_clients_title_wins_over_the_first_prompt_and_the_users_over_all(
    kinds: tuple[tuple[str, dict[str, str]], ...], title: str, root: Path
) -> None:
    state = [json.dumps({"type": kind, "sessionId": SESSION} | fields).encode() for kind, fields in kinds]
    assert titles(imported(root, typed(1, "Fix the cart"), *state)) == [title]


def test_a_command_that_is_a_prompt_is_what_was_typed(root: Path) -> None:
    tags = (
        "<command-message>inspect</command-message>\n<command-name>/inspect</command-name>\n"
        "<command-args>the payment module</command-args>"
    )
    db = imported(root, typed(1, tags), typed(2, [text("Inspect it.")], isMeta=True), answered(3, text("Fine.")))
    assert titles(db) == ["/inspect the payment module"]
    found = db.execute(
        "SELECT text_content, synthetic FROM messages WHERE role = 'user' ORDER BY created_at"
    ).fetchall()
    assert found == [("/inspect the payment module", 0), ("Inspect it.", 1)]


def test_a_command_of_the_client_is_no_prompt(root: Path) -> None:
    db = imported(root, typed(1, "<command-name>/model</command-name>\n<command-message>model</command-message>"))
    assert db.execute("SELECT synthetic FROM messages").fetchall() == [(1,)]
    assert titles(db) == [None]


@pytest.mark.parametrize(
    "hint", ["<ide_opened_file>cart.py</ide_opened_file>", "<system-reminder>Now.</system-reminder>"]
)
@pytest.mark.parametrize("apart", [True, False])
def test_what_an_editor_puts_before_a_prompt_is_not_the_prompt(hint: str, apart: bool, root: Path) -> None:
    content = [text(hint), text("Rename it")] if apart else [text(f"{hint}\nRename it")]
    db = imported(root, typed(1, content))
    assert titles(db) == ["Rename it"]
    assert db.execute("SELECT synthetic FROM messages").fetchall() == [(0,)]
    assert db.execute("SELECT text, synthetic FROM parts ORDER BY seq").fetchall() == [(hint, 1), ("Rename it", 0)]


def test_a_call_that_a_person_declined_is_denied(root: Path) -> None:
    words = {
        "t1": "The user doesn't want to proceed with this tool use. The tool use was rejected.",
        "t2": "Permission to use Bash with command curl x has been denied.",
        "t3": "Exit code 1",
    }
    lines = []
    for number, (id, said) in enumerate(words.items()):
        lines.append(answered(2 * number, {"type": "tool_use", "id": id, "name": "Bash", "input": {"command": id}}))
        result = {"type": "tool_result", "tool_use_id": id, "is_error": True, "content": said}
        lines.append(typed(2 * number + 1, [result]))
    db = imported(root, *lines)
    found = db.execute("SELECT status, success FROM tools ORDER BY created_at").fetchall()
    assert found == [("denied", 0), ("denied", 0), ("error", 0)]


def test_calls_that_the_server_ran_are_calls(root: Path) -> None:
    db = imported(
        root,
        answered(1, {"type": "server_tool_use", "id": "srvtoolu_01bbbbbbbbbbbb", "name": "advisor", "input": {}}),
        answered(
            1,
            {
                "type": "advisor_tool_result",
                "tool_use_id": "srvtoolu_01bbbbbbbbbbbb",
                "content": {"type": "advisor_result", "text": "Measure first."},
            },
        ),
        answered(
            2, {"type": "server_tool_use", "id": "srvtoolu_01cccccccccccc", "name": "web_search", "input": {"q": 1}}
        ),
        answered(
            2,
            {
                "type": "web_search_tool_result",
                "tool_use_id": "srvtoolu_01cccccccccccc",
                "content": {"type": "web_search_tool_result_error", "error_code": "unavailable"},
            },
        ),
    )
    found = db.execute("SELECT tool_name, success, tool_output FROM tools ORDER BY created_at").fetchall()
    assert found[0] == ("advisor", 1, "Measure first.")
    assert found[1][:2] == ("web_search", 0)


def test_what_an_advisor_spent_counts_at_its_own_price(root: Path) -> None:
    def request(type: str, tokens: int, **more: Any) -> dict[str, Any]:
        return {"type": type, "input_tokens": tokens, "output_tokens": tokens} | more

    iterations = [request("message", 3), request("advisor_message", 50, model="claude-opus-4-7"), request("message", 2)]
    db = imported(root, answered(1, text("Done."), input_tokens=5, output_tokens=5, iterations=iterations))
    found = db.execute(
        "SELECT model, prompt_tokens, synthetic, text_content FROM messages ORDER BY synthetic"
    ).fetchall()
    assert found == [("claude-sonnet-4-6", 5, 0, "Done."), ("claude-opus-4-7", 50, 1, None)]
    assert db.execute("SELECT prompt_tokens, completion_tokens, cost_source FROM sessions").get == (55, 55, "prices")


@pytest.mark.parametrize(
    ("model", "cost"),
    [
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", 3.3),
        ("global.anthropic.claude-opus-4-5-20251101-v1:0", 5.0),
        ("claude-opus-4-5[1m]", 5.0),
    ],
)
def test_a_providers_own_names_of_models_have_a_price(model: str, cost: float, root: Path) -> None:
    db = imported(root, answered(1, text("x"), model=model, input_tokens=1_000_000, output_tokens=0))
    assert db.execute("SELECT cost, cost_source FROM sessions").get == (pytest.approx(cost), "prices")


def test_complete_records_within_a_damaged_line_are_used(root: Path) -> None:
    torn = line(9, "user")[:60]
    db = imported(
        root,
        typed(1, "One") + typed(2, "Two"),
        torn + typed(3, "Three"),
        b"\0\0\0\0" + typed(4, "Four"),
        typed(5, "Five") + b"\0\0",
    )
    found = [words for (words,) in db.execute("SELECT text_content FROM messages ORDER BY created_at")]
    assert found == ["One", "Two", "Three", "Four", "Five"]
    assert db.execute("SELECT count(*) FROM rejects").get == 1  # what is torn stays what it is


def test_a_line_that_names_no_session_belongs_to_its_file(root: Path) -> None:
    bare = json.loads(typed(1, "Who am I"))
    del bare["sessionId"], bare["uuid"]
    bare["timestamp"] = 1795165201000
    db = imported(root, json.dumps(bare).encode(), typed(2, "You"))
    assert db.execute("SELECT id, created_at FROM sessions").fetchall() == [(SESSION, 1795165201000)]
    assert [words for (words,) in db.execute("SELECT text_content FROM messages ORDER BY created_at")] == [
        "Who am I",
        "You",
    ]


def test_a_negative_count_costs_only_itself(root: Path) -> None:
    tokens = {"input": -55, "output": 210, "cache": {"read": 1200}}
    info = {"id": "msg_1", "sessionID": "ses_1", "role": "assistant", "cost": 0.5, "finish": "stop", "tokens": tokens}
    append(root, [session("ses_1"), event("message.updated", info=info)])
    db = project(root)
    columns = "prompt_tokens, completion_tokens, cache_read_tokens, cost, finish_reason"
    assert db.execute(f"SELECT {columns} FROM messages").get == (None, 210, 1200, 0.5, "stop")
    assert db.execute("SELECT field FROM ignored_values").fetchall() == [("$.properties.info.tokens.input",)]


def test_a_clock_that_is_set_back_makes_no_copies(root: Path) -> None:
    before = NOW - 3_600_000
    own = {"id": copy_id(before), "sessionID": "ses_1", "role": "user", "time": {"created": before}}
    copied = {"id": copy_id(NOW + 5), "sessionID": "ses_1", "role": "user", "time": {"created": before}}
    append(root, [session("ses_1"), event("message.updated", info=own), event("message.updated", info=copied)])
    assert dict(project(root).execute("SELECT id, copied FROM messages")) == {own["id"]: 0, copied["id"]: 1}


def test_a_session_that_was_moved_is_where_it_is_now(root: Path) -> None:
    moved = {"id": "ses_1", "directory": "/src/after", "time": {"created": NOW, "updated": NOW + 9}}
    append(root, [session("ses_1"), event("session.updated", info=moved)])
    assert project(root).execute("SELECT project_path FROM sessions").get == "/src/after"
    assert "ses_1" in call(root, "sessions", "--project", "/src/after", "--json").out


def test_a_session_in_two_project_folders_is_one(root: Path) -> None:
    home = root.parent
    projects = home / ".claude" / "projects"
    for folder, one in (("-src-shop", typed(1, "Draw")), ("-src-copy", typed(2, "Paint"))):
        (projects / folder).mkdir(parents=True)
        (projects / folder / f"{SESSION}.jsonl").write_bytes(one + b"\n")
    assert "2 new records" in call(root, "backfill").out
    assert "0 new records" in call(root, "backfill").out
    found = [words for (words,) in project(root).execute("SELECT text_content FROM messages ORDER BY created_at")]
    assert found == ["Draw", "Paint"]


def test_every_directory_of_a_list_is_read(root: Path) -> None:
    for name in ("one", "two"):
        folder = root.parent / name / "projects" / "-src-shop"
        folder.mkdir(parents=True)
        id = SESSION[:-3] + name
        (folder / f"{id}.jsonl").write_bytes(typed(1, name).replace(SESSION.encode(), id.encode()) + b"\n")
    listed = f"{root.parent / 'one'}, {root.parent / 'two'}"
    assert "2 new records of 2 sessions" in call(root, "backfill", CLAUDE_CONFIG_DIR=listed).out


def test_the_agents_of_a_workflow_lie_deeper(root: Path) -> None:
    path = root.parent / ".claude" / "projects" / "-src-shop" / SESSION
    run = path / "subagents" / "workflows" / "run-1"
    run.mkdir(parents=True)
    path.with_suffix(".jsonl").write_bytes(typed(1, "Go") + b"\n")
    (run / "agent-a1.jsonl").write_bytes(
        json.dumps(json.loads(answered(2, text("Done."))) | {"agentId": "a1"}).encode() + b"\n"
    )
    (run / "journal.jsonl").write_bytes(b"{}\n")
    assert "2 new records" in call(root, "backfill").out
    found = project(root).execute("SELECT id, parent_id, prompt_tokens FROM sessions ORDER BY parent_id").fetchall()
    assert found == [(SESSION, None, 0), ("a1", SESSION, 5)]


def test_the_database_that_opencode_was_told_to_use_is_read(root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "mine.db"
    elsewhere.parent.mkdir()
    with contextlib.closing(apsw.Connection(str(elsewhere))) as db:
        db.execute("CREATE TABLE project (id, worktree)")
        db.execute("CREATE TABLE session (id, title, project_id, time_created)")
        db.execute("CREATE TABLE message (id, session_id, data)")
        db.execute("CREATE TABLE part (id, message_id, session_id, data)")
        db.execute("CREATE TABLE todo (session_id, position, content)")
        db.execute("INSERT INTO session VALUES ('ses_1', 'Mine', NULL, ?)", (NOW,))
    assert "1 new records of 1 sessions" in call(root, "backfill", "--all", OPENCODE_DB=str(elsewhere)).out


def test_what_was_taken_back_is_marked_wherever_a_session_is_read(root: Path) -> None:
    def message(id: str, role: str) -> Any:
        info = {"id": id, "sessionID": "ses_1", "role": role, "modelID": "m", "time": {"created": NOW + 1}}
        return event("message.updated", info=info)

    def part(id: str, message: str) -> Any:
        ids = {"id": id, "messageID": message, "sessionID": "ses_1"}
        return event("message.part.updated", part={**ids, "type": "text", "text": id, "time": {"end": NOW + 2}})

    removed = {"sessionID": "ses_1", "messageID": "msg_2", "partID": "prt_2"}
    append(
        root,
        [
            session("ses_1"),
            *(message("msg_2", "assistant"), part("prt_1", "msg_2"), part("prt_2", "msg_2")),
            *(message("msg_3", "assistant"), part("prt_3", "msg_3")),
            event("message.part.removed", **removed),
            event("message.removed", sessionID="ses_1", messageID="msg_3"),
        ],
    )
    for shown in (
        call(root, "show", "ses_1").out,
        call(root, "export", "ses_1", "--format", "md").out,
        call(root, "export", "ses_1", "--format", "html").out,
    ):
        assert shown.count("taken back") == 2


@pytest.mark.parametrize("name", ["settings.json", "settings.local.json"])
def test_doctor_names_the_project_whose_settings_run_no_hooks(
    name: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clankers.system.detached.start", lambda *_: None)
    assert call(root, "install", "claude-code").code == 0
    project = tmp_path / "project"
    (project / ".claude").mkdir(parents=True)
    (project / ".claude" / name).write_text('{"disableAllHooks": true}')
    monkeypatch.chdir(project)
    assert f"{name}: disableAllHooks is set" in call(root, "doctor").out


def test_tasks_are_known_from_the_transcript(root: Path) -> None:
    def result(number: int, response: dict[str, Any]) -> bytes:
        block = {"type": "tool_result", "tool_use_id": f"t{number}", "content": "ok"}
        return typed(number, [block], toolUseResult=response)

    def change(id: str, status: str) -> dict[str, Any]:
        return {"success": True, "taskId": id, "statusChange": {"from": "pending", "to": status}}

    created = [result(n, {"task": {"id": str(n), "subject": f"Do {n}"}}) for n in (1, 2, 3)]
    updates = [change("1", "in_progress"), change("1", "completed"), change("3", "deleted")]
    db = imported(root, *created, *(result(n, update) for n, update in enumerate(updates, 4)))
    found = db.execute("SELECT id, content, status FROM todos ORDER BY id").fetchall()
    assert found == [("1", "Do 1", "completed"), ("2", "Do 2", "pending")]


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_later_snapshot_of_a_message_counts_where_its_counts_are_smaller(order: tuple[int, int], root: Path) -> None:
    def snapshot(input: int, read: int, finish: str, **time: int) -> Any:
        tokens = {"input": input, "output": 25, "reasoning": 0, "cache": {"read": read, "write": 0}}
        info = {"id": "msg_1", "sessionID": "ses_1", "role": "assistant", "tokens": tokens, "finish": finish}
        return event("message.updated", info=info | {"time": {"created": NOW} | time})

    steps = [snapshot(9000, 0, "unknown"), snapshot(120, 8880, "stop", completed=NOW + 9)]
    append(root, [session("ses_1"), *(steps[at] for at in order)])
    found = project(root).execute("SELECT prompt_tokens, cache_read_tokens, finish_reason FROM messages").get
    assert found == (120, 8880, "stop")


def timed(number: int, time: Any = None, **fields: Any) -> bytes:
    """A prompt with another form of time, or none."""
    one = json.loads(typed(number, f"prompt {number}", **fields))
    del one["timestamp"]
    return json.dumps(one if time is None else one | {"timestamp": time}).encode()


FIRST = 1_795_168_800_000  # 2026-11-20T10:00:00Z
UNTIMED = (timed(1), timed(2), typed(3, "prompt 3"), timed(4), timed(5, "yesterday"), typed(6, "prompt 6"), timed(7))


def test_a_message_without_a_time_is_between_its_neighbours(root: Path) -> None:
    db = imported(root, *UNTIMED)
    found = db.execute("SELECT text_content, created_at, time_inferred FROM messages ORDER BY created_at").fetchall()
    expected = [(2998, 1), (2999, 1), (3000, 0), (3001, 1), (3002, 1), (6000, 0), (6001, 1)]
    assert found == [(f"prompt {i}", FIRST + at, inferred) for i, (at, inferred) in enumerate(expected, 1)]
    assert db.execute("SELECT created_at FROM sessions").get == FIRST + 2998
    assert db.execute("SELECT field, reason FROM ignored_values").fetchall() == [
        ("$.timestamp", "Not a time: 'yesterday'")
    ]


def test_inferred_times_do_not_depend_on_batches(root: Path, tmp_path: Path) -> None:
    expected = rows(imported(root, *UNTIMED))
    (log,) = root.glob("*.jsonl")
    other = tmp_path / "other"
    other.mkdir()
    for one in log.read_bytes().splitlines(keepends=True):
        with (other / log.name).open("ab") as file:
            file.write(one)
        project(other).close()
    assert rows(project(other)) == expected


def test_no_neighbour_with_a_time_is_no_time(root: Path) -> None:
    db = imported(root, timed(1), timed(2))
    assert db.execute("SELECT DISTINCT created_at, time_inferred FROM messages").fetchall() == [(None, 0)]


def test_a_cost_that_a_line_reports_is_the_responses(root: Path) -> None:
    lines = [json.loads(answered(2, text(words))) | {"costUSD": 0.5} for words in ("a", "b")]
    db = imported(root, typed(1, "go"), *(json.dumps(one).encode() for one in lines))
    assert db.execute("SELECT cost, cost_source FROM messages WHERE role = 'assistant'").fetchall() == [(0.5, "client")]


def test_what_a_parent_wrote_in_the_sessions_own_file_is_no_prompt(root: Path) -> None:
    """As versions up to 1.0 kept their subagents."""
    db = imported(root, typed(1, "go"), typed(2, "look around", isSidechain=True))
    assert db.execute("SELECT text_content, synthetic FROM messages ORDER BY created_at").fetchall() == [
        ("go", 0),
        ("look around", 1),
    ]


def test_a_call_that_a_person_stopped_is_interrupted(root: Path) -> None:
    stopped = {"type": "tool_result", "tool_use_id": "t1", "is_error": True}
    stopped["content"] = "[Request interrupted by user for tool use]"
    call = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "sleep 9"}}
    db = imported(root, typed(1, "go"), answered(2, call), typed(3, [stopped]))
    assert db.execute("SELECT status, success FROM tools").fetchall() == [("interrupted", 0)]


@pytest.mark.parametrize("untimed", [2, 3])
def test_a_call_in_a_line_without_a_time_is_one_call_with_its_result(untimed: int, root: Path) -> None:
    call = {"type": "tool_use", "id": "t1", "name": "Bash", "input": {"command": "ls"}}
    lines = [answered(2, call), typed(3, [{"type": "tool_result", "tool_use_id": "t1", "content": "ok"}])]
    lines[untimed - 2] = json.dumps(json.loads(lines[untimed - 2]) | {"timestamp": None}).encode()
    db = imported(root, typed(1, "go"), *lines)
    assert db.execute("SELECT tool_name, status, tool_output FROM tools").fetchall() == [("Bash", "completed", "ok")]


def test_a_message_of_another_form_costs_no_line(root: Path) -> None:
    model = json.loads(answered(3, text("plain")))
    model["message"]["model"] = 7
    db = imported(root, line(1, "user", message="bare"), line(2, "user", message=None), json.dumps(model).encode())
    found = db.execute("SELECT role, text_content, synthetic, completion_tokens FROM messages ORDER BY created_at")
    assert found.fetchall() == [("user", "bare", 0, None), ("assistant", "plain", 0, 7)]
    assert db.execute("SELECT count(*) FROM rejects").get == 0


def opencode(root: Path, *events: dict[str, Any]) -> Any:
    append(root, [("opencode", one["type"], json.dumps(one).encode()) for one in events])
    return project(root)


def message_of(session: str, **fields: Any) -> dict[str, Any]:
    info = {"id": "msg_1", "sessionID": session, "role": "assistant", "time": {"created": NOW}} | fields
    return {"type": "message.updated", "properties": {"info": info}}


def test_a_time_that_is_text_is_a_time(root: Path) -> None:
    db = opencode(root, message_of("ses_1", time={"created": "2026-11-20T10:00:01Z"}))
    assert db.execute("SELECT created_at FROM messages").get == 1795168801000
    assert db.execute("SELECT count(*) FROM ignored_values").get == 0


def test_a_failure_that_is_text_is_a_failure(root: Path) -> None:
    failed = {"type": "session.error", "properties": {"sessionID": "ses_1", "error": "it broke"}}
    db = opencode(root, failed, message_of("ses_2", error="so did this"))
    found = db.execute("SELECT session_id, error_type, error_message FROM session_errors ORDER BY 1").fetchall()
    assert found == [("ses_1", "unknown", "it broke"), ("ses_2", "unknown", "so did this")]


@pytest.mark.parametrize(("code", "success"), [("0", 1), (True, 1), ({}, 1), (0, 1), (3, 0), (None, 0)])
def test_an_exit_code_that_is_none_says_nothing(code: Any, success: int, root: Path) -> None:
    state = {"status": "completed", "input": {"command": "ls"}, "output": "", "metadata": {"exit": code}}
    part = {"id": "prt_1", "messageID": "msg_1", "sessionID": "ses_1", "type": "tool", "tool": "bash", "state": state}
    db = opencode(root, message_of("ses_1"), {"type": "message.part.updated", "properties": {"part": part}})
    assert db.execute("SELECT success FROM tools").get == success
