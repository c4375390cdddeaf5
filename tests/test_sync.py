"""`clankers sync` to a real server process, and to scripted ones: what it sends, what it notes, what it never does."""

import json
import os
import re
import signal
import subprocess
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import apsw
import jsonschema
import pytest

from clankers.errors import EX_BUSY, EX_CONFIG, EX_FAIL, EX_USAGE
from clankers.sync.acknowledged import FILE
from projector.adapters.session_sync import wire
from tests.commands import NOW, POSIX_ONLY, call, command, environment, event, run, session, work
from tests.feeding import append, project
from tests.golden import SCHEMAS
from tests.patience import DEADLINE, wait_for
from tests.scripted import plain, serving, taken
from tests.serving import KEY, Server
from tests.syncing import assert_the_same, everything, record_a_day, settings, sync

SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


def parsed(bodies: Iterable[str | bytes]) -> list[dict[str, Any]]:
    return [json.loads(body) for body in bodies]


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """A machine with three short sessions."""
    root = tmp_path / "local"
    append(root, work(0, 3))
    return root


def test_a_day_of_both_harnesses_is_row_by_row_the_same_at_the_server(tmp_path: Path) -> None:
    local = tmp_path / "local"
    record_a_day(local)
    with Server(tmp_path) as server:
        url = f"http://127.0.0.1:{server.port}"
        first = sync(local, url)
        assert first.code == 0, first.err
        assert_the_same(local, server.data)
        lines = len(server.logged())
        again = sync(local, url)
        assert (again.code, again.out) == (0, "Nothing new to send\n")
        assert run(local, "project", "--rebuild").code == 0
        assert sync(local, url).out == "Nothing new to send\n", "a rebuild is no news"
        assert len(server.logged()) == lines


def test_every_array_and_column_of_the_format_is_filled_from_both_harnesses(tmp_path: Path) -> None:
    local = tmp_path / "local"
    record_a_day(local)
    told = parsed(run(local, "sync", "--dry-run").out.splitlines())
    found: dict[str, set[str]] = {"claude-code": set(), "opencode": set()}
    for body in told:
        fields = found[body["session"]["metadata"]["clankers"]["source"]]
        fields |= {f"session.{name}" for name in body["session"]}
        for name, value in body.items():
            for one in value if isinstance(value, list) else [value]:
                fields |= {f"{name}.{column}" for column, value in one.items() if value not in (None, "")}
    structs = {
        "session": wire.SyncSession,
        "messages": wire.SyncMessage,
        "parts": wire.SyncPart,
        "todos": wire.SyncTodo,
        "tool_executions": wire.ToolExecution,
        "file_edits": wire.FileEdit,
        "vcs_info": wire.VcsInfo,
        "project_info": wire.SyncProject,
        "errors": wire.SyncError,
    }
    all_of_them = {f"{name}.{column}" for name, struct in structs.items() for column in struct.__struct_fields__}
    # What a client tells to nobody. Claude Code has no steps, no reasoning apart, no priorities, and does not say what
    # keeps a project's versions. OpenCode names no branch with a session; its subagents are called without a command.
    assert all_of_them - found["claude-code"] == {
        *("parts.step_cost", "parts.step_tokens_input", "parts.step_tokens_output", "parts.subtask_command"),
        *("messages.tokens_reasoning", "project_info.vcs", "todos.priority"),
    }
    assert all_of_them - found["opencode"] == {
        *("parts.subtask_command", "vcs_info.branch", "vcs_info.updated_at", "project_info.vcs"),
    }


def test_each_body_is_what_the_published_schema_says(tmp_path: Path) -> None:
    local = tmp_path / "local"
    record_a_day(local)
    check = jsonschema.Draft202012Validator(json.loads((SCHEMAS / "sync.json").read_text()))
    told = parsed(run(local, "sync", "--dry-run").out.splitlines())
    assert len(told) > 20
    for body in told:
        check.validate(body)


