"""`clankers search`: by its words everything is found, whatever is typed, and nothing that is gone."""

import io
import json
import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from rich.cells import cell_len
from rich.console import Console

from clankers.cli import search as cli_search
from clankers.errors import EX_FAIL, EX_USAGE, UsageError
from clankers.queries import search
from clankers.queries.filters import filters
from clankers.system.locks import WATCHER
from projector.replay.rebuild import update
from projector.search import index
from projector.search.index import query_index
from projector.search.tokenize import readable
from projector.store.lock import ProjectorLock
from tests.commands import HOSTILE, NOW, POSIX_ONLY, RAW, call, command, environment, event, run, session, work
from tests.feeding import CLAUDE_CODE, OPENCODE, Record, Recording, append, feed_hooks, opencode_records
from tests.golden import SCHEMAS, assert_golden
from tests.patience import DEADLINE
from tests.talks import SAMPLE

VALID = Draft202012Validator(json.loads((SCHEMAS / "search.json").read_text("utf-8")))


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("recorded")
    for name in CLAUDE_CODE:
        feed_hooks(name, base / "data", base / "home")
    for name in OPENCODE:
        append(base / "data", opencode_records(name))
    return base / "data"


def found(root: Path, *args: str, **env: str) -> list[dict[str, Any]]:
    done = call(root, "search", "--json", *args, **env)
    assert done.code == 0, done.err
    hits: list[dict[str, Any]] = json.loads(done.out)
    VALID.validate(hits)
    return hits


def texts(root: Path, *args: str) -> list[str]:
    return [hit["snippet"] for hit in found(root, *args)]


def said(id: str, text: str, *, at: int = NOW, of: str = "ses_1", role: str = "user", **more: Any) -> list[Record]:
    """A message of OpenCode, whole."""
    info = {"id": id, "sessionID": of, "role": role, "time": {"created": at}} | more
    part = {"id": f"prt_{id}", "messageID": id, "sessionID": of, "type": "text", "text": text}
    return [event("message.updated", info=info), event("message.part.updated", part=part)]


def called(id: str, given: Any, output: str, *, of: str = "ses_1", tool: str = "bash", **state: Any) -> list[Record]:
    """A tool call of OpenCode that ended."""
    time = {"start": NOW, "end": NOW + 1}
    state = {"status": "completed", "input": given, "output": output, "time": time, "metadata": {}} | state
    part = {"id": id, "messageID": "msg_of_call", "sessionID": of, "type": "tool", "tool": tool, "state": state}
    return [event("message.part.updated", part=part)]


def index_of(root: Path) -> Path:
    (index,) = root.glob("clankers.db.search-*")
    return index


def test_prompts_answers_inputs_and_outputs_are_found(recorded: Path) -> None:
    hits = [hit for word in ("hello", "alpha") for hit in found(recorded, word, "--limit", "1000")]
    assert {(hit["kind"], hit["source"], hit["tool_name"]) for hit in hits} >= {
        ("prompt", "claude-code", None),
        ("answer", "claude-code", None),
        ("prompt", "opencode", None),
        ("answer", "opencode", None),
        ("tool", "opencode", "read"),  # by its output
    }
    failed = found(recorded, "does-not-exist.txt", "--source", "opencode")
    assert {(hit["tool_name"], hit["success"]) for hit in failed} == {("read", 0)}


def test_every_recorded_word_is_found_in_its_place(recorded: Path) -> None:
    """Against a search by hand, in a sample of all words."""
    call(recorded, "project")
    with closing(apsw.Connection(str(recorded / "clankers.db"))) as db:
        rows = dict(db.execute("SELECT id, text_content FROM messages WHERE NOT copied AND text_content IS NOT NULL"))
        for id, *parts in db.execute("SELECT id, tool_input, tool_output, error_message FROM tools"):
            rows[id] = "\n".join(readable(part) for part in parts if part)
    tokens = apsw.Connection(":memory:").fts5_tokenizer("unicode61", ["remove_diacritics", "2"])
    by_word: dict[str, set[str]] = {}
    for id, text in rows.items():
        for _, _, *same in list[Any](tokens(text.encode(), apsw.FTS5_TOKENIZE_DOCUMENT, None)):
            by_word.setdefault(same[0], set()).add(id)
    words = random.Random(1).sample(sorted(by_word), 60)
    for word in words:
        assert {hit["id"] for hit in found(recorded, "--limit", "100000", "--", word)} == by_word[word], word


