"""What is read of Gemini CLI's files, whatever their state, and rows that no capture has."""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from clankers import harnesses
from clankers.harnesses.gemini.chat_files import chats_of
from clankers.ingest.backfill import Imported, backfill
from clankers.ingest.source import SourceError
from clankers.log.writer import Log
from tests.feeding import append, project, rows

ID = "11111111-2222-4333-8444-555555555555"
TWIN = "11111111-9999-4999-8999-999999999999"
AT = "2026-11-27T19:11:{:02}.000Z"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GEMINI_CLI_HOME", str(tmp_path))
    return tmp_path / ".gemini"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def chat(home: Path, session: str = ID, slug: str = "src", minute: str = "11", suffix: str = ".jsonl") -> Path:
    path = home / "tmp" / slug / "chats" / f"session-2026-11-27T19-{minute}-{session[:8]}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def header(session: str = ID) -> dict[str, Any]:
    return {"sessionId": session, "projectHash": "0", "startTime": AT.format(0), "lastUpdated": AT.format(0)}


def said(n: int, text: str, kind: str = "user", **more: Any) -> dict[str, Any]:
    id = f"{n:08}-0000-4000-8000-000000000000"
    return {"id": id, "timestamp": AT.format(n), "type": kind, "content": [{"text": text}], **more}


def answer(n: int, text: str) -> dict[str, Any]:
    tokens = {"input": 100, "output": 10, "cached": 40, "thoughts": 5, "tool": 2, "total": 117}
    return said(n, text, "gemini", tokens=tokens, model="gemini-2.5-pro")


def write(path: Path, *lines: Any) -> None:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")


def document(path: Path, *messages: Any) -> None:
    last = messages[-1]["timestamp"]
    path.write_text(json.dumps({**header(), "lastUpdated": last, "messages": messages}, indent=2), "utf-8")


def imported(root: Path) -> Imported:
    with Log(str(root)) as log:
        return backfill(log, harnesses.load("gemini", str(root)).sources(), None)


def hook(root: Path, event: str, path: Path, n: int = 1, **more: Any) -> None:
    payload = {"session_id": ID, "transcript_path": str(path), "hook_event_name": event, "timestamp": AT.format(n)}
    append(root, [("gemini", event, json.dumps(payload | more).encode())], follow=True)


def texts(root: Path, condition: str = "1") -> list[str]:
    select = f"SELECT text_content FROM messages WHERE {condition} ORDER BY created_at, id"
    return [text for (text,) in project(root).execute(select)]


def test_sessions_whose_ids_begin_alike_keep_their_files_apart(home: Path, root: Path) -> None:
    write(chat(home), header(), said(1, "one"))
    write(chat(home, TWIN, minute="12"), header(TWIN), said(2, "two"))
    assert imported(root).sessions == 2
    found = {m["session_id"]: m["text_content"] for m in rows(project(root))["messages"]}
    assert found == {ID: "one", TWIN: "two"}


def test_a_line_is_read_once_it_is_complete_and_damage_costs_no_neighbour(home: Path, root: Path) -> None:
    path = chat(home)
    torn = json.dumps(said(1, "torn"))[:40]
    path.write_text(f"{json.dumps(header())}\n{torn}{json.dumps(said(2, 'whole'))}\n{json.dumps(said(3, 'later'))}")
    hook(root, "AfterAgent", path)
    assert texts(root) == ["whole"]
    with path.open("a") as file:
        file.write("\n")
    hook(root, "SessionEnd", path)
    assert texts(root) == ["whole", "later"]
    assert project(root).execute("SELECT count(*) FROM rejects").get == 1


def test_a_file_that_is_rewritten_is_read_again_without_doubling(home: Path, root: Path) -> None:
    path = chat(home)
    write(path, header(), said(1, "one"), answer(2, "two"))
    hook(root, "AfterAgent", path)
    write(path, header(), answer(2, "two"))
    hook(root, "AfterAgent", path)
    assert texts(root) == ["one", "two"]
    (session,) = rows(project(root))["sessions"]
    assert [session[f"{kind}_tokens"] for kind in ("prompt", "completion", "reasoning", "cache_read")] == [
        62,
        10,
        5,
        40,
    ]