def test_only_what_is_new_is_sent_and_in_its_order(local: Path) -> None:
    with serving() as server:
        assert sync(local, server.url).code == 0
        known = len(server.requests)
        append(local, work(1, 1)[:1])  # which says nothing new
        assert sync(local, server.url).out == "Nothing new to send\n"
        at = {"created": NOW + 9000, "completed": NOW + 9500}
        answer = {"id": "msg_000001b", "sessionID": "ses_000001", "role": "assistant", "time": at, "cost": 0.25}
        append(local, [event("message.updated", info=answer)])
        assert sync(local, server.url).code == 0
        (body,) = parsed(server.bodies()[known:])
        assert [one["id"] for one in body["messages"]] == ["msg_000001b"]
        assert body["session"]["id"] == "ses_000001"
        assert body["session"]["metadata"]["clankers"]["cost"] == 0.25
        assert {"parts", "tool_executions", "errors"}.isdisjoint(body)


def test_requests_have_as_many_messages_as_the_batch_size_says(tmp_path: Path) -> None:
    local = tmp_path / "local"
    more = [
        event(
            "message.updated",
            info={"id": f"m{i:03}", "sessionID": "ses_0", "role": "user", "time": {"created": NOW + i}},
        )
        for i in range(25)
    ]
    append(local, [session("ses_0"), *more])
    with serving() as server:
        assert sync(local, server.url).code == 0
        sent = [[one["id"] for one in body["messages"]] for body in parsed(server.bodies())]
        assert [len(ids) for ids in sent] == [10, 10, 5]
        assert [id for ids in sent for id in ids] == [f"m{i:03}" for i in range(25)]
    with serving() as server:
        assert sync(local, server.url, SESSION_SYNC_BATCH_SIZE="100").code == 0
        assert len(server.requests) == 1


def test_what_only_a_hook_saw_is_gone_once_the_record_says_it(tmp_path: Path) -> None:
    local = tmp_path / "local"
    said = {"sessionID": "ses_0", "error": {"name": "APIError", "data": {"message": "no"}}}
    append(local, [session("ses_0"), event("session.error", **said)])
    with Server(tmp_path) as server:
        url = f"http://127.0.0.1:{server.port}"
        assert sync(local, url).code == 0
        assert_the_same_errors(local, server.data, {"hook:error:ses_0:APIError"})
        at = {"created": NOW + 1, "completed": NOW + 2}
        failed = {"id": "msg_1", "sessionID": "ses_0", "role": "assistant", "time": at, "error": said["error"]}
        append(local, [event("message.updated", info=failed)])
        assert sync(local, url).code == 0
        assert_the_same_errors(local, server.data, {"msg_1"})


def assert_the_same_errors(local: Path, served: Path, begun: set[str]) -> None:
    here, there = (everything(root)["session_errors"] for root in (local, served))
    assert here == there
    assert {next(b for b in begun if str(one["id"]).startswith(b)) for one in here} == begun
    assert len(here) == len(begun)


def test_nothing_is_sent_unless_it_is_configured(local: Path) -> None:
    done = run(local, "sync")
    assert done.code == EX_CONFIG
    assert "SESSION_API_URL is not set" in done.err
    with serving() as server:
        off = sync(local, server.url, SESSION_SYNC_ENABLED="false")
        assert (off.code, off.out) == (0, "")
        assert "SESSION_SYNC_ENABLED" in off.err
        for args in (["sessions"], ["project"], ["stats"], ["sync", "--dry-run"]):
            assert run(local, *args, **settings(server.url)).code == 0
        assert server.connections == 0
    assert not (local / FILE).exists()


def test_a_dry_run_prints_what_is_then_sent_and_moves_nothing(local: Path) -> None:
    with serving() as server:
        shown = sync(local, server.url, "--dry-run")
        assert shown.code == 0
        assert sync(local, server.url).code == 0
        assert shown.out.encode().splitlines() == server.bodies()
        assert sync(local, server.url, "--dry-run").out == ""