def test_all_words_are_to_be_there_and_quoted_ones_together(root: Path) -> None:
    append(root, [session("ses_1")])
    for i, text in enumerate(("the red fox ran", "the fox, red", "a red car", "Füchse: RED_FOX.py")):
        append(root, said(f"msg_{i}", text))
    assert len(texts(root, "red", "fox")) == 3
    assert sorted(texts(root, "red fox")) == ["Füchse: RED_FOX.py", "the red fox ran"]  # the shell's quotes
    assert sorted(texts(root, '"red fox"')) == ["Füchse: RED_FOX.py", "the red fox ran"]
    assert texts(root, '"red fox" ran') == ["the red fox ran"]
    assert texts(root, 'ran "red fox') == ["the red fox ran"]
    assert texts(root, "red_fox.py") == ["Füchse: RED_FOX.py"]
    assert texts(root, "fuchse") == ["Füchse: RED_FOX.py"]
    assert texts(root, "fo") == []
    hit = found(root, "ran", "red")[0]
    assert [hit["snippet"][a:b] for a, b in hit["found"]] == ["red", "ran"]


def test_a_star_at_the_end_of_a_word_finds_words_that_begin_so(root: Path) -> None:
    append(root, [session("ses_1"), *said("msg_1", "a flaky test"), *said("msg_2", "flakes, 日本語")])
    append(root, said("msg_3", "flat"))
    assert sorted(texts(root, "flak*")) == ["a flaky test", "flakes, 日本語"]
    for words in (["flak*", "tes*"], ["a flaky te*"], ['"a flaky" te*']):
        assert texts(root, *words) == ["a flaky test"]
    assert texts(root, "flakes 日*") == ["flakes, 日本語"]
    assert texts(root, '"flak*"') == texts(root, "flak") == []
    (hit,) = found(root, "flaky", "te*")
    assert [hit["snippet"][a:b] for a, b in hit["found"]] == ["flaky", "test"]


@pytest.mark.parametrize(
    "word", ["AND", "NOT", "NEAR(a b)", "a*", "^a", "said:a", "-a", "a + b", "(", '"', "'", "\\", "{a b}:c", "--", "→"]
)
def test_nothing_that_is_typed_is_an_operator(root: Path, word: str) -> None:
    append(root, [session("ses_1"), *said("msg_1", f"before {word} after"), *said("msg_2", "a b c")])
    done = call(root, "search", "--json", "--", word)
    if not any(c.isalnum() for c in word):
        assert done.code == EX_USAGE
        assert "nothing to search for" in done.err
    else:
        assert done.code == 0, done.err
        assert "msg_1" in [hit["id"] for hit in json.loads(done.out)]


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[apsw.Connection]:
    root = tmp_path_factory.mktemp("few") / "data"
    append(root, [session("ses_1"), *said("msg_1", "a b c \x02 x\x00y"), *called("prt_1", {"command": "a"}, "b\x03")])
    call(root, "project")
    path = str(root / "clankers.db")
    query_index(path, lambda _: None, progress=lambda _: None)
    with closing(apsw.Connection(str(index_of(root)))) as db:
        db.execute("ATTACH ? AS live", (path,))
        yield db


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.text() | st.text('ab "*()^:-+\x00\udc80日\u200b{}'), min_size=1))
def test_whatever_is_typed_is_searched_for(few: apsw.Connection, words: list[str]) -> None:
    try:
        query = search.match_expression(words)
    except UsageError:
        return
    for hit in search.best_matches(few, query, filters(), 20):
        assert all(0 <= a < b <= len(hit.snippet) for a, b in hit.found)


