"""A document that its client rewrites at each change: a record of each message, once for each state of it."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest

from clankers.ingest.document import Document
from clankers.ingest.source import Record, SourceError


def new(document: Document, version: str) -> tuple[list[Record], str]:
    found = list(document.read(version))
    return [record for record, _ in found if record], found[-1][1] if found else version


def places(records: list[Record]) -> list[str]:
    return [record.id.rpartition("#")[0] for record in records]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "history.json"


def test_a_list_is_a_document_too_and_its_messages_need_no_ids(path: Path) -> None:
    document = Document(str(path), "s/history", "s", messages="")
    path.write_text(json.dumps([{"role": "user"}, {"role": "assistant"}]))
    records, version = new(document, "")
    assert places(records) == ["s/history", "s/history[0]", "s/history[1]"]
    assert json.loads(records[1].payload) == {"sessionId": "s", "message": {"role": "user"}}
    assert not document.changed(version)
    path.write_text(json.dumps([{"role": "user"}, {"role": "assistant", "text": "more"}, {"role": "user"}]))
    assert document.changed(version)
    assert places(new(document, version)[0]) == ["s/history[1]", "s/history[2]"]


@pytest.mark.parametrize("stop", range(4))
def test_a_look_that_ends_early_goes_on_where_it_was(stop: int, path: Path) -> None:
    document = Document(str(path), "s", "s")
    path.write_text(json.dumps({"title": "t", "messages": [{"id": "a"}, {"id": "b"}, {"id": "c"}]}))
    whole, _ = new(document, "")
    *_, (_, version) = list(document.read(""))[: stop + 1]
    rest, _ = new(document, version)
    assert places(rest) == places(whole)[stop + 1 :]


def test_the_head_has_a_digest_in_the_place_of_the_messages_and_their_ids_once_the_list_is_edited(path: Path) -> None:
    document = Document(str(path), "s", "s")
    path.write_text(json.dumps({"title": "t", "messages": [{"id": "a"}, {"id": "b"}]}))
    (head, *_), version = new(document, "")
    payload: dict[str, Any] = json.loads(head.payload)
    assert payload["head"]["title"] == "t"
    assert payload["head"]["messages"]["elided"] == len('[{"id": "a"}, {"id": "b"}]')
    assert "ids" not in payload
    path.write_text(json.dumps({"title": "t", "messages": [{"id": "b"}]}))
    (head,), _ = new(document, version)
    assert json.loads(head.payload)["ids"] == ["b"]


@pytest.mark.parametrize("content", ['{"messages": [', '{"messages": []} {}', "[]", '{"messages": {}}', ""])
def test_what_is_no_such_document_is_said_once_nobody_writes_it(content: str, path: Path) -> None:
    document = Document(str(path), "s", "s")
    path.write_text(content)
    assert new(document, "") == ([], "")
    os.utime(path, (time.time() - 60,) * 2)
    with pytest.raises(SourceError, match="history"):
        new(document, "")