def test_credentials_are_masked_unless_that_is_switched_off(tmp_path: Path) -> None:
    local = tmp_path / "local"
    at = {"created": NOW}
    append(
        local,
        [
            session("ses_0", title=f"use {SECRET}"),
            event("message.updated", info={"id": "m0", "sessionID": "ses_0", "role": "user", "time": at}),
            event(
                "message.part.updated",
                part={"id": "p0", "messageID": "m0", "sessionID": "ses_0", "type": "text", "text": f"use {SECRET}"},
            ),
        ],
    )
    with serving() as server:
        assert sync(local, server.url, SESSION_SYNC_SCRUB="true").code == 0
        assert SECRET.encode() not in b"".join(server.bodies())
        assert b"".join(server.bodies()).count(b"[secret:github") == 2
        assert sync(local, server.url, "reset").code == 0
        assert sync(local, server.url).code == 0
        assert b"".join(server.bodies()).count(SECRET.encode()) == 2


def test_one_session_and_those_since_a_time_can_be_sent_alone(local: Path) -> None:
    child = session("ses_child", parentID="ses_000001", created=NOW + 1)
    append(local, [child, session("ses_new", created=1_790_000_000_000)])
    with serving() as server:
        done = sync(local, server.url, "--session", "ses_000001")
        assert done.code == 0
        assert "other sessions are pending" in done.out
        assert sent_sessions(server.bodies()) == {"ses_000001", "ses_child"}
        assert sync(local, server.url, "--since", "2026-01-01").code == 0
        assert sent_sessions(server.bodies()) == {"ses_000001", "ses_child", "ses_new"}
        assert sync(local, server.url).code == 0
        each = Counter(body["session"]["id"] for body in parsed(server.bodies()))
        assert each == dict.fromkeys(("ses_000000", "ses_000001", "ses_000002", "ses_child", "ses_new"), 1)
        assert sync(local, server.url, "--session", "nobody").code == EX_USAGE


def sent_sessions(sent: list[bytes]) -> set[str]:
    return {body["session"]["id"] for body in parsed(sent)}


def test_a_row_that_is_refused_for_good_keeps_no_other_from_being_sent(tmp_path: Path) -> None:
    local = tmp_path / "local"
    more = [
        event(
            "message.updated", info={"id": f"m{i}", "sessionID": "ses_0", "role": "user", "time": {"created": NOW + i}}
        )
        for i in range(8)
    ]
    append(local, [session("ses_0"), *more])

    def picky(connection: Any, request: Any) -> None:
        bad = b'"id":"m3"' in request.body
        (plain(422, b'{"error":"m3 is odd"}') if bad else taken)(connection, request)

    with serving(*[picky] * 50) as server:
        done = sync(local, server.url)
        assert done.code == EX_FAIL, done.err
        assert "1 row" in done.err
        assert known_messages(local) == {f"m{i}" for i in range(8)}
        shown = status(local, server.url)
        assert shown["set_aside"] == [
            {"status": 422, "kind": "messages", "rows": 1, "reason": shown["set_aside"][0]["reason"]}
        ]
        assert "m3 is odd" in shown["set_aside"][0]["reason"]
        assert shown["position"]["lines"] == 9
        assert "status 422" in sync(local, server.url, "status").out
        known = len(server.requests)
        assert sync(local, server.url).out == "Nothing new to send\n"
        assert len(server.requests) == known
        assert sync(local, server.url, "reset").code == 0
        assert sync(local, server.url).code == EX_FAIL
        assert any(b'"id":"m3"' in body for body in server.bodies()[known:])


def status(local: Path, url: str) -> dict[str, Any]:
    shown: dict[str, Any] = json.loads(sync(local, url, "status", "--json").out)
    jsonschema.Draft202012Validator(json.loads((SCHEMAS / "sync-status.json").read_text())).validate(shown)
    return shown