def test_json_is_searched_by_its_values_and_not_as_it_is_written(root: Path) -> None:
    given = {"command": "first\nsecond", "timeout": 4711, "description": 'say "so"'}
    append(root, [session("ses_1"), *called("prt_1", given, "out"), *called("prt_2", {"command": "x"}, "broken {")])
    for word in ("second", "4711", "so", '"first second"'):
        assert len(found(root, word)) == 1, word
    for word in ("nsecond", "command", "description"):
        assert found(root, word) == [], word
    assert len(found(root, "broken")) == 1


def test_chinese_japanese_and_korean_are_found_by_any_of_their_words(root: Path) -> None:
    append(root, [session("ses_1"), *said("msg_1", "日本語のテスト 한국어"), *said("msg_2", "本日は")])
    assert texts(root, "本語") == ["日本語のテスト 한국어"]
    assert texts(root, "국어") == ["日本語のテスト 한국어"]
    assert len(texts(root, "本")) == 2
    hit = found(root, "テスト")[0]
    assert "".join(hit["snippet"][a:b] for a, b in hit["found"]) == "テスト"


def test_the_best_come_first_and_of_equals_the_newest(root: Path) -> None:
    append(root, [session("ses_1"), *called("prt_1", {"command": "make"}, "needle " + "straw " * 500)])
    for i in (3, 1, 2):
        append(root, said(f"msg_{i}", "a needle in here", at=NOW + i))
    assert [hit["id"] for hit in found(root, "needle")] == ["msg_3", "msg_2", "msg_1", "prt_1"]
    assert [hit["id"] for hit in found(root, "needle", "--limit", "2")] == ["msg_3", "msg_2"]
    assert "These are the best 2" in call(root, "search", "needle", "--limit", "2").out


def test_filters_take_messages_and_calls_by_their_own_time_and_model(root: Path) -> None:
    append(root, [session("ses_1", directory="/src/shop"), session("ses_2", directory="/src/shop/sub")])
    append(root, [session("ses_3", directory="/src/other")])
    append(root, said("msg_1", "needle", of="ses_1", role="assistant", modelID="opus-9"))
    append(root, said("msg_2", "needle", of="ses_2", at=NOW + 1000, role="assistant", modelID="haiku-2"))
    append(root, said("msg_3", "needle", of="ses_3", at=NOW + 2000))

    def ids(*args: str) -> list[str]:
        return sorted(hit["id"] for hit in found(root, "needle", *args))

    assert ids() == ["msg_1", "msg_2", "msg_3"]
    assert ids("--project", "/src/shop") == ["msg_1", "msg_2"]
    assert ids("--project", "sub") == ["msg_2"]
    assert ids("--model", "OPUS") == ["msg_1"]
    assert ids("--source", "claude-code") == []
    assert ids("--since", "2023-11-14T22:13:21Z") == ["msg_2", "msg_3"]
    assert ids("--until", "2023-11-14T22:13:22Z") == ["msg_1", "msg_2"]
    assert ids("--project", "/src/shop", "--since", "2023-11-14T22:13:21Z") == ["msg_2"]


def state(root: Path) -> tuple[list[Any], dict[str, list[Any]]]:
    """All that the index says."""
    path = str(root / "clankers.db")

    def question(db: apsw.Connection) -> tuple[list[Any], dict[str, list[Any]]]:
        docs = db.execute("SELECT * FROM docs ORDER BY doc").fetchall()
        db.execute("CREATE VIRTUAL TABLE temp.words USING fts5vocab(main, texts, row)")
        words = [word for (word,) in db.execute("SELECT term FROM temp.words")]
        rows = {w: db.execute("SELECT rowid FROM texts WHERE texts MATCH ?", (f'"{w}"',)).fetchall() for w in words}
        return docs, {word: sorted(found) for word, found in rows.items() if found}

    return query_index(path, question, progress=lambda _: None)


