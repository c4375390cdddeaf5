"""Long outputs of tools, which Claude Code keeps in files beside the transcript: each call gets its complete output."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from clankers.ingest import saved_text
from tests.commands import call
from tests.feeding import append, project, rows

SESSION = "2ceea2a9-0af4-41a0-822c-2c887249922c"
CALL = "toolu_01AbCdEfGhIjKlMnOpQrSt"
OTHER = "toolu_01BbCdEfGhIjKlMnOpQrSt"
LONG = "line of output ü\n" * 3000


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def transcript(root: Path) -> Path:
    path = root.parent / ".claude" / "projects" / "-src-shop" / f"{SESSION}.jsonl"
    (path.parent / SESSION / "tool-results").mkdir(parents=True)
    path.touch()
    return path


def saved(transcript: Path, name: str, content: str | bytes = LONG) -> Path:
    path = transcript.with_suffix("") / "tool-results" / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def cut(path: Path | str) -> str:
    return f"<persisted-output>\nOutput too large (51.3KB). Full output saved to: {path}\n\nPreview (first 2KB):\nline"


def called(transcript: Path, id: str, result: str, **response: Any) -> None:
    """Add a call and its result to the transcript."""
    common = {"sessionId": SESSION, "timestamp": "2026-11-20T10:00:01.000Z", "cwd": "/src/shop"}
    use = {"type": "tool_use", "id": id, "name": "Bash", "input": {"command": "make"}}
    block = {"type": "tool_result", "tool_use_id": id, "content": result}
    lines = (
        {"type": "assistant", "uuid": f"a-{id}", "message": {"id": f"msg_01{id[8:]}", "content": [use]}} | common,
        {"type": "user", "uuid": f"u-{id}", "message": {"content": [block]}, "toolUseResult": response} | common,
    )
    with transcript.open("a") as file:
        file.writelines(json.dumps(line) + "\n" for line in lines)


def outputs(root: Path) -> dict[str, Any]:
    return dict(project(root).execute("SELECT id, tool_output FROM tools"))


def records(root: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for log in root.glob("*.jsonl") for line in log.read_bytes().splitlines()]
    return [line for line in lines if line["type"] == "transcript.tool-result"]


def test_the_result_names_the_file_in_its_text_or_beside_it(root: Path, transcript: Path) -> None:
    called(transcript, CALL, cut(saved(transcript, "b1x2y3.txt", "1" + LONG)))
    called(transcript, OTHER, "line", persistedOutputPath=str(saved(transcript, "b4.txt", "2" + LONG)))
    said = (
        "Error: result (90,000 characters) exceeds maximum allowed tokens. Output has been saved to {}.\nFormat: text"
    )
    called(transcript, "t1", said.format(saved(transcript, "mcp-shop-list-17.txt", "3" + LONG)))
    assert "9 new records" in call(root, "backfill").out
    assert "0 new records" in call(root, "backfill", "--force").out
    assert outputs(root) == {CALL: "1" + LONG, OTHER: "2" + LONG, "a-t1/t1": "3" + LONG}


def test_a_file_that_has_the_name_of_its_call_needs_no_path(root: Path, transcript: Path) -> None:
    saved(transcript, f"{CALL}.txt")
    saved(transcript, f"{OTHER}.txt", "short")
    called(transcript, CALL, cut("[REDACTED]"))
    called(transcript, OTHER, "     1\tshort, as the model read it")
    call(root, "backfill")
    assert outputs(root) == {CALL: LONG, OTHER: "     1\tshort, as the model read it"}


def test_output_that_only_mentions_such_a_file_is_itself(root: Path, transcript: Path) -> None:
    listed = f"total 1\n{saved(transcript, 'b1.txt')}\nFull output saved to: {saved(transcript, 'b1.txt')}"
    called(transcript, CALL, listed)
    call(root, "backfill")
    assert outputs(root) == {CALL: listed}


def test_hooks_bring_it_too_and_backfill_adds_nothing(root: Path, transcript: Path) -> None:
    hook: dict[str, Any] = {
        "session_id": SESSION,
        "transcript_path": str(transcript),
        "cwd": "/src/shop",
        "hook_event_name": "PostToolUse",
    }
    hook |= {"tool_name": "Bash", "tool_input": {}, "tool_use_id": CALL}
    hook |= {"tool_response": {"stdout": "line", "persistedOutputPath": str(saved(transcript, "b1.txt", "li"))}}
    append(root, [("claude-code", "PostToolUse", json.dumps(hook).encode())], follow=True)
    assert "line" in outputs(root)[CALL]
    saved(transcript, "b1.txt")  # it was being written
    append(root, [("claude-code", "PostToolUse", json.dumps(hook).encode())], follow=True)
    assert outputs(root) == {CALL: LONG}
    assert "0 new records" in call(root, "backfill").out


def test_what_is_not_text_is_kept_all_the_same(root: Path, transcript: Path) -> None:
    called(transcript, CALL, cut(saved(transcript, "b1.txt", b"\xff" + LONG.encode())))
    call(root, "backfill")
    assert outputs(root) == {CALL: "\ufffd" + LONG}


def test_a_file_beyond_all_measure_is_elided(root: Path, transcript: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(saved_text, "MAX_TEXT", 1000)
    called(transcript, CALL, cut(saved(transcript, "b1.txt")))
    call(root, "backfill")
    (record,) = records(root)
    assert record["payload"]["text"]["elided"] == len(LONG.encode())
    assert outputs(root)[CALL].startswith("<persisted-output>")


def test_links_and_strange_names_are_passed_over(root: Path, transcript: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("key")
    saved(transcript, "b1.txt").with_name("link.txt").symlink_to(secret)
    saved(transcript, 'quote".txt')
    saved(transcript, "picture.png")
    (saved(transcript, "b2.txt").with_name("folder.txt")).mkdir()
    called(transcript, CALL, cut(secret))
    call(root, "backfill")
    assert [record["payload"]["name"] for record in records(root)] == ["b1.txt", "b2.txt"]
    assert outputs(root) == {CALL: cut(secret)}
    assert project(root).execute("SELECT id FROM sessions").fetchall() == [(SESSION,)]


def test_a_folder_that_is_a_link_is_passed_over(root: Path, transcript: Path, tmp_path: Path) -> None:
    folder = transcript.with_suffix("") / "tool-results"
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    saved(transcript, "b1.txt")
    called(transcript, CALL, "x")
    call(root, "backfill")
    assert records(root) == []


def test_rows_do_not_depend_on_order_or_batches(root: Path, transcript: Path, tmp_path: Path) -> None:
    called(transcript, CALL, cut(saved(transcript, "b1.txt")))
    called(transcript, OTHER, "x")
    saved(transcript, f"{OTHER}.txt")
    call(root, "backfill")
    expected = rows(project(root))
    (log,) = root.glob("*.jsonl")
    lines = log.read_bytes().splitlines(keepends=True)
    for seed in range(3):
        other = tmp_path / str(seed)
        other.mkdir()
        for line in random.Random(seed).sample(lines, len(lines)):
            with (other / log.name).open("ab") as file:
                file.write(line)
            project(other).close()
        assert rows(project(other)) == expected
