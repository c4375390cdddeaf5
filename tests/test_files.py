"""Who touched a file: calls and files by page, and the prompt that led to each call."""

from pathlib import Path
from typing import Any

from clankers.queries.files import TouchPlace, file_touches, touched_files
from clankers.queries.filters import Filters
from clankers.queries.prompts import prompt_before
from tests.commands import NOW, event, session
from tests.feeding import CLAUDE_CODE, OPENCODE, Record, append, feed_transcripts, opencode_records, project


def said(id: str, session: str, at: int, text: str) -> list[Record]:
    """A prompt."""
    part = {"id": f"prt_{id}", "messageID": id, "sessionID": session, "type": "text", "text": text}
    info = {"id": id, "sessionID": session, "role": "user", "time": {"created": at}}
    return [event("message.updated", info=info), event("message.part.updated", part=part)]


def worked(id: str, session: str, at: int, tool: str, path: str, *, failed: bool = False) -> list[Record]:
    """A response that calls `tool` on the file at `path`."""
    message = {"id": f"msg_{id}", "sessionID": session, "role": "assistant", "modelID": "m-1", "providerID": "p"}
    time = {"start": at, "end": at + 1}
    state: dict[str, Any] = {"status": "completed", "input": {"filePath": path}, "output": "", "title": ""}
    state |= {"metadata": {}, "time": time} | ({"status": "error", "error": "no"} if failed else {})
    part = {"id": f"prt_{id}", "messageID": f"msg_{id}", "sessionID": session, "type": "tool", "tool": tool}
    return [
        event("message.updated", info=message | {"time": {"created": at, "completed": at + 1}}),
        event("message.part.updated", part=part | {"callID": f"call_{id}", "state": state}),
    ]


def test_the_last_prompt_before_a_call_led_to_it(tmp_path: Path) -> None:
    append(
        tmp_path,
        [
            *(session("a"), *said("one", "a", NOW, "first"), *said("two", "a", NOW + 100, "second")),
            *worked("w1", "a", NOW + 50, "edit", "/src/shop/x.py"),
            *worked("w2", "a", NOW + 150, "edit", "/src/shop/y.py"),
            *(session("sub", parentID="a"), *said("task", "sub", NOW + 20, "what the parent wrote")),
            *worked("w3", "sub", NOW + 60, "read", "/src/shop/x.py"),
            *worked("w4", "sub", NOW + 70, "edit", "/src/shop/z.py", failed=True),
            *(session("alone"), *worked("w5", "alone", NOW + 10, "write", "x.py")),
        ],
    )
    db = project(tmp_path)
    found = file_touches(db, 9)
    assert [(t.path, t.edited, t.session_id, t.prompt and t.prompt.text) for t in found] == [
        ("/src/shop/y.py", True, "a", "second"),
        ("/src/shop/x.py", False, "sub", "first"),
        ("/src/shop/x.py", True, "a", "first"),
        ("x.py", True, "alone", None),
    ]
    assert found[1].prompt == prompt_before(db, "a", NOW + 99)
    assert (found[1].model, found[1].message_id) == ("m-1", "msg_w3")
    for path, tools in {
        "x.py": ["prt_w3", "prt_w1", "prt_w5"],
        "shop/x.py": ["prt_w3", "prt_w1"],
        "/src/": ["prt_w2", "prt_w3", "prt_w1"],
        "p/x.py": [],
        "/": ["prt_w2", "prt_w3", "prt_w1"],
    }.items():
        assert [t.tool_id for t in file_touches(db, 9, path=path)] == tools, path
    assert [t.tool_id for t in file_touches(db, 9, Filters(until=NOW + 60), edits_only=True)] == ["prt_w1", "prt_w5"]
    assert [(f.path, f.edits, f.reads, f.sessions, f.last_at) for f in touched_files(db, 9)] == [
        ("/src/shop/y.py", 1, 0, 1, NOW + 151),
        ("/src/shop/x.py", 1, 1, 2, NOW + 60),
        ("x.py", 1, 0, 1, NOW + 11),
    ]


def test_pages_of_real_recordings_hold_each_row_once(tmp_path: Path) -> None:
    for name in CLAUDE_CODE:
        feed_transcripts(name, tmp_path / "data", tmp_path / "home")
    for name in OPENCODE:
        append(tmp_path / "data", opencode_records(name))
    db = project(tmp_path / "data")
    edits = db.execute("SELECT tool_id, file_path FROM file_edits").fetchall()
    assert len(edits) > 5
    found = file_touches(db, 1000)
    assert sorted((t.tool_id, t.path) for t in found if t.edited) == sorted(edits)
    assert all(t.prompt for t in found)
    place: TouchPlace | None = None
    paged = []
    while page := file_touches(db, 3, before=place):
        paged += page
        place = page[-1].place
    assert paged == found
    files, place = [], None
    while some := touched_files(db, 2, before=place):
        files += some
        place = some[-1].place
    assert files == touched_files(db, 1000)
    assert sum(f.edits for f in files) == len(edits)
