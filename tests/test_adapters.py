"""The registry of adapters: built-in ones, those of other packages, and what they say of their harness."""

import json
from pathlib import Path

import pytest
from msgspec import Raw

from clankers.cli import tail
from clankers.cli.output import console
from clankers.log import envelope
from clankers.log.reader import Event
from clankers.queries.filters import filters
from clankers.queries.tail import follow
from clankers.system.extensions import ADAPTERS
from projector.adapters import BUILT_IN, Adapters, UnusableError, built_in, tools_of
from projector.adapters.base import Tools, merge_cases
from projector.replay.rebuild import build, open_live, rebuild, update
from tests.commands import call

TOY = """
from msgspec import Raw
from msgspec.json import decode
from projector.adapters.base import Adapter, Tools
from projector.model.changes import MessageSeen, Rank, SessionSeen, ToolSeen

TOOLS = Tools(path_keys=("target",))

def said(event):
    line = decode(event.payload)
    at = line["at"]
    return [
        SessionSeen(line["session"], "toy", at, Rank.RECORD, {"title": "a toy"}),
        MessageSeen(line["id"], line["session"], "toy", "user", created_at=at),
    ]

def called(event):
    given = bytes(event.payload)
    call = ToolSeen("t", "s", "toy", Rank.RECORD, tool_name="paint", tool_input=given.decode(), created_at=6)
    call.file_path = TOOLS.file_path(Raw(given))
    return [call]

CASES = {"said": said, "called": called}
ADAPTER = Adapter(
    "toy", CASES, lambda event: [], tools=TOOLS, version="1.2", client_version=lambda event: "9.1"
)
NOT_ONE = "an adapter"
"""


def write_log(root: Path, *events: tuple[str, str, str]) -> None:
    lines = [envelope.line(source, kind, payload.encode(), now_ns=10**18) for source, kind, payload in events]
    (root / "clankers-2026-11-20.jsonl").write_bytes(b"".join(lines))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A data root that lists the adapter of a package, with one event of its harness."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "toy_adapter_of_a_test.py").write_text(TOY)
    monkeypatch.syspath_prepend(tmp_path / "site")
    root = tmp_path / "root"
    root.mkdir()
    list_adapter(root, "toy_adapter_of_a_test:ADAPTER")
    write_log(root, ("toy", "said", '{"session":"s","id":"m","at":5}'), ("toy", "sang", "{}"))
    return root


def list_adapter(root: Path, attribute: str) -> None:
    (root / "extensions.json").write_text(json.dumps({ADAPTERS: {"toy": attribute}}))


def test_an_adapter_of_another_package_makes_rows_and_is_noted(root: Path) -> None:
    path = str(root / "clankers.db")
    update(path, str(root))
    db = open_live(path)
    assert db.execute("SELECT id, source, title FROM sessions").fetchall() == [("s", "toy", "a toy")]
    assert db.execute("SELECT value FROM meta WHERE key = 'adapter:toy'").get == "1.2"
    types = db.execute("SELECT type, known, events, client_version FROM event_types ORDER BY 1").fetchall()
    assert types == [("said", 1, 1, ""), ("sang", 0, 1, "9.1")]
    db.close()


def test_a_call_is_about_the_file_that_the_adapter_of_another_package_finds(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_log(
        root, ("toy", "said", '{"session":"s","id":"m","at":5}'), ("toy", "called", '{"how":"red","target":"/a"}')
    )
    assert "paint  /a" in call(root, "show", "s").out
    show = tail._line(console())
    for happened in follow(str(root), "", filters(), 10, forever=False):
        if happened:
            show(happened)
    assert "paint: /a" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("attribute", "why"),
    [
        ("a_module_that_is_gone:ADAPTER", "No module named"),
        ("toy_adapter_of_a_test:NOT_ONE", "not an adapter but a str"),
    ],
)
def test_the_lines_of_an_adapter_that_cannot_be_loaded_are_rejected_and_doctor_says_it(
    root: Path, attribute: str, why: str
) -> None:
    path = str(root / "clankers.db")
    update(path, str(root))
    list_adapter(root, attribute)
    assert "toy: version 1.2 of its adapter made rows" in call(root, "doctor").out
    done = rebuild(path, str(root))
    assert (done.events, done.rejected) == (0, 2)
    db = open_live(path)
    assert all(why in reason for (reason,) in db.execute("SELECT reason FROM rejects"))
    db.close()


