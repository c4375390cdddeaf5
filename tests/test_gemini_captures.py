"""What the real Gemini CLI recorded, and the rows it must make."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.feeding import project
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
