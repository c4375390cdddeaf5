"""`clankers show`: a conversation as a person reads it, and the lines that it comes from."""

import json
import re
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest
from jsonschema import Draft202012Validator
from rich.cells import cell_len

from clankers.cli.show import RawLine
from clankers.errors import EX_USAGE
from clankers.queries.conversation import Conversation, ToolCall, subagents
from clankers.queries.conversation_reader import ConversationReader, conversation
from clankers.queries.dialect import Values
from clankers.render import labels
from tests.commands import NOW, POSIX_ONLY, RAW, call, event, on_a_terminal, run, session, work
from tests.feeding import CLAUDE_CODE, OPENCODE, Record, append, feed_hooks, feed_transcripts, opencode_records, project
from tests.golden import SCHEMAS, assert_file, assert_golden, schema_of
from tests.talks import demo, recorded, talk

SUBAGENTS = "0aee4390-a408-41f0-9070-440cf9a316bf"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo(tmp_path_factory.mktemp("sample") / "data")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def everything(root: Path, *options: str, **env: str) -> str:
    """Every session of `root`, as it is shown."""
    ids = [
        s["id"]
        for s in json.loads(call(root, "query", "--json", "SELECT id FROM sessions ORDER BY created_at, id").out)
    ]
    shown = [call(root, "show", id, *options, TZ="UTC", NO_COLOR="1", **env) for id in ids]
    assert all(one.code == 0 for one in shown), [one.err for one in shown]
    return "\n".join(one.out for one in shown)


@pytest.mark.parametrize("width", ["60", "200"])
def test_the_sample_is_shown_as_before(sample: Path, width: str) -> None:
    assert_golden(f"show-{width}.txt", everything(sample, COLUMNS=width))


def test_the_sample_is_shown_in_full_as_before(sample: Path) -> None:
    assert_golden("show-full.txt", everything(sample, "--thinking", "--full", COLUMNS="100"))


def test_compactions_and_what_the_client_made_up_are_shown_as_before(root: Path) -> None:
    recorded(root, "compact", "tui", "bash_bg", "perm_denyrule")
    assert_golden("show-claude-code.txt", everything(root, COLUMNS="100"))


def test_what_would_do_harm_is_shown_as_before(root: Path) -> None:
    assert_golden("show-harm.txt", everything(talk(root), "--thinking", COLUMNS="80"))


@pytest.mark.parametrize("options", [(), ("--full", "--thinking"), ("--raw",)])
def test_nothing_recorded_steers_the_terminal(root: Path, options: tuple[str, ...]) -> None:
    talk(root)
    done = call(root, "show", "ses_talk", *options)
    assert done.code == 0
    assert not RAW.search(done.out)
    assert "\\x1b" in done.out or "u001b" in done.out
    coloured = call(root, "show", "ses_talk", *options, FORCE_COLOR="1").out
    assert not RAW.search(re.sub(r"\x1b\[[0-9;]*m", "", coloured))


@pytest.mark.parametrize("width", [20, 40, 60, 200])
def test_no_line_is_wider_than_the_terminal(sample: Path, width: int) -> None:
    assert max(map(cell_len, everything(sample, COLUMNS=str(width)).splitlines())) <= width


def test_nothing_that_was_said_is_left_out(root: Path) -> None:
    """Tags too: what Markdown would take for HTML is text."""
    shown = call(talk(root), "show", "last", COLUMNS="1000").out
    for said in (
        "<script>alert(1)</script>",
        "</details><style>",
        "nested <x>",
        "never closed",
        "javascript:alert(1)",
        "[file: shot.png]",
        "שלום",
    ):
        assert said in shown, said
    assert "pixel" in shown


def test_thoughts_are_folded_until_they_are_asked_for(root: Path) -> None:
    talk(root)
    assert "I should look" not in call(root, "show", "last").out
    assert "--thinking shows it" in call(root, "show", "last").out
    assert "I should look <i>first</i>." in call(root, "show", "last", "--thinking").out


def test_results_are_shortened_until_all_is_asked_for(root: Path) -> None:
    talk(root)
    short, full = call(root, "show", "last").out, call(root, "show", "last", "--full").out
    assert short.count("    line\n") < 20
    assert "192 more lines" in short
    assert full.count("    line\n") == 200
    assert "more lines" not in full