@pytest.mark.parametrize(
    "name", ["tools", "subagent", "resume", "sig_kill_tool", "compact", "1.18.33/24-fork", "1.0.185/60-turns"]
)
def test_the_index_follows_what_grows_changes_and_goes(name: str, root: Path, tmp_path: Path) -> None:
    """Searched after each few events, it is in the end what it would be at once."""
    path = str(root / "clankers.db")

    def follow() -> None:
        update(path, str(root))
        query_index(path, lambda _: None, progress=lambda _: None)

    if name in CLAUDE_CODE:
        recording = Recording(name, tmp_path / "home")
        for payload in recording.steps():
            append(root, [("claude-code", json.loads(payload)["hook_event_name"], payload)], follow=True)
            follow()
        recording.grow_all()
    else:
        records = opencode_records(name)
        for i in range(0, len(records), 5):
            append(root, records[i : i + 5])
            follow()
    call(root, "project")
    grown = state(root)
    index_of(root).unlink()
    assert state(root) == grown
    assert grown[0]


def test_a_text_that_changed_is_found_by_its_new_words_alone(root: Path) -> None:
    append(root, [session("ses_1"), *said("msg_1", "first draft")])
    assert len(found(root, "draft")) == 1
    append(root, said("msg_1", "first draft, finished"))
    assert len(found(root, "finished")) == 1
    final = {"id": "prt_msg_1", "messageID": "msg_1", "sessionID": "ses_1", "type": "text", "text": "other"}
    append(root, [event("message.part.updated", part=final | {"time": {"start": NOW, "end": NOW}})])
    assert found(root, "draft") == []
    assert texts(root, "other") == ["other"]


def files_with(root: Path, word: bytes) -> list[str]:
    return sorted(path.name for path in root.rglob("*") if path.is_file() and word in path.read_bytes())


def test_what_is_forgotten_or_scrubbed_is_in_no_index(root: Path) -> None:
    secret = "ghp_" + "a1B2" * 9
    append(root, [session("ses_1"), session("ses_2"), *said("msg_1", "xylophonist")])
    append(root, said("msg_2", f"keep {secret}", of="ses_2"))
    assert len(found(root, "xylophonist")) == 1
    assert len(found(root, secret)) == 1
    assert index_of(root).name in files_with(root, b"xylophonist")
    assert call(root, "forget", "ses_1", "--yes").code == 0
    assert files_with(root, b"xylophonist") == []
    assert found(root, "xylophonist") == []
    assert len(found(root, "keep")) == 1
    assert index_of(root).name in files_with(root, secret[4:].lower().encode())
    assert call(root, "scrub").code == 0
    assert files_with(root, secret[4:].lower().encode()) == []
    assert found(root, secret) == []
    assert len(found(root, "keep")) == 1


def test_another_database_gets_another_index(root: Path) -> None:
    append(root, [session("ses_1"), *said("msg_1", "needle"), *said("msg_2", "straw")])
    assert len(found(root, "needle")) == 1
    before = index_of(root)
    assert call(root, "project", "--rebuild").code == 0
    assert not before.exists()
    assert len(found(root, "needle")) == 1
    before = index_of(root)
    assert before.stat().st_mode & 0o077 == 0
    with closing(apsw.Connection(str(root / "clankers.db"))) as db:
        db.execute("DELETE FROM parts; DELETE FROM messages WHERE id = 'msg_1'; VACUUM")  # the rows are numbered anew
    assert found(root, "needle") == []
    assert index_of(root) != before
    for path in root.glob("clankers.db*"):
        if "search" not in path.name:
            path.unlink()
    assert len(found(root, "needle")) == 1
    assert len(list(root.glob("clankers.db.search-*"))) == 1