@pytest.mark.parametrize(
    "place",
    [
        "tmp/src/chats/session-2026-11-27T19-11-99999999.jsonl",
        "tmp/src/session-2026-11-27T19-11-11111111.jsonl",
        "tmp/../chats/session-2026-11-27T19-11-11111111.jsonl",
        "oauth_creds.json",
        "\0",
    ],
)
def test_a_hook_names_only_chat_files_of_its_session(place: str) -> None:
    with pytest.raises(SourceError):
        chats_of(ID, f"/home/dev/.gemini/{place}")


def test_links_are_not_followed(home: Path, root: Path, tmp_path: Path) -> None:
    write(tmp_path / "secret.jsonl", header(), said(1, "secret"))
    chat(home).symlink_to(tmp_path / "secret.jsonl")
    assert imported(root).records == 0
    assert texts(root) == []


def test_a_document_makes_a_record_of_each_message_that_is_new_or_has_changed(home: Path, root: Path) -> None:
    path = chat(home, suffix=".json")
    open_call = {"id": "c", "name": "read_file", "args": {"file_path": "a"}, "status": "executing"}
    document(path, said(1, "one"), answer(2, "two") | {"toolCalls": [open_call]})
    hook(root, "AfterAgent", path)
    done = open_call | {"status": "success", "timestamp": AT.format(3), "result": "text"}
    document(path, said(1, "one"), answer(2, "two") | {"toolCalls": [done]}, answer(4, "three"))
    hook(root, "AfterAgent", path)
    lines = [json.loads(line) for line in next(root.glob("clankers-*.jsonl")).read_text("utf-8").splitlines()]
    ids = [line["id"].partition("/")[2].partition("#")[0] for line in lines if line["type"] == "document.message"]
    stem = path.stem
    assert ids == [
        f"{stem}[0]{said(1, '')['id']}",
        *[f"{stem}[1]{said(2, '')['id']}"] * 2,
        f"{stem}[2]{said(4, '')['id']}",
    ]
    assert all("messages" in line["payload"]["head"] for line in lines if line["type"] == "document.head")
    assert [(t["status"], t["tool_output"]) for t in rows(project(root))["tools"]] == [("completed", "text")]


def test_what_a_document_lost_is_marked_and_what_it_was_cut_to_is_not(home: Path, root: Path) -> None:
    path = chat(home, suffix=".json")
    document(path, said(1, "one"), answer(2, "two"), said(3, "three"))
    hook(root, "AfterAgent", path)
    document(path, said(1, "one"), answer(2, "two"), said(5, "five"))
    hook(root, "SessionEnd", path)
    assert texts(root, "deleted_at IS NOT NULL") == ["three"]
    assert texts(root, "deleted_at IS NULL") == ["one", "two", "five"]


def test_a_document_that_is_being_written_waits_and_a_broken_one_is_a_problem(home: Path, root: Path) -> None:
    path = chat(home, suffix=".json")
    document(path, said(1, "one"))
    whole = path.read_text("utf-8")
    path.write_text(whole[:-20], "utf-8")
    assert imported(root).problems == []
    os.utime(path, (time.time() - 60,) * 2)
    (problem,) = imported(root).problems
    assert str(path) in problem
    path.write_text(whole, "utf-8")
    assert imported(root).problems == []
    assert texts(root) == ["one"]


def test_a_session_in_two_formats_and_two_folders_counts_once(home: Path, root: Path) -> None:
    document(chat(home, suffix=".json"), said(1, "one"), answer(2, "two"))
    write(chat(home), header(), said(1, "one"), answer(2, "two"), said(3, "three"))
    shutil.copytree(home / "tmp" / "src", home / "tmp" / ("0" * 64))
    imported(root)
    assert imported(root).records == 0
    assert texts(root) == ["one", "two", "three"]
    assert project(root).execute("SELECT prompt_tokens FROM sessions").get == 62


