"""What the queries answer, whatever engine holds the rows. An engine is a function that makes a database of records."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clankers import queries
from clankers.queries import changes, health, session_rows
from clankers.queries.conversation import Message, Part, ToolCall, subagents
from clankers.queries.conversation_reader import conversation
from clankers.queries.dialect import Database
from clankers.queries.failures import failed_calls
from clankers.queries.filters import Filters, filters, sources_instead
from clankers.queries.resume import resume_command
from clankers.queries.session_select import all_sessions
from clankers.queries.sessions import list_sessions
from clankers.queries.usage import BY, count
from tests.commands import NOW, event, session
from tests.feeding import Record, append, project

HOUR = 3_600_000  # milliseconds
Make = Callable[[list[Record]], Database]


def sqlite(root: Path, records: list[Record]) -> Database:
    append(root, records)
    return project(root)


ENGINES = {"sqlite": sqlite}


@pytest.fixture(params=ENGINES)
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Make]:
    made: list[Database] = []

    def database(records: list[Record]) -> Database:
        made.append(ENGINES[request.param](tmp_path / "data", records))
        return made[-1]

    yield database
    for db in made:
        db.close()


def message(id: str, of: str, role: str, at: int, text: str, **more: object) -> list[Record]:
    info = {"id": id, "sessionID": of, "role": role, "time": {"created": at, "completed": at + 1000}} | more
    part = {"id": f"prt_{id}", "messageID": id, "sessionID": of, "type": "text", "text": text}
    return [event("message.updated", info=info), event("message.part.updated", part=part)]


def call(id: str, of: str, in_message: str, at: int, *, failed: bool = False) -> Record:
    ended = {"status": "error", "error": "no"} if failed else {"status": "completed", "output": "done", "title": "t"}
    state = ended | {"input": {"command": "ls"}, "time": {"start": at, "end": at + 500}}
    part = {"id": id, "messageID": in_message, "sessionID": of, "type": "tool", "callID": f"call_{id}", "tool": "bash"}
    return event("message.part.updated", part=part | {"state": state})


def answer(id: str, of: str, at: int, text: str, model: str = "opus", output: int = 10) -> list[Record]:
    tokens = {"input": 100, "output": output, "reasoning": 0, "cache": {"read": 5, "write": 2}}
    return message(id, of, "assistant", at, text, modelID=model, providerID="anthropic", cost=0.5, tokens=tokens)


TALK = [
    session("ses_1", title="first", created=NOW),
    *message("msg_1", "ses_1", "user", NOW, "hello"),
    *answer("msg_2", "ses_1", NOW + 1000, "hi"),
    call("prt_call", "ses_1", "msg_2", NOW + 1500),
    session("ses_1_1", parentID="ses_1", created=NOW + 2000),
    *message("msg_3", "ses_1_1", "user", NOW + 2000, "look"),
    *answer("msg_4", "ses_1_1", NOW + 3000, "seen", model="haiku", output=7),
    call("prt_failed", "ses_1_1", "msg_4", NOW + 3500, failed=True),
    session("ses_2", title="second", created=NOW + HOUR, directory="/src/other"),
    *message("msg_5", "ses_2", "user", NOW + HOUR, "again"),
    *answer("msg_6", "ses_2", NOW + HOUR + 1000, "yes"),
]


def test_sessions_are_listed_by_activity_with_sums_of_their_subagents(make: Make) -> None:
    db = make(TALK)
    found = list_sessions(db, 10)
    assert [(one.id, one.depth) for one in found] == [("ses_2", 0), ("ses_1", 0), ("ses_1_1", 1)]
    parent = found[1]
    assert (parent.turns, parent.subagents, parent.subagent_tools, parent.subagent_tokens) == (1, 1, 1, 114)
    assert (parent.cost, parent.subagent_cost) == (0.5, 0.5)
    assert parent.duration_ms is not None
    assert parent.last_active == NOW + parent.duration_ms
    assert found[2].turns == 0  # no person typed what starts a subagent
    assert [one.id for one in list_sessions(db, 1)] == ["ses_2"]


@pytest.mark.parametrize(
    ("chosen", "sessions", "messages"),
    [
        (Filters(), {"ses_1", "ses_1_1", "ses_2"}, 6),
        (filters(["opencode"]), {"ses_1", "ses_1_1", "ses_2"}, 6),
        (filters(["opencode", "codex"]), {"ses_1", "ses_1_1", "ses_2"}, 6),
        (filters(["codex"]), set(), 0),
        (filters(project="/src/shop"), {"ses_1", "ses_1_1"}, 4),
        (filters(project="/src/"), {"ses_1", "ses_1_1", "ses_2"}, 6),
        (filters(project="/sr/"), set(), 0),
        (filters(project="other"), {"ses_2"}, 2),
        (filters(model="HAIKU"), {"ses_1_1"}, 2),
        (Filters(since=NOW + HOUR), {"ses_2"}, 2),
        (Filters(until=NOW + 1500), {"ses_1"}, 2),
        (Filters(since=NOW + 1000, until=NOW + HOUR), {"ses_1", "ses_1_1"}, 3),
        (filters(["opencode"], project="/src/", model="opus"), {"ses_1", "ses_2"}, 4),
    ],
    ids=lambda value: "" if isinstance(value, set | int) else str(value.values if value else "all")[:40],
)
def test_filters_mean_the_same_for_sessions_and_totals(
    chosen: Filters, sessions: set[str], messages: int, make: Make
) -> None:
    db = make(TALK)
    assert set(all_sessions(db, chosen)) == sessions
    assert {one.id for one in list_sessions(db, 10, chosen)} >= sessions
    assert count(db, "source", chosen)[1].messages == messages


def test_a_source_without_sessions_is_named_with_those_that_have_some(make: Make) -> None:
    db = make(TALK)
    assert sources_instead(db, filters(["opencode", "codex"])) == []
    assert sources_instead(db, filters(["codex"])) == ["opencode"]


@pytest.mark.parametrize("by", BY)
@pytest.mark.parametrize("chosen", [Filters(), Filters(since=NOW - 1, until=NOW + 2 * HOUR)], ids=["all", "span"])
def test_the_groups_add_up_to_the_total(by: str, chosen: Filters, make: Make) -> None:
    groups, total = count(make(TALK), by, chosen)
    assert (total.sessions, total.subagents, total.tools, total.tools_failed) == (
        (1, 1, 2, 1) if by == "tool" else (2, 1, 2, 1)
    )
    assert sum(one.tools for one in groups) == total.tools
    assert sum(one.messages for one in groups) == total.messages == (0 if by == "tool" else 6)
    assert sum(one.completion_tokens for one in groups) == total.completion_tokens == (0 if by == "tool" else 27)
    assert total.tool_p50_ms == 500
    keys = [one.key for one in groups]
    assert keys == sorted(keys, key=lambda key: (key is None, key))


def test_a_conversation_is_in_order_and_has_its_subagents(make: Make) -> None:
    db = make(TALK)
    found = conversation(db, "ses_1")
    said = [item for item in found.items if isinstance(item, Message)]
    assert [(one.id, one.role) for one in said] == [("msg_1", "user"), ("msg_2", "assistant")]
    assert {type(part) for part in said[1].parts} == {Part, ToolCall}
    assert [inner.session.id for inner in subagents(found)] == ["ses_1_1"]
    with pytest.raises(LookupError):
        conversation(db, "nobody")


def attempt(id: str, at: int, given: dict[str, object], *, failed: bool = False, tool: str = "bash") -> Record:
    ended = {"status": "error", "error": f"error of {id}"} if failed else {"status": "completed", "output": "done"}
    state = ended | {"input": given, "time": {"start": NOW + at, "end": NOW + at + 5}}
    part = {"id": id, "messageID": "msg_2", "sessionID": "ses_1", "type": "tool", "tool": tool, "state": state}
    return event("message.part.updated", part=part)


@pytest.mark.parametrize(
    ("failed", "later", "recovers"),
    [
        ("cd /src && pytest -x tests", "pytest -q tests 2>&1 | tail -5", True),
        ("A=1 timeout 60 npm test", "sudo npm test", True),
        ("git push", "git status", False),
        ("ls", "ls /src", False),
        ("cd /src", "cd /other", False),
    ],
)
def test_a_failed_command_is_recovered_by_the_next_run_of_its_program(
    failed: str, later: str, recovers: bool, make: Make
) -> None:
    calls = [
        attempt("c1", 10, {"command": failed}, failed=True),
        attempt("c2", 12, {"command": failed}),  # began before the first had ended
        attempt("c3", 20, {"command": failed}, failed=True),
        attempt("c4", 30, {"command": later}, tool="other"),
        attempt("c5", 40, {"command": later}),
        attempt("c6", 50, {"command": later}),
    ]
    last, first = failed_calls(make([*TALK[:3], *calls]), 10)
    assert (last.id, last.subject, last.error, first.id) == ("c3", failed, "error of c3", "c1")
    for one in (last, first):
        assert (one.recovery and (one.recovery.id, one.recovery.subject)) == (("c5", later) if recovers else None)


def test_a_failed_edit_is_recovered_by_an_edit_of_the_same_file(make: Make) -> None:
    calls = [
        attempt("e1", 10, {"filePath": "/src/a.py", "oldString": "x"}, failed=True, tool="edit"),
        attempt("e2", 20, {"filePath": "/src/b.py", "oldString": "x"}, tool="edit"),
        attempt("e3", 30, {"filePath": "/src/a.py", "oldString": "y"}, tool="edit"),
        attempt("e4", 40, {"filePath": "/src/a.py", "oldString": "z"}, failed=True, tool="edit"),
    ]
    last, first = failed_calls(make([*TALK[:3], *calls]), 10)
    assert (last.recovery, first.subject) == (None, "/src/a.py")
    assert first.recovery
    assert first.recovery.id == "e3"


def test_failed_calls_are_read_page_by_page(make: Make) -> None:
    given: dict[str, object] = {"command": "make"}
    calls = [attempt(f"c{i}", i // 2, given, failed=True) for i in range(6)]  # two of each time
    db = make([*TALK, *calls])
    expected = ["prt_failed", "c5", "c4", "c3", "c2", "c1", "c0"]
    found = failed_calls(db, 2)
    while page := failed_calls(db, 2, before=found[-1].place):
        found += page
    assert [one.id for one in found] == expected
    assert [one.id for one in failed_calls(db, 10, filters(model="haiku"))] == ["prt_failed"]
    assert failed_calls(db, 10, tool="edit") == []


def test_changes_are_found_by_batch_and_a_reader_goes_on_where_it_was(make: Make) -> None:
    db = make(TALK)
    found = list(changes.changes_after(db, 0))
    assert {id for id, _ in found} == {"ses_1", "ses_1_1", "ses_2"}
    assert [batch for _, batch in found] == sorted(batch for _, batch in found)
    assert changes.changed_sessions(db) == 3
    assert list(changes.changes_after(db, changes.last_batch(db))) == []
    end = changes.log_end(db)
    assert end is not None
    assert end.lines == len(TALK)
    assert changes.database_id(db)
    assert changes.row_counts(db, "ses_1") == {"messages": 2, "parts": 3, "tools": 1}


def test_a_session_is_read_row_by_row(make: Make) -> None:
    db = make(TALK)
    stored = session_rows.session_row(db, "ses_2")
    assert stored is not None
    assert (stored.title, stored.project_path) == ("second", "/src/other")
    assert dict(zip(session_rows.TOTALS, stored.totals, strict=True))["message_count"] == 2
    assert session_rows.message_ids(db, "ses_1") == [("msg_1", True), ("msg_2", False)]
    (part,) = session_rows.part_rows(db, "msg_1")
    assert (part.text, part.session_id) == ("hello", "ses_1")
    (stored_call,) = session_rows.calls_of_message(db, "msg_2")
    assert stored_call == session_rows.call_row(db, stored_call.id)
    assert json.loads(stored_call.tool_input or "") == {"command": "ls"}
    assert session_rows.has_row(db, "messages", "msg_1", "ses_1")
    assert not session_rows.has_row(db, "messages", "msg_1", "ses_2")
    assert session_rows.session_row(db, "nobody") is None
    assert session_rows.message_row(db, "msg_1", "ses_2") is None


def test_totals_and_health(make: Make) -> None:
    db = make(TALK)
    assert health.totals(db) == (3, 6, 2, 0)
    assert health.rejects(db) == (0, None, 0)


def test_an_empty_database_answers_too(make: Make) -> None:
    db = make([])
    assert list_sessions(db, 10) == []
    assert count(db, "day", Filters()) == ([], count(db, "source", Filters())[1])
    assert changes.log_end(db) is None or changes.log_end(db).lines == 0  # type: ignore[union-attr]
    assert changes.last_batch(db) == 0


# Where SQLite's own words may stand, and why.
OWN = {"dialect.py", "search.py", "statement.py", "tables.py", "connect.py"}
WORDS = re.compile(
    r"(?<![.\w])(iif|ifnull|json_each|strftime|printf|total|percentile|instr)\(|\browid\b|\bGLOB\b|->>|\?\d"
)


@pytest.mark.parametrize("path", sorted(Path(queries.__file__).parent.glob("*.py")), ids=lambda path: path.name)
def test_what_is_sqlites_own_stands_in_the_dialect(path: Path) -> None:
    assert path.name in OWN or WORDS.search(path.read_text("utf-8")) is None


def test_a_session_is_resumed_by_its_client_in_its_own_directory(make: Make) -> None:
    """A subagent's command is that of its top session. An id that a client would read as an option resumes nothing."""
    started = {"hook_event_name": "SessionStart", "cwd": "/p/a b"}
    db = make(
        [
            session("ses_top", directory="/p/x"),
            session("ses_sub", parentID="ses_top", directory="/p/x"),
            *(
                ("claude-code", "SessionStart", json.dumps(started | {"session_id": id}).encode())
                for id in ("c1", "--yolo")
            ),
            ("aider", "run", b"{}"),
        ]
    )
    assert resume_command(db, "", "ses_sub") == resume_command(db, "", "ses_top")
    found = resume_command(db, "", "ses_top")
    assert found
    assert found.shell == "cd /p/x && opencode --session ses_top"
    assert (other := resume_command(db, "", "c1"))
    assert other.shell == "cd '/p/a b' && claude --resume c1"
    assert resume_command(db, "", "--yolo") is resume_command(db, "", "nobody") is None