@pytest.mark.parametrize("damage", ["garbage", "cut", "empty", "gone", "hole"])
def test_a_damaged_index_is_built_again(root: Path, damage: str) -> None:
    append(root, work(0, 200))
    assert len(found(root, "prompt", "--limit", "1000")) == 200
    index = index_of(root)
    content = index.read_bytes()
    if damage == "gone":
        index.unlink()
    else:
        hole = content[:4096] + b"\xff" * (len(content) - 4096)
        index.write_bytes({"garbage": b"x" * 10_000, "cut": content[:5000], "empty": b"", "hole": hole}[damage])
    append(root, work(200, 1))
    assert len(found(root, "prompt", "--limit", "1000")) == 201


def test_a_damaged_database_is_reported_with_the_remedy(root: Path) -> None:
    append(root, [session("ses_1"), *said("msg_1", "needle " + "straw " * 100_000)])
    assert call(root, "project").code == 0
    database = root / "clankers.db"
    with closing(apsw.Connection(str(database))) as db:
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
        page, root_page = (
            db.pragma("page_size"),
            db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'messages'").get,
        )
    with database.open("r+b") as f:
        f.seek((root_page - 1) * page)
        f.write(b"\xff" * page)
    done = call(root, "search", "needle")
    assert done.code == EX_FAIL
    assert "is damaged" in done.err
    assert "run `clankers project --rebuild`" in done.err
    assert call(root, "project", "--rebuild").code == 0
    assert len(found(root, "needle")) == 1


