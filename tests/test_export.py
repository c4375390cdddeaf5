"""`clankers export`: what is taken elsewhere is whole, does no harm there, and holds no credentials."""

import errno
import hashlib
import json
import os
import re
import stat
import sys
import threading
from base64 import b64encode
from collections.abc import Iterator
from contextlib import closing
from html.parser import HTMLParser
from pathlib import Path
from unittest import mock

import msgspec
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from clankers.cli import export
from clankers.errors import EX_FAIL, EX_IO, EX_USAGE
from clankers.log.envelope import crc_holds
from clankers.queries.conversation import Conversation
from clankers.queries.conversation_reader import conversation
from clankers.queries.dialect import Database
from clankers.queries.tables import INTERNAL
from clankers.render.html import html
from clankers.render.markdown import markdown
from clankers.system.atomic_write import TEMPORARY, output_file
from tests.commands import POSIX_ONLY, RAW, call, event, session
from tests.feeding import append, opencode_records, project
from tests.golden import assert_golden
from tests.patience import DEADLINE
from tests.talks import GITHUB, demo, talk

SUBAGENTS = "0aee4390-a408-41f0-9070-440cf9a316bf"
TAGS = {
    "html",
    "head",
    "meta",
    "title",
    "style",
    "body",
    "header",
    "main",
    "article",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "ul",
    "ol",
    "li",
    "p",
    "blockquote",
    "hr",
    "br",
    "table",
    "thead",
    "tbody",
    "tr",
    "th",
    "td",
    "a",
    "em",
    "strong",
    "s",
    "code",
    "pre",
    "div",
    "span",
    "details",
    "summary",
    "b",
    "small",
    "time",
}
ATTRIBUTES = {
    "lang",
    "charset",
    "http-equiv",
    "content",
    "name",
    "class",
    "dir",
    "href",
    "rel",
    "datetime",
    "start",
} | {
    "tabindex"  # what scrolls can be reached by the keyboard
}


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return demo(tmp_path_factory.mktemp("sample") / "data")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


