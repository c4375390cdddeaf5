"""What a server logged, replayed: the last telling of a row counts, whole, however the log is cut up."""

import json
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clankers.log import envelope
from clankers.log.reader import log_files, read
from projector.adapters import Adapters
from projector.adapters.session_sync import wire
from projector.feed import Feed
from projector.replay.rebuild import open_live
from projector.replay.replay import replay
from projector.store.sqlite_writer import SqliteStore
from projector.trace.ownership import SessionMatcher, session_of
from projector.trace.provenance import source_lines
from tests.feeding import rows
from tests.test_replay import Lines, mutations

NOW = 1_700_000_000_000
NS = NOW * 1_000_000
SESSION = {"id": "s1", "version": "1.0", "project_id": "/src/shop", "directory": "/src/shop", "created_at": NOW}


def logged(*bodies: dict[str, Any]) -> Lines:
    """The bodies as a server logs them: some within one millisecond."""
    return [
        envelope.line(wire.SOURCE, wire.TYPE, json.dumps(one).encode(), now_ns=NS + i // 2 * 10**6)
        for i, one in enumerate(bodies)
    ]


def body(more: dict[str, Any] | None = None, /, *, id: str = "s1", **rows_sent: Any) -> dict[str, Any]:
    """What our own client says."""
    ours = {"source": "claude-code", "created_at": NOW, **(more or {})}
    return {"session": {**SESSION, "id": id, "metadata": {"clankers": ours}}, **rows_sent}


def message(id: str = "m1", **more: Any) -> dict[str, Any]:
    return {"id": id, "role": "assistant", "created_at": NOW, **more}


def part(id: str = "p1", of: str = "m1", text: str = "hello", **more: Any) -> dict[str, Any]:
    return {"id": id, "message_id": of, "type": "text", "text": text, "time_end": NOW, **more}


def tool(id: str = "t1", session: str = "s1", **more: Any) -> dict[str, Any]:
    ours = {"status": "completed", "success": True, "file_path": "/src/shop/a.py", "open_rank": 3, "close_rank": 3}
    return {
        "id": id,
        "session_id": session,
        "call_id": id,
        "tool_name": "Edit",
        "input": "{}",
        "status": "completed",
        "metadata": {"clankers": ours | more},
    }


def error(id: str = "e1") -> dict[str, Any]:
    return {"error_name": "overloaded", "occurred_at": NOW, "error_data": {"clankers": {"id": id}}}


def database(where: Path, lines: Lines, batch_lines: int | None = None) -> apsw.Connection:
    where.mkdir(parents=True)
    (where / "clankers-2023-11-14.jsonl").write_bytes(b"".join(lines))
    db = open_live(str(where / "clankers.db"))
    done = replay(SqliteStore(db), str(where), batch_lines=batch_lines)
    assert (done.events, done.unknown) == (len(lines), 0)
    return db


@pytest.fixture(params=[None, 1, 2], ids=["in one batch", "line by line", "two at a time"])
def replayed(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """The rows that bodies make."""

    def replay_bodies(*bodies: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
        return rows(database(tmp_path / "data", logged(*bodies), request.param))

    return replay_bodies


def test_a_body_makes_rows(replayed: Any) -> None:
    found = replayed(
        body(
            {"title": "x", "model": "m", "messages": {"m1": {"cost_source": "client"}}},
            messages=[message(cost=0.5, tokens_input=7, agent="build", mode="plan")],
            parts=[part(), part("p0", text="first", sequence_order=-1)],
            tool_executions=[tool()],
            errors=[error()],
            todos=[
                {"task_id": "#0", "content": "a", "status": "", "updated_at": 5},
                {"task_id": "7", "content": "b", "status": "done"},
            ],
            project_info={"id": "shop-id", "worktree": "/src/shop", "vcs": "git", "updated_at": NOW},
        )
    )
    (session,) = found["sessions"]
    assert (session["source"], session["project_name"], session["cost"]) == ("claude-code", "shop", 0.5)
    assert (session["prompt_tokens"], session["tool_call_count"], session["error_count"]) == (7, 1, 1)
    (said,) = found["messages"]
    assert (said["text_content"], said["agent"], said["cost_source"]) == ("first\nhello", "build", "client")
    assert [(e["file_path"], e["source"]) for e in found["file_edits"]] == [("/src/shop/a.py", "claude-code")]
    assert [(t["id"], t["status"], t["updated_at"]) for t in found["todos"]] == [(None, None, 5), ("7", "done", NOW)]
    assert found["projects"] == [{"path": "/src/shop", "id": "shop-id", "name": "shop", "vcs": "git"}]


def test_the_last_row_sent_counts_even_if_it_holds_less(replayed: Any) -> None:
    found = replayed(
        body(
            {"title": "wrong", "status": "busy", "deleted_at": NOW, "project_path": "/b"},
            messages=[message(tokens_output=100, completed_at=NOW + 5, model_id="m")],
            parts=[part(text="a long text that was wrong")],
            tool_executions=[tool()],
            todos=[{"task_id": "1", "content": "a", "status": "x"}],
        ),
        body(
            {"created_at": NOW + 1, "project_path": "/a"},
            messages=[message(created_at=NOW + 1, completed_at=NOW + 5, tokens_output=10)],
            parts=[part(text="right")],
            tool_executions=[tool(success=False)],
            todos=[],
        ),
    )
    (session,) = found["sessions"]
    assert (session["title"], session["status"], session["deleted_at"]) == (None, None, None)
    assert (session["created_at"], session["project_path"], session["completion_tokens"]) == (NOW + 1, "/a", 10)
    (said,) = found["messages"]
    assert (said["completed_at"], said["model"], said["text_content"], said["copied"]) == (NOW + 5, None, "right", 0)
    assert (found["tools"][0]["success"], found["file_edits"], found["todos"]) == (0, [], [])
    assert [p["path"] for p in found["projects"]] == ["/a", "/b"]


def test_deleted_rows_are_deleted_with_what_is_derived_from_them(replayed: Any) -> None:
    every = body(
        {"compactions": [{"id": "c1"}]},
        messages=[message(tokens_input=5), message("m2")],
        parts=[part(), part("p2", "m2"), part("p3", "m2")],
        tool_executions=[tool()],
        errors=[error()],
    )
    gone = {"messages": ["m1"], "parts": ["p3", "never sent"], "tools": ["t1"], "errors": ["e1"], "compactions": ["c1"]}
    found = replayed(every, body({"gone": gone}))
    (session,) = found["sessions"]
    assert (session["message_count"], session["prompt_tokens"], session["tool_call_count"]) == (1, 0, 0)
    assert [p["id"] for p in found["parts"]] == ["p2"]
    assert [found[t] for t in ("tools", "file_edits", "session_errors", "compaction_events")] == [[], [], [], []]


def test_a_row_that_moves_counts_in_its_new_session_alone(replayed: Any) -> None:
    found = replayed(
        body(messages=[message(role="user", tokens_input=5)], parts=[part()], tool_executions=[tool()]),
        body(id="s2", messages=[message(role="user", tokens_input=5)], tool_executions=[tool(session="s2")]),
    )
    counted = {s["id"]: (s["message_count"], s["prompt_tokens"], s["tool_call_count"]) for s in found["sessions"]}
    assert counted == {"s1": (0, 0, 0), "s2": (1, 5, 1)}
    assert {s["id"]: s["title"] for s in found["sessions"]} == {"s1": None, "s2": "hello"}


def test_a_call_has_the_model_of_a_message_that_another_session_sends_later(replayed: Any) -> None:
    found = replayed(
        body(tool_executions=[tool(message_id="m1")]), body(id="s2", messages=[message(model_id="m", role="assistant")])
    )
    assert found["tools"][0]["model"] == "m"


def test_a_call_loses_the_model_of_a_deleted_message_of_another_session(replayed: Any) -> None:
    found = replayed(
        body(id="s2", messages=[message(model_id="m", role="assistant")]),
        body(tool_executions=[tool(message_id="m1")]),
        body({"gone": {"messages": ["m1"]}}, id="s2"),
    )
    assert found["tools"][0]["model"] is None


def test_a_part_sent_in_another_session_changes_the_session_of_its_message(replayed: Any) -> None:
    found = replayed(body(messages=[message(role="user")]), body(id="s2", parts=[part()]))
    assert {s["id"]: s["title"] for s in found["sessions"]} == {"s1": "hello", "s2": None}


def test_a_part_is_deleted_with_the_message_that_it_was_moved_to(replayed: Any) -> None:
    found = replayed(
        body(messages=[message(), message("m2")]),
        body(parts=[part()]),
        body(parts=[part(of="m2")]),
        body({"gone": {"messages": ["m2"]}}),
    )
    assert [(m["id"], m["text_content"]) for m in found["messages"]] == [("m1", None)]
    assert found["parts"] == []


def test_a_message_that_is_sent_again_after_its_deletion_has_only_what_was_sent_since(replayed: Any) -> None:
    found = replayed(
        body(messages=[message(model_id="m")], parts=[part()]),
        body({"gone": {"messages": ["m1"]}}),
        body(parts=[part("p2", text="later")]),
    )
    (said,) = found["messages"]
    assert (said["role"], said["model"], said["text_content"]) == (None, None, "later")


def test_an_older_copy_that_is_sent_later_changes_nothing(replayed: Any) -> None:
    newer = body(
        messages=[message(completed_at=NOW + 5, tokens_output=80, finish_reason="stop")],
        parts=[part(text="all of it", time_end=NOW + 5)],
        tool_executions=[tool(status="completed")],
    )
    older = body(
        messages=[message(completed_at=None, tokens_output=1), message("m2", tokens_output=7)],
        parts=[part(text="all", time_end=None)],
        tool_executions=[tool(close_rank=-1, status="running")],
    )
    newer["session"] |= {"title": "later", "updated_at": NOW + 9}
    older["session"] |= {"title": "first", "updated_at": NOW}
    found = replayed(newer, older)
    assert [s["title"] for s in found["sessions"]] == ["later"]
    used = {m["id"]: (m["completion_tokens"], m["finish_reason"], m["text_content"]) for m in found["messages"]}
    assert used == {"m1": (80, "stop", "all of it"), "m2": (7, None, None)}, "what only the older one has is new"
    assert [t["status"] for t in found["tools"]] == ["completed"]


@pytest.mark.parametrize(
    ("source", "cost", "becomes"),
    [("client", 0.25, (0.25, "client")), ("parent", None, (None, "parent")), ("prices", 9.0, (0.00015, "prices"))],
)
def test_a_bill_is_believed_and_a_sum_worked_out_here(replayed: Any, source: str, cost: Any, becomes: Any) -> None:
    messages = {"m1": {"cost_source": "prices"}}
    said = message(provider_id="anthropic", model_id="claude-sonnet-4-5", tokens_input=50, cost=9.0)
    found = replayed(body({"cost": cost, "cost_source": source, "messages": messages}, messages=[said]))
    assert (found["sessions"][0]["cost"], found["sessions"][0]["cost_source"]) == becomes
    assert (found["messages"][0]["cost"], found["messages"][0]["cost_source"]) == (0.00015, "prices")


def test_none_where_the_format_asks_for_a_value_is_no_value(replayed: Any) -> None:
    ours: dict[str, Any] = {"created_at": None, "client_version": None, "project_path": None}
    ours["messages"] = {"m1": {"role": None, "created_at": None, "parent_id": None}}
    call = tool(tool_name=None, tool_input=None, status=None)
    found = replayed(
        body(
            ours,
            messages=[message(parent_id="m0", mode="x")],
            parts=[part(metadata={"clankers": {"type": None}})],
            tool_executions=[call],
        )
    )
    (session,) = found["sessions"]
    assert (session["created_at"], session["client_version"], session["project_path"]) == (None, None, None)
    (said,) = found["messages"]
    assert (said["role"], said["created_at"], said["parent_id"], said["agent"]) == (None, None, None, None)
    assert (found["parts"][0]["type"], found["tools"][0]["tool_name"], found["tools"][0]["status"]) == (None,) * 3
    assert found["projects"] == []


def test_rows_of_another_client_are_used_as_far_as_the_format_goes(replayed: Any) -> None:
    call = {"session_id": "s1", "call_id": "c", "tool_name": "edit", "input": '{"filePath":"/x"}'}
    found = replayed(
        {
            "session": {**SESSION, "title": "t", "metadata": {"anything": 1}, "new": [1]},
            "messages": [message(cost=0.5, mode="build", provider_id="p")],
            "parts": [part()],
            "tool_executions": [
                {**call, "id": "t1", "status": "completed", "output": "ok"},
                {**call, "id": "t2", "status": "running", "input": "no JSON"},
                {**call, "id": "t3", "status": "error", "error": "no"},
            ],
            "errors": [{"error_name": "a", "occurred_at": NOW}, {"error_name": "b", "occurred_at": NOW}],
            "vcs_info": {"branch": "main", "updated_at": NOW},
        }
    )
    (session,) = found["sessions"]
    assert (session["source"], session["git_branch"], session["cost"]) == ("opencode", "main", 0.5)
    assert (session["error_count"], found["messages"][0]["agent"]) == (2, "build")
    done = [(t["status"], t["success"], t["file_path"]) for t in sorted(found["tools"], key=lambda t: str(t["id"]))]
    assert done == [("completed", 1, "/x"), ("running", None, None), ("error", 0, "/x")]
    assert [e["id"] for e in found["file_edits"]] == ["t1"]


IDS = st.sampled_from(["a", "b", "c"])
TIMES = st.sampled_from([None, NOW - 1, NOW, NOW + 1])
SOME = st.integers(0, 2)


@st.composite
def bodies(draw: st.DrawFn) -> dict[str, Any]:
    """Bodies that tell of the same few rows again and again, and move them about."""

    def some(make: Any) -> list[Any]:
        return [make(id) for id in draw(st.lists(IDS, max_size=2))]

    session = draw(st.sampled_from(["s1", "s2"]))
    sources = st.sampled_from([None, "client", "prices", "parent"])
    messages = some(
        lambda one: message(
            one,
            role=draw(st.sampled_from(["user", "assistant"])),
            cost=draw(SOME),
            tokens_input=draw(SOME),
            model_id="m",
            completed_at=draw(TIMES),
        )
    )
    ours: dict[str, Any] = {
        "created_at": draw(TIMES),
        "title": draw(st.sampled_from([None, "t"])),
        "project_path": draw(st.sampled_from([None, "/a", "/b"])),
        "parent_id": draw(st.sampled_from([None, "s1", "s3"])),
        "cost_source": draw(sources),
        "cost": draw(SOME),
        "deleted_at": draw(TIMES),
        "messages": {
            one["id"]: {"created_at": draw(TIMES), "synthetic": draw(st.booleans()), "cost_source": draw(sources)}
            for one in messages
        },
        "compactions": some(lambda one: {"id": one, "pre_tokens": draw(SOME)}),
        "gone": {f: draw(st.lists(IDS, max_size=1)) for f in ("messages", "parts", "tools", "errors", "compactions")},
    }
    parts = some(
        lambda one: part(
            one, draw(IDS), draw(st.sampled_from(["", "x", "yy"])), metadata={"clankers": {"synthetic": draw(SOME) % 2}}
        )
    )
    tools = some(lambda one: tool(one, session, success=draw(st.booleans()), message_id=draw(IDS)))
    more: dict[str, Any] = {}
    if draw(st.booleans()):
        more["todos"] = some(lambda one: {"task_id": one, "content": one, "status": "s", "updated_at": draw(TIMES)})
    if draw(st.booleans()):
        name = draw(st.sampled_from([None, "", "called"]))
        more["project_info"] = {"id": "i", "worktree": draw(st.sampled_from(["/a", "/c"])), "name": name}
        more["project_info"]["updated_at"] = NOW
    return body(ours, id=session, messages=messages, parts=parts, tool_executions=tools, errors=some(error), **more)


CUTS = given(st.lists(bodies(), min_size=2, max_size=6), st.integers(2, 3))
SLOW = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@SLOW
@CUTS
def test_however_the_log_is_cut_the_rows_are_the_same(
    tmp_path_factory: pytest.TempPathFactory, bodies_sent: list[dict[str, Any]], batch: int
) -> None:
    assert_the_same_however_it_is_cut(tmp_path_factory.mktemp("cut"), bodies_sent, batch)


@pytest.mark.long
@settings(SLOW, max_examples=1000)
@CUTS
def test_however_the_log_is_cut_the_rows_are_the_same_in_many_examples(
    tmp_path_factory: pytest.TempPathFactory, bodies_sent: list[dict[str, Any]], batch: int
) -> None:
    assert_the_same_however_it_is_cut(tmp_path_factory.mktemp("cut"), bodies_sent, batch)


def assert_the_same_however_it_is_cut(where: Path, bodies_sent: list[dict[str, Any]], batch: int) -> None:
    lines = logged(*bodies_sent)
    found = []
    for name, size in (("whole", None), ("single", 1), ("some", batch)):
        db = database(where / name, lines, size)
        facts = db.execute("SELECT * FROM session_facts ORDER BY 1, 2").fetchall()
        assert db.execute("SELECT count(*) FROM rejects").get == 0
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        found.append((rows(db), facts))
        db.close()
    assert found[0] == found[1] == found[2]


def test_no_wrong_value_in_any_field_stops_the_replay(tmp_path: Path) -> None:
    sample = body(
        {
            "cost_source": "client",
            "cost": 1.5,
            "parent_id": "s0",
            "totals": {"prompt_tokens": 1},
            "messages": {"m1": {"cost_source": "prices", "price_context": '{"speed":"fast"}', "web_searches": 1}},
            "compactions": [{"id": "c1", "pre_tokens": 4}],
            "gone": {"messages": ["m0"], "tools": ["t0"]},
        },
        messages=[message(tokens_input=3, model_id="claude-sonnet-4-5", cost=0.5)],
        parts=[part(metadata={"clankers": {"data": "{}"}})],
        tool_executions=[tool()],
        errors=[error()],
        todos=[{"task_id": "1", "content": "a", "status": "s"}],
        project_info={"id": "i", "worktree": "/w", "updated_at": NOW},
        vcs_info={"branch": "b", "updated_at": NOW},
        file_edits=[{"session_id": "s1", "file_path": "/f", "edited_at": NOW}],
    )
    spoiled = [spoil(sample) for spoil in mutations(sample)]
    deep = b'{"session":{},"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}"
    lines = [*logged(*spoiled), envelope.line(wire.SOURCE, wire.TYPE, deep), *logged(sample)]
    where = tmp_path / "data"
    where.mkdir()
    (where / "clankers-2023-11-14.jsonl").write_bytes(b"".join(lines))
    db = open_live(str(where / "clankers.db"))
    done = replay(SqliteStore(db), str(where))
    assert 0 < done.rejected < len(spoiled)
    assert db.execute("SELECT count(*) FROM rejects WHERE reason = '' OR reason LIKE '%adapter failed%'").get == 0
    assert db.execute("SELECT prompt_tokens FROM messages WHERE id = 'm1'").get == 3
    assert (db.pragma("integrity_check"), db.execute("PRAGMA foreign_key_check").fetchall()) == ("ok", [])


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (body(id="x" * 513), "$.session.id"),
        (body(messages=[message(tokens_input=2**41)]), "$.messages[0].tokens_input"),
        (body(messages=[message(created_at=2**70)]), "$.messages[0].created_at"),
        (body(tool_executions=[tool(session="s2")]), "something in it of s2"),
        (body({"messages": {"m1": {"price_context": "[" * 10_000}}}), "price_context"),
        (body({"source": "../etc"}), "source"),
    ],
)
def test_a_value_that_breaks_a_bound_is_named_with_its_place(wrong: dict[str, Any], why: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.json.decode(json.dumps(wrong), type=wire.SyncBody)
    assert why in str(caught.value)


def test_each_line_is_known_to_be_its_sessions(tmp_path: Path) -> None:
    lines = logged(body({"parent_id": "s0"}, messages=[message(role="user")], parts=[part()], tool_executions=[tool()]))
    db = database(tmp_path / "data", lines)
    (file,) = log_files(str(tmp_path / "data"))
    (line,) = read(str(tmp_path / "data"), file)
    assert line.event
    assert session_of(Adapters(""), line.event) == "s1"
    feed = Feed("", lambda _: None)
    assert [(t.kind, t.text) for t in feed.items(line.event)] == [("prompt", "hello"), ("tool", "{}"), ("ok", "")]
    (found,) = source_lines(str(tmp_path / "data"), SessionMatcher(str(tmp_path / "data"), {"s1"}))
    assert ("messages", "m1") in found.rows
    assert ("parts", "p1") in found.rows
    assert db.execute("SELECT source FROM sessions WHERE id = 's0'").get == "claude-code", "named by its child"