def test_calls_say_how_they_ended(root: Path) -> None:
    shown = call(talk(root), "show", "last").out
    assert "✗ bash  false  exit 1, 700ms" in shown
    assert "… bash  sleep 1  running" in shown
    assert "✓ write  /src/shop/a.py  700ms" in shown
    assert "✗ APIError (529): Busy <b>" in shown


@pytest.mark.parametrize("harness", ["claude-code", "opencode"])
def test_a_subagent_stands_at_the_call_that_began_it(root: Path, harness: str) -> None:
    if harness == "claude-code":
        feed_transcripts("subagent", root, root.parent / "home")
        top, called = SUBAGENTS, {"Sub one": "Sub one", "Sub two": "Sub two"}
    else:
        append(root, opencode_records("1.18.33/11-task"))
        top, called = "last", {"Explore things": "Explore things (@general subagent)"}
    document = json.loads(call(root, "show", top, "--json").out)
    tools = [piece for item in document["items"] if item["kind"] == "message" for piece in item["pieces"]]
    found = {tool["tool_input"]["description"]: tool["subagents"] for tool in tools if tool.get("subagents")}
    assert {name: [one["session"]["title"] for one in inner] for name, inner in found.items()} == {
        name: [title] for name, title in called.items()
    }
    assert all(inner["items"] for one in found.values() for inner in one)


def test_a_subagent_whose_call_is_not_known_stands_where_it_began(root: Path) -> None:
    append(
        root,
        [
            session("ses_a"),
            event(
                "message.updated",
                info={"id": "msg_1", "sessionID": "ses_a", "role": "user", "time": {"created": NOW + 1000}},
            ),
            event(
                "message.updated",
                info={"id": "msg_2", "sessionID": "ses_a", "role": "user", "time": {"created": NOW + 9000}},
            ),
            session("ses_b", parentID="ses_a", created=NOW + 5000),
        ],
    )
    document = json.loads(call(root, "show", "ses_a", "--json").out)
    assert [item["kind"] for item in document["items"]] == ["message", "conversation", "message"]


def test_sessions_that_are_each_others_parents_do_not_stop_it(root: Path) -> None:
    append(root, [session("ses_a", parentID="ses_b"), session("ses_b", parentID="ses_a", created=NOW + 1)])
    done = call(root, "show", "ses_a")
    assert done.code == 0, done.err
    assert done.out.count("⤷") == 1


def test_the_first_items_of_a_long_conversation_are_read_without_the_rest(root: Path) -> None:
    asked = {}
    for id, messages in (("ses_1", 60), ("ses_2", 1200)):
        append(root, [session(id), *(prompt(f"{id}_{n:04}", id, n) for n in range(messages))])
        counted = _Counting(project(root))
        items = ConversationReader(counted, id).items()
        assert next(items) is not None
        asked[id] = counted.statements, counted.longest
        assert sum(1 for _ in items) == messages - 1
    assert asked["ses_1"] == asked["ses_2"]


def test_the_statements_of_a_conversation_grow_with_its_subagents_not_with_their_square(root: Path) -> None:
    statements = {}
    for id, children in (("ses_few", 10), ("ses_many", 100)):
        append(root, [session(id), *(session(f"{id}_{n}", parentID=id, created=NOW + n) for n in range(children))])
        counted = _Counting(project(root))
        assert len(conversation(counted, id).items) == children
        statements[id] = counted.statements
    assert statements["ses_many"] < 10 * statements["ses_few"]


class _Counting:
    """A database that counts the statements that it is asked, and how long what they ask for is."""

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self.statements = 0
        self.longest = 0

    def execute(self, statement: str, values: Values | None = None, /) -> Any:
        self.statements += 1
        self.longest = max(self.longest, len(str(values)))
        return self._db.execute(statement, values)

    def close(self) -> None:
        self._db.close()


def prompt(id: str, session: str, number: int) -> Record:
    info = {"id": id, "sessionID": session, "role": "user", "time": {"created": NOW + number}}
    return event("message.updated", info=info)