def test_a_cut_output_is_filled_in_and_the_slug_names_the_project(home: Path, root: Path) -> None:
    path = chat(home)
    place = f"tool-outputs/session-{ID}/shell_1.txt"
    output = home / "tmp" / "src" / place
    output.parent.mkdir(parents=True)
    output.write_text("complete output")
    (home / "projects.json").write_text(json.dumps({"projects": {"/home/dev/src": "src"}}))
    cut = {"functionResponse": {"id": "c", "response": {"output": f"cut, see: {place}"}}}
    call = {"id": "c", "name": "run_shell_command", "args": {}, "status": "success", "result": [cut]}
    output.write_text("complete output " * 9)
    write(path, header(), answer(1, "") | {"toolCalls": [call]})
    imported(root)
    found = rows(project(root))
    assert [t["tool_output"] for t in found["tools"]] == ["complete output " * 9]
    assert [s["project_path"] for s in found["sessions"]] == ["/home/dev/src"]


def test_a_prompt_with_files_is_the_one_that_its_hook_reports(home: Path, root: Path) -> None:
    path = chat(home)
    parts = ["look at @a", "\n--- Content from referenced files ---", "\nContent from @a:\n", "alpha"]
    write(path, header())
    hook(root, "BeforeAgent", path, prompt="".join(parts))
    write(path, header(), said(1, "") | {"content": [{"text": part} for part in parts]})
    hook(root, "AfterAgent", path, 3)
    db = project(root)
    assert db.execute("SELECT synthetic FROM messages WHERE role = 'user'").fetchall() == [(0,)]
    assert db.execute("SELECT title FROM sessions").get == "look at @a"


def test_calls_that_only_hooks_saw_are_rows_each_once(home: Path, root: Path) -> None:
    """Of two equal calls one is recorded; in another the client was killed. A hook installed twice runs twice."""
    path = chat(home)
    given = {"tool_name": "run_shell_command", "tool_input": {"command": "ls", "description": "d"}}
    other = {"tool_name": "run_shell_command", "tool_input": {"command": "sleep 9"}}
    write(path, header())
    hook(root, "BeforeTool", path, 1, **given)
    hook(root, "BeforeTool", path, 1, **given)
    hook(root, "AfterTool", path, 3, **given, tool_response={"llmContent": "out"})
    hook(root, "BeforeTool", path, 4, **given)
    hook(root, "BeforeTool", path, 5, **other)
    result = [{"functionResponse": {"id": "c", "response": {"output": "out"}}}]
    args = {"description": "d", "command": "ls"}
    call = {"id": "c", "name": "run_shell_command", "args": args, "status": "success", "result": result}
    write(path, header(), answer(1, "") | {"toolCalls": [call]})
    hook(root, "SessionEnd", path, 6)
    found = [(t["call_id"], t["status"], t["duration_ms"], t["tool_input"]) for t in rows(project(root))["tools"]]
    assert sorted(found, key=repr) == [
        ("c", "completed", 2000, json.dumps(args)),
        (None, "running", None, json.dumps(given["tool_input"])),
        (None, "running", None, json.dumps(other["tool_input"])),
    ]


def test_a_bad_value_costs_only_itself(home: Path, root: Path) -> None:
    """Also half of a character, which the client writes where it cuts a text, and a message without a usable id."""
    wrong = answer(2, "two") | {"id": 7}
    write(chat(home), header(), answer(1, "cut \ud83d"), wrong)
    document(chat(home, TWIN, minute="12", suffix=".json"), answer(3, "cut \ud83d"), answer(4, "four"))
    imported(root)
    assert texts(root) == ["cut \ufffd", "two", "cut \ufffd", "four"]
    db = project(root)
    assert db.execute("SELECT sum(completion_tokens) FROM sessions").get == 40
    assert db.execute("SELECT field FROM ignored_values").fetchall() == [("$.id",)]
