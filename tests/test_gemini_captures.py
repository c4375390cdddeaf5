"""What the real Gemini CLI recorded, and the rows it must make."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.feeding import project, rows
from tests.gemini_recording import EXPECTED, NAMES, feed_both, feed_files, feed_hooks, measured

Feed = Callable[[str, Path, Path], None]


def agrees(found: Any, expected: Any) -> bool:
    """Whether `found` is `expected`, or between the two numbers that are both right."""
    if isinstance(expected, list) and len(expected) == 2 and isinstance(found, int):
        return bool(expected[0] <= found <= expected[1])
    return bool(found == expected)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("feed", [feed_hooks, feed_files, feed_both])
def test_the_rows_of_a_capture_are_what_the_model_served(name: str, feed: Feed, tmp_path: Path) -> None:
    """Also where a file was deleted, a list lost what was spent, or a tool was killed."""
    feed(name, tmp_path / "data", tmp_path / "home")
    db = project(tmp_path / "data")
    found = measured(db)
    expected = EXPECTED[name] | (EXPECTED[name].get("backfill", {}) if feed is feed_files else {})
    tools = expected.pop("tools") if "tools" in expected else {}
    wrong = {
        key: (found[key], value)
        for key, value in (expected | tools).items()
        if key in found and not agrees(found[key], value)
    }
    assert not wrong
    assert db.execute("SELECT reason FROM rejects UNION ALL SELECT reason FROM ignored_values").fetchall() == []
    assert db.execute("SELECT type FROM event_types WHERE NOT known").fetchall() == []


@pytest.mark.parametrize("name", ["compress", "old_0.36.0", "resume_lost", "subagent", "tui"])
def test_lines_in_any_order_make_the_same_rows(name: str, tmp_path: Path) -> None:
    feed_both(name, tmp_path / "data", tmp_path / "home")
    (log,) = (tmp_path / "data").glob("clankers-*.jsonl")
    lines = log.read_bytes().splitlines(keepends=True)
    in_order = rows(project(tmp_path / "data"))
    for seed in range(3):
        random.Random(seed).shuffle(lines)
        shuffled = tmp_path / str(seed)
        shuffled.mkdir()
        for part in (lines[: len(lines) // 2], lines[len(lines) // 2 :]):  # in two batches
            with (shuffled / log.name).open("ab") as file:
                file.writelines(part)
            found = rows(project(shuffled))
        assert found == in_order


def said(name: str, tmp_path: Path, condition: str) -> list[str]:
    feed_hooks(name, tmp_path / "data", tmp_path / "home")
    select = f"SELECT text_content FROM messages WHERE {condition} ORDER BY created_at, id"
    return [text for (text,) in project(tmp_path / "data").execute(select)]


def test_a_conversation_that_is_recorded_again_after_a_declined_call_is_a_copy(tmp_path: Path) -> None:
    assert said("tui_multi", tmp_path, "copied AND role = 'user' AND NOT synthetic") == ["[[S:perm]] two"]


def test_what_a_rewind_took_back_is_marked(tmp_path: Path) -> None:
    taken_back = said("tui_rewind", tmp_path, "deleted_at IS NOT NULL AND NOT synthetic")
    assert taken_back == ["[[S:third]] two", "Third turn answer."]


def test_a_compression_takes_nothing_back(tmp_path: Path) -> None:
    assert said("compress", tmp_path, "deleted_at IS NOT NULL AND NOT synthetic") == []
    assert project(tmp_path / "data").execute("SELECT count(*) FROM compaction_events").get == 1


def test_a_subagent_is_a_session_of_its_own(tmp_path: Path) -> None:
    feed_hooks("subagent", tmp_path / "data", tmp_path / "home")
    child = next(s for s in rows(project(tmp_path / "data"))["sessions"] if s["parent_id"])
    assert (child["agent"], child["title"], child["prompt_tokens"]) == ("generalist", "[[S:sub]] count the files", 4118)


def test_reasoning_that_is_counted_apart_is_paid_for(tmp_path: Path) -> None:
    feed_files("plain", tmp_path / "data", tmp_path / "home")
    cost = project(tmp_path / "data").execute("SELECT cost FROM sessions").get
    assert cost == pytest.approx((1009 * 1.25 + (51 + 7) * 10) / 1e6)