def known_messages(local: Path) -> set[str]:
    db = apsw.Connection(str(local / FILE), flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return {str(id) for (id,) in db.execute("SELECT id FROM told WHERE kind = 'messages'")}
    finally:
        db.close()


@pytest.mark.parametrize("wrong", [500, 503, 401, 404])
def test_the_position_moves_only_when_the_server_has_acknowledged(local: Path, wrong: int) -> None:
    with serving(taken, *[plain(wrong, b"{}")] * 8) as server:
        done = sync(local, server.url)
        assert done.code == (EX_BUSY if wrong >= 500 else EX_CONFIG)
        assert str(wrong) in done.err
        assert KEY not in done.err
        shown = status(local, server.url)
        assert shown["position"] is None
        assert shown["pending"]["sessions"] == 2
        assert str(wrong) in shown["last_error"]["message"]
        assert known_messages(local) == {"msg_000000"}
    with serving() as server:
        assert sync(local, server.url).code == 0, "another server knows nothing yet"
        assert len(server.requests) == 3
        shown = status(local, server.url)
        assert shown["pending"] == {"sessions": 0, "messages": 0, "parts": 0, "tools": 0, "events": 0}
        assert shown["health"]["ok"]
        assert shown["position"]["lines"] == 9


def test_the_status_of_nothing(tmp_path: Path) -> None:
    shown = run(tmp_path / "none", "sync", "status")
    assert shown.code == 0
    assert "none: `clankers config set SESSION_API_URL" in shown.out
    assert status(tmp_path / "none", "")["url"] is None


def test_what_happens_is_told_where_that_is_asked_for(local: Path) -> None:
    with serving(plain(503, b"{}")) as server:
        done = sync(local, server.url, SESSION_SYNC_DEBUG="true")
        assert done.code == 0
        said = done.err.splitlines()
        assert re.fullmatch(r"\[Session Sync\] Retry 1/3 in \d+ms: API error 503.*", said[0])
        assert said[1] == "[Session Sync] Synced session ses_000000: { messages: 1, parts: 1 }"
        assert len(said) == 4
    with serving() as server:
        assert sync(local, server.url).err == ""


def test_two_at_once_do_not_send_twice(local: Path) -> None:
    from clankers.system.locks import NamedLock

    with serving() as server, NamedLock(str(local / "sync.lock"), "sync", "x"):
        done = sync(local, server.url)
        assert done.code == EX_BUSY
        assert "another sync is running" in done.err
        assert not server.requests


@POSIX_ONLY
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_watcher_sends_what_comes_and_ends_well(local: Path, name: str) -> None:
    with serving(plain(503)) as server:
        env = environment(local, **settings(server.url), SESSION_SYNC_HEALTH_CHECK_INTERVAL_MS="0")
        with subprocess.Popen(
            command("sync", "--watch"), env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8"
        ) as process:
            try:
                wait_for(lambda: len(sent_sessions(server.bodies())) == 3, "what was there is sent")
                append(local, work(3, 1))
                wait_for(lambda: "ses_000003" in sent_sessions(server.bodies()), "what comes is sent")
                process.send_signal(getattr(signal, name))
                out, err = process.communicate(timeout=DEADLINE)
            finally:
                process.kill()
        assert (process.returncode, out) == (0, ""), err
    project(local).close()
    with serving() as other:
        assert sync(local, other.url).code == 0


@POSIX_ONLY
def test_a_signal_lets_the_request_under_way_be_acknowledged(local: Path) -> None:
    def slow(connection: Any, request: Any) -> None:
        process.send_signal(signal.SIGTERM)
        taken(connection, request)

    with serving(slow) as server:
        with subprocess.Popen(
            command("sync"),
            env=environment(local, **settings(server.url)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as process:
            _, err = process.communicate(timeout=DEADLINE)
        assert process.returncode == EX_BUSY
        assert b"sent the next time" in err
        assert len(server.requests) == 1
        assert known_messages(local) == {"msg_000000"}


def test_a_watcher_tells_once_that_the_server_is_away(local: Path) -> None:
    with serving(*[plain(401, b"{}")] * 3) as server:
        env = environment(local, **settings(server.url), SESSION_SYNC_HEALTH_CHECK_INTERVAL_MS="0")
        with subprocess.Popen(
            command("sync", "--watch"), env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, encoding="utf-8"
        ) as process:
            try:
                assert process.stderr
                said = process.stderr.readline()
                assert re.search("401", said)
                wait_for(lambda: len(server.requests) >= 2, "it tries again")
            finally:
                process.terminate()
                _, err = process.communicate(timeout=DEADLINE)
        assert "401" not in err
        assert os.path.exists(local / FILE)


def test_the_file_with_what_is_known_is_for_its_owner_alone(local: Path) -> None:
    with serving() as server:
        assert sync(local, server.url).code == 0
    assert oct((local / FILE).stat().st_mode & 0o777) == "0o600"
    assert call(local, "doctor").code in (0, 1)