class Page(HTMLParser):
    """Checks a page as it is read, and keeps its text."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.text = ""
        self.links: list[str] = []
        self.policy = ""
        self.sheet = ""
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS, tag
        given = dict(attrs)
        assert len(given) == len(attrs)
        assert set(given) <= ATTRIBUTES, given
        if tag == "a" and given:
            href = given["href"] or ""
            assert re.match(r"(https?://|mailto:)", href, re.IGNORECASE), href
            assert given["rel"] == "noopener noreferrer nofollow"
            self.links.append(href)
        if given.get("http-equiv"):
            assert given["http-equiv"] == "Content-Security-Policy"
            self.policy = given["content"] or ""
        if tag not in ("meta", "br", "hr"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, _: list[tuple[str, str | None]]) -> None:
        assert tag in ("br", "hr"), tag

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "style":
            self.sheet += data
        else:
            self.text += data


def page_of(found: Conversation) -> Page:
    return Page("".join(html([found], 1)))


def written(text: str, role: str = "assistant") -> Conversation:
    """A conversation with one message."""
    part = {"kind": "part", "id": "p", "type": "text", "synthetic": None, "created_at": 0, "deleted_at": None}
    message = dict.fromkeys(
        ("id", "model", "agent", "completed_at", "deleted_at", "cost", "cost_source", "finish_reason")
    )
    message |= dict.fromkeys(
        ("prompt_tokens", "completion_tokens", "reasoning_tokens", "cache_read_tokens", "cache_write_tokens")
    )
    message |= {"kind": "message", "id": "m", "role": role, "synthetic": 0, "copied": 0, "created_at": 0}
    numbers = [f"{kind}_tokens" for kind in ("prompt", "completion", "reasoning", "cache_read", "cache_write")]
    numbers += ["message_count", "tool_call_count", "error_count", "failed_calls"]
    session = dict.fromkeys(Conversation.__annotations__["session"].__struct_fields__) | dict.fromkeys(numbers, 0)
    session |= {"id": "s", "source": "opencode", "title": text}
    pieces = [part | {"text": text, "data": None}]
    return msgspec.convert(
        {"kind": "conversation", "session": session, "items": [message | {"pieces": pieces, "errors": []}]},
        Conversation,
    )


def test_a_page_is_as_before(root: Path) -> None:
    assert_golden("export.html", call(talk(root), "export", "last", "--format", "html", TZ="UTC").out)


def test_a_document_is_as_before(root: Path, sample: Path) -> None:
    assert_golden("export.md", call(talk(root), "export", "last", TZ="UTC").out)
    assert_golden("export-subagents.md", call(sample, "export", SUBAGENTS, TZ="UTC").out)


def test_a_page_needs_nothing_else_and_lets_nothing_run(root: Path, sample: Path) -> None:
    for place, ids in ((talk(root), ["ses_talk"]), (sample, [s["id"] for s in listed(sample)])):
        done = call(place, "export", *ids, "--format", "html", "--no-scrub")
        assert done.code == 0, done.err
        assert not RAW.search(done.out)
        page = Page(done.out)
        digest = b64encode(hashlib.sha256(page.sheet.encode()).digest()).decode()
        assert page.policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
        assert "url(" not in page.sheet
        assert "@import" not in page.sheet


def listed(root: Path) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(call(root, "query", "--json", "SELECT id FROM sessions").out)
    return found


def test_what_would_be_html_is_text(root: Path) -> None:
    page = Page(call(talk(root), "export", "last", "--format", "html").out)
    for said in (
        "<script>alert(1)</script>",
        "<script>alert('x')</script>",
        "</details><style>",
        "[bad](javascript:alert(1))",
    ):
        assert said in page.text, said
    assert page.links == ["https://example.org/a?b=1&c=2", "https://example.org", "https://evil.example/p.png"]


NASTY = st.lists(
    st.sampled_from(
        [
            "<",
            ">",
            "&",
            '"',
            "'",
            "`",
            "```",
            "~~~",
            "\n",
            "\n\n",
            "    ",
            "[a](",
            "javascript:x",
            ")",
            "![",
            "]",
            "](",
            "https://a.b/",
            "<a href=x>",
            "<script>",
            "</details>",
            "<!--",
            "-->",
            "<![CDATA[",
            "<?x",
            "| a | b |\n|:--|--:|\n",
            "# ",
            "- ",
            "1. ",
            "> ",
            "*",
            "**",
            "\\",
            "&lt;",
            "&#60;",
            "x",
            "é",
            "\x1b[31m",
            "\u202e",
            "\x00",
            "<b",
            "onload=",
            "style=",
            "mailto:x",
            "data:text/html,x",
            "<https://a>",
            "[r]: javascript:x\n",
            "[r]",
        ]
    )
).map("".join)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(NASTY | st.text())
def test_no_text_gets_out_of_its_place(text: str) -> None:
    """Whatever a model or a person wrote, a page has our tags alone, and a document no HTML but ours."""
    for role in ("assistant", "user"):
        found = written(text, role)
        assert page_of(found).text.strip()
        document = "\n\n".join(markdown(found))
        tokens = MarkdownIt("commonmark").parse(document)
        assert not [one for token in tokens for one in (token, *(token.children or ())) if one.type.startswith("html")]
        assert not RAW.search(document)


@given(st.text(alphabet="ab<>&`*_ \n\t#-", max_size=60))
def test_a_prompt_is_told_as_it_was_written(text: str) -> None:
    page = page_of(written(text, "user"))
    said = text.expandtabs(8).strip("\n")
    assert said in page.text


def test_credentials_are_masked_and_counted(root: Path) -> None:
    talk(root)
    for format in ("md", "html", "jsonl"):
        done = call(root, "export", "last", "--format", format)
        assert GITHUB not in done.out, format
        assert "secret:github" in done.out.replace("\\", "")
        assert re.fullmatch(r"clankers: \d+ credentials? masked \(github \d+\); --no-scrub leaves them\n", done.err)
        left = call(root, "export", "last", "--format", format, "--no-scrub")
        assert GITHUB in left.out.replace("\\", "")
        assert left.err == ""


@pytest.mark.parametrize("name", ["1.18.33/11-task", "1.18.33/05-fail", "1.18.33/03-multi"])
def test_the_lines_make_the_same_session_elsewhere(root: Path, name: str) -> None:
    append(root, opencode_records(name))
    append(root, [session("ses_other")])
    id = json.loads(call(root, "query", "--json", "SELECT id FROM sessions WHERE parent_id IS NULL ORDER BY id").out)[
        0
    ]["id"]
    done = call(root, "export", id, "--format", "jsonl", "--output", str(root.parent / "x.jsonl"))
    assert (done.code, done.out, done.err) == (0, "", "")
    elsewhere = root.parent / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / next(root.glob("clankers-*.jsonl")).name).write_bytes((root.parent / "x.jsonl").read_bytes())
    assert call(elsewhere, "show", id, "--json").out == call(root, "show", id, "--json").out
    assert "ses_other" not in {s["id"] for s in listed(elsewhere)}


def test_masked_lines_are_whole_lines(root: Path) -> None:
    lines = call(talk(root), "export", "last", "--format", "jsonl").out.splitlines()
    assert len(lines) == len(next(root.glob("clankers-*.jsonl")).read_text("utf-8").splitlines())
    assert all(crc_holds(line.encode()) for line in lines)


def test_lines_that_cannot_be_read_are_left_out_and_told(root: Path) -> None:
    append(root, [session("ses_a")])
    with next(root.glob("clankers-*.jsonl")).open("ab") as f:
        f.write(b'{"v":1,"id":"ses_a\n')
    done = call(root, "export", "ses_a", "--format", "jsonl")
    assert len(done.out.splitlines()) == 1
    assert "left out 1 unreadable line" in done.err


def test_the_file_says_the_format(sample: Path, tmp_path: Path) -> None:
    for name, begin in (("a.html", "<!doctype html>"), ("a.md", "# "), ("a.jsonl", '{"v":1,'), ("a.txt", "# ")):
        assert call(sample, "export", "last", "-o", str(tmp_path / name)).code == 0
        assert (tmp_path / name).read_text("utf-8").startswith(begin)
    assert call(sample, "export", "last", "-o", str(tmp_path / "a.md"), "--format", "html").code == 0
    assert (tmp_path / "a.md").read_text("utf-8").startswith("<!doctype html>")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.html", "a.jsonl", "a.md", "a.txt"]


def test_a_file_that_cannot_be_written_is_told(sample: Path, tmp_path: Path) -> None:
    done = call(sample, "export", "last", "-o", str(tmp_path / "missing" / "a.html"))
    assert done.code == EX_IO
    assert done.err.startswith("clankers: ")
    assert "missing" in done.err


def test_filters_choose_sessions(sample: Path) -> None:
    done = call(sample, "export", "--source", "opencode")
    assert done.code == 0
    assert len(re.findall(r"^# ", done.out, re.MULTILINE)) == 3
    assert "claude-code" not in done.out
    none = call(sample, "export", "--source", "codex")
    assert (none.code, none.out) == (EX_USAGE, "")


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("--format", "parquet"),
        ("nobody", "--format", "parquet", "-o", "x"),
        ("nobody",),
        ("--format", "pdf", "last"),
    ],
)
def test_what_makes_no_sense_is_refused(sample: Path, args: tuple[str, ...]) -> None:
    done = call(sample, "export", *args)
    assert done.code == EX_USAGE
    assert done.out == ""
    assert done.err


def test_parquet_holds_every_row_of_every_table(root: Path, sample: Path) -> None:
    folder = root.parent / "out"
    done = call(sample, "export", "--format", "parquet", "-o", str(folder), "--no-scrub")
    assert done.code == 0, done.err
    db = project(sample)
    names = {name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    assert {path.stem for path in folder.glob("*.parquet")} == names - INTERNAL
    assert sorted(path.suffix for path in folder.iterdir()) == [".parquet"] * len(names - INTERNAL)
    for table in names - INTERNAL:
        read = pq.read_table(folder / f"{table}.parquet")
        rows = db.execute(f"SELECT * FROM {table}").fetchall()
        assert [tuple(row.values()) for row in read.to_pylist()] == rows, table
    kinds = {field.name: str(field.type) for field in pq.read_schema(folder / "messages.parquet")}
    assert (kinds["id"], kinds["created_at"], kinds["cost"]) == ("string", "int64", "double")


@pytest.mark.parametrize("args", [("--project", "subagent"), (SUBAGENTS[:4],)])
def test_parquet_of_some_sessions_has_nothing_of_the_others(root: Path, sample: Path, args: tuple[str, ...]) -> None:
    folder = root.parent / "out"
    done = call(sample, "export", *args, "--format", "parquet", "-o", str(folder))
    assert done.code == 0, done.err
    found = {path.stem: pq.read_table(path).to_pylist() for path in folder.iterdir()}
    assert {"sessions", "messages", "parts", "tools", "projects", "session_errors"} <= set(found)
    assert not {"meta", "rejects", "log_files", "event_types"} & set(found)
    ids = {row["id"] for row in found["sessions"]}
    assert len(ids) == 3
    assert SUBAGENTS in ids
    assert [row["name"] for row in found["projects"]] == ["subagent"]
    db = project(sample)
    for table in set(found) - {"sessions", "projects"}:
        assert {row["session_id"] for row in found[table]} <= ids, table
        of_them = f"SELECT count(*) FROM {table} WHERE session_id IN (SELECT value FROM json_each(?))"
        assert len(found[table]) == db.execute(of_them, (json.dumps(list(ids)),)).get, table


@pytest.mark.parametrize("form", ["md", "parquet"])
def test_what_cannot_be_written_is_named_as_it_was_asked_for(sample: Path, tmp_path: Path, form: str) -> None:
    (tmp_path / "file").write_text("mine")
    within = str(tmp_path / "file" / "talk")
    done = call(sample, "export", "last", "--format", form, "-o", within)
    assert done.code in (EX_IO, EX_USAGE)
    assert within in done.err
    assert TEMPORARY not in done.err
    told = call(sample, "export", "--format", "parquet", "-o", str(tmp_path / "file"))
    assert (told.code, told.out) == (EX_USAGE, "")
    assert f"{tmp_path / 'file'} is a file" in told.err
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_text() == "mine"


@POSIX_ONLY
def test_a_full_disk_is_told_with_the_file_s_name(tmp_path: Path) -> None:
    path = str(tmp_path / "talk.md")
    with pytest.raises(OSError, match="No space") as told, output_file(path):
        raise OSError(errno.ENOSPC, "No space left on device")
    assert told.value.filename == path
    assert list(tmp_path.iterdir()) == []


@POSIX_ONLY
def test_what_is_no_plain_file_is_not_replaced_and_a_link_stays_one(sample: Path, tmp_path: Path) -> None:
    whole = call(sample, "export", "last").out
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_text("utf-8")))
    reader.start()
    assert call(sample, "export", "last", "-o", str(pipe)).code == 0
    reader.join(DEADLINE)
    assert got == [whole]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    (tmp_path / "link").symlink_to("file")
    assert call(sample, "export", "last", "-o", str(tmp_path / "link")).code == 0
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text("utf-8") == whole


def test_parquet_is_scrubbed(root: Path) -> None:
    talk(root)
    folder = root.parent / "out"
    for _ in range(2):  # what is there is replaced
        done = call(root, "export", "--format", "parquet", "-o", str(folder))
        assert done.code == 0
        assert "github" in done.err
    assert GITHUB.encode() not in b"".join(path.read_bytes() for path in folder.iterdir())
    assert GITHUB not in json.dumps(pq.read_table(folder / "parts.parquet").to_pylist())
    assert "secret:github" in json.dumps(pq.read_table(folder / "parts.parquet").to_pylist())


def test_parquet_of_an_empty_database(root: Path) -> None:
    done = call(root, "export", "--format", "parquet", "-o", str(root.parent / "out"))
    assert done.code == 0, done.err
    assert pq.read_table(root.parent / "out" / "sessions.parquet").num_rows == 0


def test_without_pyarrow_it_says_what_to_install(sample: Path, tmp_path: Path) -> None:
    with mock.patch.dict(sys.modules, {"pyarrow": None}):
        done = call(sample, "export", "--format", "parquet", "-o", str(tmp_path / "out"))
    assert (done.code, done.out) == (EX_FAIL, "")
    assert "pip install" in done.err
    assert not (tmp_path / "out").exists()


def test_the_masks_reach_everything(root: Path) -> None:
    append(
        root,
        [
            session("ses_a", title=f"use {GITHUB}", directory=f"/src/{GITHUB}"),
            event("session.error", sessionID="ses_a", error={"name": "UnknownError", "data": {"message": GITHUB}}),
            event(
                "message.updated",
                info={"id": "msg_1", "sessionID": "ses_a", "role": "assistant", "time": {"created": 1}},
            ),
            event(
                "message.part.updated",
                part={
                    "id": "prt_1",
                    "messageID": "msg_1",
                    "sessionID": "ses_a",
                    "type": "tool",
                    "tool": "x",
                    "callID": "c",
                }
                | {
                    "state": {
                        "status": "completed",
                        "input": {GITHUB: [GITHUB]},
                        "output": GITHUB,
                        "time": {"start": 1, "end": 2},
                    }
                },
            ),
        ],
    )
    for format in ("md", "html", "jsonl"):
        assert GITHUB not in call(root, "export", "ses_a", "--format", format).out.replace("\\", "")


def test_the_title_is_not_a_way_out(root: Path) -> None:
    found = conversation(project(talk(root)), "ses_talk")
    assert stat.S_ISREG(root.joinpath("clankers.db").stat().st_mode)
    assert "<title>Fix the &lt;b&gt;login&lt;/b&gt; 🎉" in "".join(html([found], 1))


@pytest.mark.parametrize("form", [export.Format.MD, export.Format.HTML])
def test_one_conversation_at_a_time_is_held_in_memory(
    form: export.Format, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(root, [session("ses_1", title="the first"), session("ses_2", title="the second")])
    read: list[str] = []

    def noted(db: Database, id: str) -> Conversation:
        read.append(id)
        return conversation(db, id)

    monkeypatch.setattr(export, "conversation", noted)
    with closing(project(root)) as db:
        parts = export.render(db, ["ses_1", "ses_2"], form, None)
        while b"the first" not in next(parts):
            pass
        assert read == ["ses_1"]
        assert b"the second" in b"".join(parts)
    assert read == ["ses_1", "ses_2"]


def test_two_exports_into_one_file_at_once_are_both_complete(tmp_path: Path) -> None:
    file = tmp_path / "out.md"

    def slow() -> Iterator[bytes]:
        yield b"one "
        export.write(str(file), [b"two"])  # another begins and ends meanwhile
        assert file.read_bytes() == b"two"
        yield b"half"

    export.write(str(file), slow())
    assert file.read_bytes() == b"one half"
    assert list(tmp_path.iterdir()) == [file]
