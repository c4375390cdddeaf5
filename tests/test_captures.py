"""What real clients sent, and the rows it must make."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.feeding import (
    CAPTURES,
    OPENCODE,
    append,
    feed_hooks,
    feed_transcripts,
    opencode_records,
    project,
    rows,
)

# Input, output, cache read and cache write tokens over all sessions of a capture, as the client itself counted them.
TOTALS = {
    "basic_text": (11, 101, 2001, 340),
    "tools": (323, 2147, 34153, 5780),
    "subagent": (98, 728, 14028, 2380),
    "thinking": (11, 101, 2001, 340),
    "resume": (81, 621, 12021, 2040),
    "bash_bg": (36, 306, 6006, 1020),
    "streamin": (37, 307, 6007, 1020),
    "perm_denyrule": (23, 203, 4003, 680),
    "sig_kill_tool": (11, 101, 2001, 340),
    "err_401": (0, 0, 0, 0),
    "compact": (50, 1085, 8010, 1360),
    "tui": (155, 1649, 20055, 3400),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def by_id(db_rows: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in db_rows}


@pytest.mark.parametrize("name", TOTALS)
@pytest.mark.parametrize("feed", [feed_hooks, feed_transcripts])
def test_claude_code_totals_are_the_clients_own(name: str, feed: Any, root: Path, tmp_path: Path) -> None:
    feed(name, root, tmp_path / "home")
    db = project(root)
    totals = db.execute(
        "SELECT sum(prompt_tokens), sum(completion_tokens), sum(cache_read_tokens), sum(cache_write_tokens) "
        "FROM sessions"
    ).get
    assert totals == TOTALS[name]
    assert db.execute("SELECT count(*) FROM rejects").get == 0
    assert db.execute("SELECT count(*) FROM event_types WHERE NOT known").get == 0


def test_a_refused_key_is_one_failure_and_its_retry(root: Path, tmp_path: Path) -> None:
    feed_hooks("err_401", root, tmp_path / "home")
    found = rows(project(root))
    errors = [(e["error_type"], e["status_code"], e["will_retry"]) for e in found["session_errors"]]
    assert sorted(errors) == [("api_error", 401, 1), ("authentication_failed", 401, 0)]
    assert found["sessions"][0]["error_count"] == 1


def test_a_compaction_is_kept_as_such(root: Path, tmp_path: Path) -> None:
    feed_hooks("compact", root, tmp_path / "home")
    found = rows(project(root))
    (compaction,) = found["compaction_events"]
    assert (compaction["trigger"], compaction["pre_tokens"], compaction["post_tokens"]) == ("manual", 2453, 2554)
    said = {m["text_content"] for m in found["messages"] if m["role"] == "user" and not m["synthetic"]}
    assert said == {"one [[script:t]]", "two [[script:u]]"}


def test_a_fork_owns_only_what_it_said_itself(root: Path, tmp_path: Path) -> None:
    feed_hooks("resume", root, tmp_path / "home")
    found = rows(project(root))
    sessions = by_id(found["sessions"])
    fork = sessions["33fb5ed4-16a3-4178-b76f-0d086fd74afe"]
    origin = sessions["d8de75d5-e2f5-4559-965d-eac9c02f9b15"]
    assert fork["forked_from"] == origin["id"]
    texts = [m["text_content"] for m in found["messages"] if m["session_id"] == fork["id"]]
    assert sorted(texts) == ["forked", "four fork [[script:w]]"]
    assert fork["title"] == "four fork [[script:w]]"
    assert fork["created_at"] > origin["created_at"]
    assert fork["cost"] == pytest.approx(0.0190102 - 0.01421772)  # the client's sums go on from the origin's
    assert origin["cost"] == pytest.approx(0.01903682)


def test_a_fork_whose_origin_is_gone_still_gives_back_what_it_copied(root: Path, tmp_path: Path) -> None:
    from clankers.log.writer import Log
    from tests.feeding import Recording, import_transcripts

    recording = Recording("resume", tmp_path / "home")
    fork = next(p for p in recording.files if p.stem.startswith("33fb5ed4"))
    recording.grow(fork)
    with Log(str(root)) as log:
        import_transcripts(log, fork.stem, str(fork))
    messages = rows(project(root))["messages"]
    owners = {m["text_content"]: m["session_id"][:8] for m in messages}
    assert owners["two [[script:u]]"] == owners["second"] == "d8de75d5"
    assert owners["four fork [[script:w]]"] == owners["forked"] == "33fb5ed4"


def test_subagents_are_sessions_of_their_own(root: Path, tmp_path: Path) -> None:
    feed_hooks("subagent", root, tmp_path / "home")
    found = rows(project(root))
    parent = next(s for s in found["sessions"] if s["parent_id"] is None)
    children = [s for s in found["sessions"] if s["parent_id"] == parent["id"]]
    assert sorted((c["agent"], c["title"], c["tool_call_count"]) for c in children) == [
        ("Explore", "Sub two", 2),
        ("general-purpose", "Sub one", 1),
    ]
    assert len(found["sessions"]) == 3
    assert parent["tool_call_count"] == 2


def test_every_tool_call_of_claude_code_is_a_row(root: Path, tmp_path: Path) -> None:
    feed_hooks("tools", root, tmp_path / "home")
    tools = rows(project(root))["tools"]
    assert len(tools) == 18
    failed = {t["tool_name"]: t["exit_code"] for t in tools if t["success"] == 0 and t["tool_name"] != "Bash"}
    assert "NoSuchTool" in failed
    assert [t["exit_code"] for t in tools if t["tool_name"] == "Bash" and t["exit_code"]] == [3]
    assert all(t["status"] != "running" and t["message_id"] for t in tools)


def test_a_killed_client_leaves_its_tool_open(root: Path, tmp_path: Path) -> None:
    feed_hooks("sig_kill_tool", root, tmp_path / "home")
    (tool,) = rows(project(root))["tools"]
    assert (tool["tool_name"], tool["status"], tool["success"]) == ("Bash", "running", None)


def test_a_denied_tool_did_not_succeed(root: Path, tmp_path: Path) -> None:
    feed_hooks("perm_denyrule", root, tmp_path / "home")
    (tool,) = rows(project(root))["tools"]
    assert (tool["status"], tool["success"]) == ("denied", 0)


@pytest.mark.parametrize("name", OPENCODE)
def test_opencode_events_are_all_understood(name: str, root: Path) -> None:
    append(root, opencode_records(name))
    db = project(root)
    assert db.execute("SELECT count(*) FROM rejects").get == 0
    assert db.execute("SELECT count(*) FROM event_types WHERE NOT known").get == 0
    assert db.execute("SELECT count(*) FROM messages WHERE role IS NULL").get == 0


@pytest.mark.parametrize("name", [n for n in OPENCODE if n.startswith("1.18") and "fork" not in n])
def test_opencode_totals_are_those_of_its_own_database(name: str, root: Path) -> None:
    reverted_or_copied = {"ses_e049f577bffeTiAME6WSAAOyZg"}
    expected = json.loads((CAPTURES / "opencode" / "1.18.33" / "totals.json").read_text("utf-8"))
    append(root, opencode_records(name))
    compared = 0
    for session in rows(project(root))["sessions"]:
        if session["id"] in expected and session["id"] not in reverted_or_copied:
            want = expected[session["id"]]
            assert {k: session[k] for k in want} == {**want, "cost": pytest.approx(want["cost"])}
            compared += 1
    assert compared


def test_opencode_copies_of_a_fork_are_kept_and_not_counted(root: Path) -> None:
    append(root, opencode_records("1.18.33/24-fork"))
    found = rows(project(root))
    (session,) = found["sessions"]
    copied = [m for m in found["messages"] if m["copied"]]
    assert len(copied) == 11
    assert (session["prompt_tokens"], session["message_count"], session["tool_call_count"]) == (400, 2, 0)
    assert found["tools"] == []
    assert found["file_edits"] == []


@pytest.mark.parametrize("version", ["1.18.33", "1.1.65"])
def test_opencode_failures_of_tools(version: str, root: Path) -> None:
    append(root, opencode_records(f"{version}/05-fail"))
    tools = {(t["tool_name"], t["exit_code"]): t for t in rows(project(root))["tools"]}
    assert len(tools) == 5
    assert tools["bash", 3]["success"] == 0
    assert tools["nosuchtool", None]["success"] == 0
    assert "unavailable tool" in tools["nosuchtool", None]["error_message"]
    assert {t["success"] for t in tools.values()} == {0}


def test_opencode_timeout_is_an_interruption(root: Path) -> None:
    append(root, opencode_records("1.18.33/08-timeoutbash"))
    (tool,) = rows(project(root))["tools"]
    assert (tool["status"], tool["success"], tool["exit_code"]) == ("interrupted", 0, None)


def test_opencode_todos_are_the_last_list(root: Path) -> None:
    append(root, opencode_records("1.18.33/10-todo"))
    todos = rows(project(root))["todos"]
    assert [(t["content"], t["status"], t["priority"]) for t in todos] == [
        ("first", "completed", "high"),
        ("second", "in_progress", "low"),
    ]


@pytest.mark.parametrize("version", ["1.18.33", "1.1.65"])
def test_opencode_subagent_has_its_parent(version: str, root: Path) -> None:
    append(root, opencode_records(f"{version}/11-task"))
    sessions = rows(project(root))["sessions"]
    (child,) = [s for s in sessions if s["parent_id"]]
    (parent,) = [s for s in sessions if not s["parent_id"]]
    assert child["parent_id"] == parent["id"]
    assert child["agent"] == "general"


@pytest.mark.parametrize("version", ["1.18.33", "1.1.65"])
def test_opencode_failure_reported_twice_is_one_row(version: str, root: Path) -> None:
    append(root, opencode_records(f"{version}/12-err401"))
    found = rows(project(root))
    (error,) = found["session_errors"]
    assert (error["error_type"], error["status_code"], error["will_retry"]) == ("APIError", 401, 0)
    assert error["message_id"]
    assert found["sessions"][0]["error_count"] == 1


def test_opencode_retry_is_a_row_that_will_be_retried(root: Path) -> None:
    append(root, opencode_records("1.18.33/14-err500once"))
    found = rows(project(root))
    (error,) = found["session_errors"]
    assert (error["error_message"], error["will_retry"]) == ("mock internal error", 1)
    assert found["sessions"][0]["error_count"] == 0


def test_opencode_killed_in_mid_stream_keeps_the_streamed_text(root: Path) -> None:
    append(root, opencode_records("1.18.33/52-sigkill"))
    answer = next(m for m in rows(project(root))["messages"] if m["role"] == "assistant")
    assert answer["text_content"] == "word " * 11
    assert answer["completed_at"] is None


def test_opencode_session_of_many_turns(root: Path) -> None:
    append(root, opencode_records("1.18.33/40-api"))
    found = rows(project(root))
    sessions = by_id(found["sessions"])
    assert {k for k, s in sessions.items() if s["deleted_at"]} == {
        "ses_e049f1a00ffeRs8neOf5iBUcdo",
        "ses_e049f1a9dffel8I6hd2uJ0FgWi",
        "ses_e049f3aabffe4XjCVZ79Fx9KVl",
    }
    reverted = sessions["ses_e049f577bffeTiAME6WSAAOyZg"]
    assert reverted["title"] == "Renamed title"
    assert reverted["prompt_tokens"] == 5600  # what was reverted was spent: the client itself says 5200 afterwards
    assert sum(1 for m in found["messages"] if m["deleted_at"]) == 3
    assert sorted(c["trigger"] for c in found["compaction_events"]) == ["auto", "manual"]
    aborted = [e for e in found["session_errors"] if e["error_type"] == "MessageAbortedError"]
    assert len(aborted) == 2
    assert {e["error_type"] for e in found["session_errors"] if not e["message_id"]} == {
        "ContextOverflowError",
        "UnknownError",
    }


def test_a_server_that_gives_all_responses_the_same_id_loses_none(root: Path, tmp_path: Path) -> None:
    """As proxies and local servers do: such an id is only good within its request."""
    from clankers.log import envelope
    from clankers.log.writer import Log

    lines = []
    for request, tokens in (("r1", 10), ("r2", 20)):
        for block in (0, 1):
            message = {
                "id": "msg_1",
                "model": "local",
                "content": [{"type": "text", "text": f"{request} {block}"}],
                "usage": {"input_tokens": tokens, "output_tokens": tokens},
            }
            line = {
                "type": "assistant",
                "uuid": f"{request}-{block}",
                "timestamp": f"2026-11-20T23:45:{tokens + block}.000Z",
                "sessionId": "s1",
                "apiBlockIndex": block,
                "requestRef": request,
                "message": message,
            }
            lines.append(envelope.line("claude-code", "transcript.assistant", json.dumps(line).encode()))
    with Log(str(root)) as log:
        log.write("2026-11-20", lines)
    found = rows(project(root))
    assert sorted(m["text_content"] for m in found["messages"]) == ["r1 0\nr1 1", "r2 0\nr2 1"]
    assert found["sessions"][0]["prompt_tokens"] == 30


def test_a_fork_makes_no_tool_of_a_copied_result_whatever_the_ids(root: Path, tmp_path: Path) -> None:
    from clankers.log import envelope
    from clankers.log.writer import Log

    def line(session: str, uuid: str, second: int, kind: str, content: Any, **more: Any) -> bytes:
        shared = {"sessionId": session, "uuid": uuid, "timestamp": f"2026-11-20T23:45:{second}.000Z", **more}
        message = {"content": content, **({"id": f"m-{uuid}", "model": "local"} if kind == "assistant" else {})}
        return envelope.line("claude-code", f"transcript.{kind}", json.dumps({**shared, "message": message}).encode())

    def conversation(session: str, **mark: Any) -> list[bytes]:
        call = [{"type": "tool_use", "id": "call_1", "name": "Bash", "input": {"command": "true"}}]
        result = [{"type": "tool_result", "tool_use_id": "call_1", "content": "ok"}]
        return [
            line(session, "u1", 10, "user", "go"),
            line(session, "u2", 11, "assistant", call, **mark),
            line(session, "u3", 12, "user", result),
            line(session, "u4", 13, "assistant", [{"type": "text", "text": "done"}], **mark),
        ]

    own = [line("B", "u5", 20, "user", "and now"), line("B", "u6", 21, "assistant", [{"type": "text", "text": "yes"}])]
    with Log(str(root)) as log:
        log.write("2026-11-20", [*conversation("B", requestSessionId="A"), *own, *conversation("A")])
    found = rows(project(root))
    assert [(t["session_id"], t["success"]) for t in found["tools"]] == [("A", 1)]
    assert {s["id"]: s["tool_call_count"] for s in found["sessions"]} == {"A": 1, "B": 0}
    assert {s["id"]: s["message_count"] for s in found["sessions"]} == {"A": 3, "B": 2}


@pytest.mark.parametrize("version", ["1.2.27", "1.0.185"])
def test_older_opencode_envelopes_make_the_same_kinds_of_rows(version: str, root: Path) -> None:
    """Five runs: five tools, five failing tools, a subagent, reasoning, a refused key."""
    append(root, opencode_records(f"{version}/60-turns"))
    found = rows(project(root))
    assert (len(found["sessions"]), len(found["messages"]), len(found["tools"])) == (6, 24, 12)
    (child,) = [s for s in found["sessions"] if s["parent_id"]]
    assert child["agent"] == "general"
    assert sum(t["success"] for t in found["tools"]) == 7
    assert "nosuchtool" in {t["tool_name"] for t in found["tools"]}
    assert [(e["error_type"], e["status_code"]) for e in found["session_errors"]] == [("APIError", 401)]
    # As the client's own database (1.2.27) adds them up: up to 1.2 `output` includes the reasoning.
    spent = sorted((s["prompt_tokens"], s["completion_tokens"], s["reasoning_tokens"]) for s in found["sessions"])
    assert spent == [(0, 0, 0), (400, 45, 10), (800, 90, 20), (800, 90, 20), (2400, 270, 60), (2400, 270, 60)]
    assert all(s["model"] == "mock-1" and s["client_version"] == version for s in found["sessions"])
    answers = [m["text_content"] for m in found["messages"] if m["role"] == "assistant"]
    assert "All tools done." in answers