def test_every_row_of_a_session_is_in_its_conversation(root: Path) -> None:
    for name in CLAUDE_CODE:
        feed_hooks(name, root, root.parent / "home")
    for name in OPENCODE:
        append(root, opencode_records(name))
    db = project(root)
    sessions = [str(id) for (id,) in db.execute("SELECT id FROM sessions")]
    shown: dict[str, set[str]] = {
        table: set() for table in ("messages", "tools", "session_errors", "compaction_events", "parts")
    }
    for id in sessions:
        for item in conversation(db, id).items:
            _note(msgspec.to_builtins(item), shown)
    for table, ids in shown.items():
        kept = {id for (id,) in db.execute(f"SELECT id FROM {table}")}
        if table == "parts":  # those of calls are calls
            kept = {id for (id,) in db.execute("SELECT id FROM parts WHERE type IN ('text', 'reasoning', 'file')")}
        assert ids == kept if table != "parts" else ids >= kept, table


_KINDS = {
    "message": "messages",
    "tool": "tools",
    "error": "session_errors",
    "compaction": "compaction_events",
    "part": "parts",
}


def _note(value: Any, shown: dict[str, set[str]]) -> None:
    if isinstance(value, dict):
        if value.get("kind") in _KINDS:
            shown[_KINDS[value["kind"]]].add(value["id"])
        for key, one in value.items():
            if key != "tool_input":
                _note(one, shown)
        for error in value.get("errors") or ():
            shown["session_errors"].add(error["id"])
    elif isinstance(value, list):
        for one in value:
            _note(one, shown)


@pytest.mark.parametrize("harness", ["claude-code", "opencode"])
def test_every_row_is_traced_to_lines_of_the_log(root: Path, harness: str) -> None:
    """The lines that --raw shows, alone in a log, make the same rows."""
    if harness == "claude-code":
        feed_hooks("subagent", root, root.parent / "home")
        feed_transcripts("tools", root, root.parent / "home")
        name = SUBAGENTS
    else:
        append(root, [*opencode_records("1.18.33/05-fail"), *opencode_records("1.18.33/11-task")])
        name = "last"
    document = json.loads(call(root, "show", name, "--json").out)
    lines = json.loads(call(root, "show", name, "--raw", "--json").out)
    assert all((root / one["file"]).read_bytes()[one["offset"] :].startswith(one["raw"].encode()) for one in lines)
    for one in lines:
        assert (root / one["file"]).read_text("utf-8").split("\n")[one["line"] - 1] == one["raw"]
    told = {(row["table"], row["id"]) for one in lines for row in one["rows"]}
    shown: dict[str, set[str]] = {table: set() for table in _KINDS.values()}
    _note(document, shown)
    for table, ids in shown.items():
        assert {(table, id) for id in ids} <= told, table
    alone = root.parent / "alone"
    alone.mkdir()
    (alone / lines[0]["file"]).write_text("".join(f"{one['raw']}\n" for one in lines), "utf-8")
    assert json.loads(call(alone, "show", document["session"]["id"], "--json").out) == document
    assert len(json.loads(call(alone, "query", "--json", "SELECT id FROM sessions").out)) == 1 + len(
        list(subagents(msgspec.convert(document, Conversation)))
    )


def test_lines_that_cannot_be_read_but_name_the_session_are_evidence_too(root: Path) -> None:
    append(root, work(0, 1))
    (day,) = root.glob("clankers-*.jsonl")
    with day.open("ab") as f:
        f.write(b'{"v":1,"id":"torn","ts":"ses_000000\n')
    shown = call(root, "show", "ses_000000", "--raw")
    assert shown.code == 0
    assert f"{day.name}:4  unusable: " in shown.out


def test_raw_goes_with_the_log_line_by_line(sample: Path) -> None:
    shown = call(sample, "show", SUBAGENTS, "--raw").out
    places = re.findall(r"^clankers-2026-11-20\.jsonl:(\d+)  ", shown, re.MULTILINE)
    assert [int(n) for n in places] == sorted(map(int, places))
    lines = (sample / "clankers-2026-11-20.jsonl").read_text("utf-8").split("\n")
    assert all(lines[int(n) - 1] in shown for n in places)