def test_an_adapter_that_is_not_listed_any_more_is_missed_by_doctor(root: Path) -> None:
    update(str(root / "clankers.db"), str(root))
    (root / "extensions.json").unlink()
    assert "but no adapter is installed" in call(root, "doctor").out


def test_a_source_without_an_adapter_makes_no_rows_and_is_counted(tmp_path: Path) -> None:
    write_log(tmp_path, ("nobody", "said", "{}"))
    done = build(str(tmp_path / "new.db"), str(tmp_path))
    assert (done.events, done.unknown, done.rejected) == (1, 1, 0)


@pytest.mark.parametrize("source", sorted(BUILT_IN))
def test_a_built_in_adapter_is_that_of_its_source(source: str, tmp_path: Path) -> None:
    adapter = built_in(source)
    assert adapter
    assert adapter.source == source
    db = open_live(str(tmp_path / "clankers.db"))
    for column in adapter.only_live | adapter.only_past:
        table, name = column.split(".")
        assert db.execute("SELECT count(*) FROM pragma_table_info(?) WHERE name = ?", (table, name)).get == 1, column
    db.close()


def test_a_listed_adapter_cannot_replace_a_built_in_one(root: Path) -> None:
    (root / "extensions.json").write_text(json.dumps({ADAPTERS: {"opencode": "toy_adapter_of_a_test:ADAPTER"}}))
    assert Adapters(str(root)).of("opencode") is built_in("opencode")


def test_two_cases_of_one_event_type_are_an_error() -> None:
    assert list(merge_cases({"a": lambda _: []}, {"b": lambda _: []})) == ["a", "b"]
    with pytest.raises(ValueError, match="two cases: a"):
        merge_cases({"a": lambda _: []}, {"a": lambda _: []})


def test_an_unusable_event_names_the_wrong_field() -> None:
    wrong = Raw(b'{"properties":{"sessionID":7,"todos":[{"content":"x"}]}}')
    event = Event(1, "i", "2026-11-20T00:00:00Z", "info", "opencode", "todo.updated", wrong)
    with pytest.raises(UnusableError) as caught:
        Adapters("").adapt(event)
    assert caught.value.field == "$.properties.sessionID"


def test_an_unknown_line_of_a_transcript_is_counted_by_its_clients_version(tmp_path: Path) -> None:
    write_log(
        tmp_path,
        ("claude-code", "transcript.new", '{"sessionId":"s","version":"2.1.400"}'),
        ("claude-code", "transcript.new", '{"sessionId":"s","version":"2.1.401"}'),
        ("claude-code", "transcript.new", '{"sessionId":"s","version":5}'),
    )
    build(str(tmp_path / "new.db"), str(tmp_path))
    db = open_live(str(tmp_path / "new.db"))
    found = db.execute("SELECT client_version, events FROM event_types ORDER BY 1").fetchall()
    assert found == [("", 1), ("2.1.400", 1), ("2.1.401", 1)]
    db.close()


def test_the_file_of_a_call_is_the_first_member_that_names_one() -> None:
    tools = Tools(path_keys=("path", "file"))
    assert tools.file_path(Raw(b'{"file":"b","path":"a"}')) == "a"
    assert tools.file_path(Raw(b'{"file":"b","path":1}')) == "b"
    assert tools.file_path(Raw(b"[]")) is None
    assert tools_of("nobody") == Tools()
