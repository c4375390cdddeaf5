"""What no adapter knows is counted by source, type and client version, and `doctor` says it; what is known is not."""

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.commands import call
from tests.feeding import CLAUDE_CODE, OPENCODE, Record, append, feed_transcripts, opencode_records, project

VERSION = "2.1.329"  # of the client in the recordings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def counted(root: Path) -> list[tuple[Any, ...]]:
    found = "SELECT source, type, client_version, events FROM event_types WHERE NOT known ORDER BY type"
    return project(root).execute(found).fetchall()


def transcript_lines(name: str, tmp_path: Path) -> list[Record]:
    feed_transcripts(name, tmp_path / "recorded", tmp_path / "home")
    lines = [json.loads(line) for file in (tmp_path / "recorded").glob("*.jsonl") for line in file.open()]
    return [(one["source"], one["type"], json.dumps(one["payload"]).encode()) for one in lines]


def test_all_that_was_recorded_is_known(root: Path, tmp_path: Path) -> None:
    for name in CLAUDE_CODE:
        feed_transcripts(name, root, tmp_path / name)
    for name in OPENCODE:
        append(root, opencode_records(name))
    assert counted(root) == []


Change = Callable[[Any], None]
TRANSCRIPT: list[tuple[Change, str]] = [
    (lambda line: line["message"]["content"].append({"type": "hologram", "text": "x"}), "block hologram"),
    (lambda line: line["message"].update(commentary="x"), "message.commentary"),
    (lambda line: line["message"]["content"][0].update(subtext="x"), "block.subtext"),
    (lambda line: line["message"]["usage"].update(dream_tokens=7), "usage.dream_tokens"),
    (
        lambda line: line["message"]["usage"]["cache_creation"].update(ephemeral_1d=7),
        "usage.cache_creation.ephemeral_1d",
    ),
]


@pytest.mark.parametrize(("change", "what"), TRANSCRIPT)
def test_what_a_transcripts_line_has_more_is_counted(change: Change, what: str, root: Path, tmp_path: Path) -> None:
    lines = [one for one in transcript_lines("thinking", tmp_path) if one[1] == "transcript.assistant"]
    documents = [json.loads(payload) for *_, payload in lines]
    for document in documents:
        change(document)
    append(
        root,
        [
            (source, kind, json.dumps(document).encode())
            for (source, kind, _), document in zip(lines, documents, strict=True)
        ],
    )
    kind = f"transcript.assistant: {what}"
    assert counted(root) == [("claude-code", kind, VERSION, len(lines))]
    assert f"claude-code {VERSION} {kind}" in call(root, "doctor").out


def part(event: Any) -> Any:
    return event["properties"]["part"]


def info(event: Any) -> Any:
    return event["properties"]["info"]


EVENTS: list[tuple[str, Change, str]] = [
    ("message.part.updated", lambda e: part(e).update(type="hologram"), "part hologram"),
    ("message.part.updated", lambda e: part(e).update(subtext="x"), "part.subtext"),
    ("message.updated", lambda e: info(e).update(commentary="x"), "message.commentary"),
    ("message.updated", lambda e: info(e).update(tokens={"dream": 7}), "message.tokens.dream"),
    ("message.updated", lambda e: info(e).update(tokens={"cache": {"peek": 7}}), "message.tokens.cache.peek"),
]


@pytest.mark.parametrize("name", ["1.18.33/01-plain", "1.1.65/11-task"])
@pytest.mark.parametrize(("kind", "change", "what"), EVENTS)
def test_what_an_event_has_more_is_counted(kind: str, change: Change, what: str, name: str, root: Path) -> None:
    records = [(source, type, json.loads(payload)) for source, type, payload in opencode_records(name) if type == kind]
    before = copy.deepcopy(records)
    for *_, document in records:
        change(document)
    assert records != before
    append(root, [(source, type, json.dumps(document).encode()) for source, type, document in records])
    assert counted(root) == [("opencode", f"{kind}: {what}", "", len(records))]
    assert f"opencode {kind}: {what}" in call(root, "doctor").out


def test_a_client_that_uses_data_as_names_fills_no_table(root: Path) -> None:
    info = {"id": "msg_1", "sessionID": "ses_1", "role": "user"} | {f"{'n' * 100}{i}": "x" for i in range(1000)}
    info |= {f"k{i}": "x" for i in range(100)}
    event = {"type": "message.updated", "properties": {"info": info}}
    append(root, [("opencode", "message.updated", json.dumps(event).encode())])
    found = counted(root)
    assert len(found) == 8
    assert max(len(type) for _, type, *_ in found) < 100