def test_a_database_that_is_rebuilt_meanwhile_is_the_one_that_is_searched(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(
        root, [session("ses_1"), session("ses_2"), *said("msg_1", "xylophonist"), *said("msg_2", "keep", of="ses_2")]
    )
    assert call(root, "project").code == 0
    file_of, asked = index._file, []

    def forgotten_meanwhile(path: str) -> str:
        asked.append(path)
        if len(asked) == 2:  # some was taken in
            assert call(root, "forget", "ses_1", "--yes").code == 0
        return file_of(path)

    monkeypatch.setattr(index, "_file", forgotten_meanwhile)
    assert found(root, "xylophonist") == []
    assert len(asked) == 4
    assert len(found(root, "keep")) == 1
    assert files_with(root, b"xylophonist") == []
    index_of(root)


def test_a_watcher_is_no_hindrance(root: Path) -> None:
    append(root, [session("ses_1"), *said("msg_1", "needle")])
    assert call(root, "project").code == 0
    with ProjectorLock(str(root / "clankers.db"), WATCHER):
        assert len(found(root, "needle")) == 1


def test_many_changes_are_indexed_in_several_transactions(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for i in range(10):
        append(root, work(i * 5, 5))
        assert call(root, "project").code == 0
    monkeypatch.setattr(index, "_AT_ONCE", 10)
    bits: list[int] = []
    query_index(str(root / "clankers.db"), lambda _: None, progress=bits.append)
    assert bits == [5] * 10
    assert len(found(root, "prompt", "--limit", "1000")) == 50


KILLED = """
import os, signal, sys
from projector.search import index
session, calls = index._session, []
def killed_at_the_thirteenth(*args):
    calls.append(args)
    if len(calls) == 13:
        os.kill(os.getpid(), signal.SIGKILL)
    return session(*args)
index._session, index._AT_ONCE = killed_at_the_thirteenth, 10
index.query_index(sys.argv[1], lambda _: None, progress=lambda _: None)
"""


@POSIX_ONLY
def test_who_is_killed_has_not_worked_in_vain(root: Path) -> None:
    for i in range(10):
        append(root, work(i * 5, 5))
        assert call(root, "project").code == 0
    path = str(root / "clankers.db")
    done = subprocess.run([sys.executable, "-c", KILLED, path], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL
    bits: list[int] = []
    query_index(path, lambda _: None, progress=bits.append)
    assert sum(bits) == 40
    assert len(found(root, "prompt", "--limit", "1000")) == 50


@POSIX_ONLY
def test_several_searches_at_once_make_one_index(root: Path) -> None:
    append(root, work(0, 300))
    assert call(root, "project").code == 0
    many = [
        subprocess.Popen(
            command("search", "--json", "prompt", "--limit", "1000"),
            env=environment(root),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        for _ in range(4)
    ]
    for process in many:
        out, err = process.communicate(timeout=DEADLINE)
        assert process.returncode == 0, err
        assert len(json.loads(out)) == 300
    index_of(root)


def test_nothing_yet_and_nothing_found(root: Path) -> None:
    hint = " Words are whole; 'needle*' also finds longer ones."
    for printed in ("Nothing is recorded yet;", f"Nothing has all of these words.{hint}\n"):
        done = run(root, "search", "needle")
        assert (done.code, done.out[: len(printed)], done.out.count("\n"), done.err) == (0, printed, 1, "")
        append(root, work(0, 1))
    assert call(root, "search", "needle*").out == "Nothing has all of these words.\n"
    assert found(root, "needle") == []


def test_what_is_shown_is_clean(root: Path) -> None:
    append(root, [session("ses_\x1b[2J", title=HOSTILE, directory="/src/\x1b]0;x\x07shop")])
    append(root, said("msg_1", f"{HOSTILE} needle [bold]no markup[/]", of="ses_\x1b[2J"))
    append(root, called("prt_1", {"command": f"needle {HOSTILE}"}, "", of="ses_\x1b[2J", tool="b\x1b[31m"))
    done = run(root, "search", "needle")
    assert done.code == 0
    assert not RAW.search(done.out)
    assert "[bold]no markup[/]" in done.out
    assert "\x1b" not in call(root, "search", "--json", "needle").out


def test_a_nul_hides_nothing_of_what_stands_behind_it(root: Path) -> None:
    append(root, [session("ses_1"), *said("msg_1", "before\0 needle behind")])
    assert texts(root, "needle") == ["before  needle behind"]
    assert texts(root, "before") == ["before  needle behind"]


def test_a_source_that_no_session_is_of_is_named(root: Path) -> None:
    append(root, [session("ses_1"), *said("msg_1", "needle")])
    assert call(root, "search", "needle", "--source", "nonsense") == (
        *(0, "No sessions from nonsense. Recorded sources: opencode.\n", ""),
    )
    assert "all of these words" in call(root, "search", "hay", "--source", "opencode").out


def test_a_word_without_end_is_shown_in_part(root: Path) -> None:
    append(root, [session("ses_1"), *said("msg_1", "x" * 50_000 + " needle " + "y" * 50_000)])
    (hit,) = found(root, "needle")
    assert len(hit["snippet"]) <= 400
    assert [hit["snippet"][a:b] for a, b in hit["found"]] == ["needle"]


@pytest.mark.parametrize("width", [60, 200])
def test_the_sample_is_found_as_before(width: int, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root.mkdir()
    (root / "clankers-2026-11-20.jsonl").write_bytes(SAMPLE.read_bytes())
    append(root, said("msg_1", f"hello 🎉 שלום {HOSTILE} " + "日本語 " * 40, of="ses_1"))
    append(root, [session("ses_1", title=f"emoji 🐛, עברית, {HOSTILE}")])
    out = io.StringIO()
    terminal = Console(file=out, width=width, highlight=False)
    monkeypatch.setattr(cli_search, "print_hits", lambda hits: cli_search.draw_hits(hits, terminal))
    for words in (["hello"], ["file", "txt"]):
        done = call(root, "search", *words, "--limit", "6", TZ="UTC")
        assert done.code == 0, done.err
    assert all(cell_len(line) <= width for line in out.getvalue().splitlines())
    assert not RAW.search(out.getvalue())
    assert_golden(f"search-{width}.txt", out.getvalue())


def test_doctor_tells_of_the_index(root: Path) -> None:
    append(root, work(0, 1))
    call(root, "project")
    assert "clankers search" not in call(root, "doctor").out
    assert len(found(root, "prompt")) == 1
    assert "beside it that `clankers search` needs" in call(root, "doctor").out