def test_the_json_is_what_its_schema_says(root: Path, sample: Path) -> None:
    talk(root)
    assert_file(SCHEMAS / "show.json", schema_of(Conversation | list[RawLine], "What `clankers show --json` prints"))
    schema = json.loads((SCHEMAS / "show.json").read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    validator = Draft202012Validator(schema)
    for place, id in ((root, "ses_talk"), (sample, SUBAGENTS), (sample, "last")):
        validator.validate(json.loads(call(place, "show", id, "--json").out))
        validator.validate(json.loads(call(place, "show", id, "--json", "--raw").out))
    assert not validator.is_valid({"session": {}, "items": []})
    assert not validator.is_valid([{"file": "x"}])


def test_a_session_is_named_by_how_it_begins_or_as_the_last(sample: Path) -> None:
    whole = call(sample, "show", SUBAGENTS).out
    assert call(sample, "show", SUBAGENTS[:4]).out == whole
    assert call(sample, "show").out == call(sample, "show", "last").out
    assert SUBAGENTS in call(sample, "show", "last", "--project", "subagent").out
    for args, named in (
        (("nobody",), "there is no session 'nobody'; `clankers sessions` lists them"),
        (("ses_",), "ses_"),
        (("last", "--source", "codex"), "no last session"),
    ):
        done = call(sample, "show", *args)
        assert (done.code, done.out) == (EX_USAGE, "")
        assert named in done.err


def test_without_sessions_there_is_nothing_to_show(root: Path) -> None:
    done = run(root, "show")
    assert (done.code, done.out) == (EX_USAGE, "")
    assert done.err.count("\n") == 1


def test_a_session_in_which_nothing_was_said(root: Path) -> None:
    append(root, [session("ses_bare")])
    assert "No messages." in call(root, "show", "ses_bare").out


def test_raw_is_not_shown_in_part(sample: Path) -> None:
    assert call(sample, "show", "last", "--raw", "--full").code == EX_USAGE


@pytest.mark.parametrize(
    ("given", "about", "names"),
    [
        ({"command": "ls", "description": "List"}, "ls", []),
        ({"file_path": "a.py", "content": "x"}, "a.py", ["content"]),
        ({"file_path": "a.py", "old_string": "x", "new_string": "y"}, "a.py", ["change"]),
        ({"file_path": "a", "edits": [{"old_string": "x", "new_string": "y"}] * 2}, "a", ["change", "change"]),
        ({"edits": "no list", "n": 3}, "", ["edits", "n"]),
        ({}, "", []),
        ("no object", "", [""]),
        ([1, 2], "", [""]),
        (None, "", []),
    ],
)
def test_what_a_call_was_about_and_was_given(given: Any, about: str, names: list[str]) -> None:
    tool = msgspec.convert(
        dict.fromkeys(ToolCall.__struct_fields__) | {"kind": "tool", "id": "t", "subagents": [], "tool_input": given},
        ToolCall,
    )
    assert labels.about(tool) == about
    assert [one.name for one in labels.given(tool, full=False)] == names


@POSIX_ONLY
def test_on_a_terminal_it_goes_through_the_pager(root: Path) -> None:
    """Which may be left before the end, or be missing; where nobody looks on there is none."""
    talk(root)
    whole = on_a_terminal(root, "show", "last", PAGER="cat")
    assert whole.count("\n") > 50
    assert "\x1b[1m" in whole
    assert not RAW.search(re.sub(r"\x1b\[[0-9;]*m", "", whole))
    assert on_a_terminal(root, "show", "last", PAGER="head -n 3").count("\n") == 3
    assert on_a_terminal(root, "show", "last", PAGER="") == whole
    assert on_a_terminal(root, "show", "last", PAGER="no-such-pager") == whole
    colours = re.compile(r"\x1b\[([0-9;]*;)?[39][0-7]m")
    assert colours.search(whole)
    assert not colours.search(on_a_terminal(root, "show", "last", PAGER="cat", NO_COLOR="1"))
    assert run(root, "show", "last", PAGER="head -n 3").out.count("\n") > 50
