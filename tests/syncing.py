"""A machine whose sessions are sent to a server: both captures' days, and what the one and the other have of them."""

import json
from pathlib import Path
from typing import Any

from projector.adapters.session_sync.wire import SOURCE
from tests.commands import Result, call
from tests.feeding import CLAUDE_CODE, OPENCODE, append, feed_hooks, feed_transcripts, opencode_records, project, rows
from tests.serving import KEY


def record_a_day(root: Path) -> None:
    """All captures of both harnesses: hook by hook where it is short, else as the client's record tells it."""
    for name in CLAUDE_CODE:
        feed = feed_hooks if name in ("basic_text", "tools", "subagent") else feed_transcripts
        feed(name, root, root.parent / "home")
    append(root, [("claude-code", "PostToolUse", json.dumps(_TODOS).encode())])  # which no capture has
    for name in OPENCODE:
        append(root, opencode_records(name))


_TODOS = {
    "session_id": "b900ed56-0280-4a44-a3dd-b5ca31644aa0",
    "hook_event_name": "PostToolUse",
    "tool_name": "TodoWrite",
    "tool_use_id": "toolu_todos",
    "tool_input": {},
    "tool_response": {"newTodos": [{"content": "one", "status": "completed"}, {"content": "two", "status": "pending"}]},
}


def sync(root: Path, url: str, *args: str, **env: str) -> Result:
    return call(root, "sync", *args, **settings(url) | env)


def settings(url: str) -> dict[str, str]:
    """For a server that is back at once when it is away."""
    return {
        "SESSION_API_URL": url,
        "SESSION_API_KEY": KEY,
        "SESSION_SYNC_RETRY_DELAY_MS": "1",
        "SESSION_SYNC_SCRUB": "false",
    }


def everything(root: Path) -> dict[str, list[dict[str, Any]]]:
    """The rows of the log in `root`."""
    db = project(root)
    try:
        assert not db.execute("SELECT * FROM rejects").fetchall()
        assert not db.execute("SELECT * FROM event_types WHERE NOT known AND source = ?", (SOURCE,)).fetchall()
        return rows(db)
    finally:
        db.close()


def assert_the_same(local: Path, served: Path) -> None:
    here, there = everything(local), everything(served)
    assert here["messages"]
    for table in here:
        assert here[table] == there[table], table
