"""`clankers sessions`, `clankers demo`, and what the command line says of itself."""

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer.main
from rich.cells import cell_len

import clankers
from clankers import cli
from clankers.cli import output, sessions
from clankers.errors import EX_USAGE
from clankers.harnesses import BUILT_IN
from clankers.queries.sessions import ListedSession, list_sessions
from tests.commands import (
    HOSTILE,
    NOW,
    POSIX_ONLY,
    RAW,
    call,
    copy_id,
    environment,
    event,
    on_a_terminal,
    run,
    session,
    work,
)
from tests.feeding import Record, append, feed_transcripts, opencode_records, project
from tests.patience import DEADLINE

COMMANDS = ("append", "project", "query", "sessions", "demo")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def rows(shown: str) -> list[str]:
    """The lines of a table below its head."""
    return shown.splitlines()[2:]


def body(shown: str) -> list[list[str]]:
    """The cells of a table's rows; cells stand two or more spaces apart."""
    return [re.split(r" {2,}", line.strip()) for line in rows(shown)]


def ids(shown: str) -> list[str]:
    return [row[-1] for row in body(shown)]


def listed(root: Path, *options: str) -> list[dict[str, Any]]:
    done = call(root, "sessions", "--json", *options)
    assert done.code == 0, done.err
    found: list[dict[str, Any]] = json.loads(done.out)
    return found


def test_sessions_lists_the_newest_first(root: Path) -> None:
    append(root, work(0, 3))
    done = run(root, "sessions")
    assert done.code == 0
    assert done.err == ""
    assert done.out.splitlines()[0].split() == [
        *("active", "source", "project", "title", "model"),
        *("turns", "tools", "failed", "errors", "tokens", "cost", "duration", "id"),
    ]
    assert ids(done.out) == ["ses_000002", "ses_000001", "ses_000000"]
    assert body(done.out)[0][1:5] == ["opencode", "shop", "a title", "1"]


def test_sessions_of_the_same_second_are_told_apart(root: Path) -> None:
    append(root, [session(f"ses_{i}", created=NOW + i) for i in range(8)])
    assert ids(call(root, "sessions").out) == [f"ses_{i}" for i in reversed(range(8))]


def test_sessions_brings_the_database_up_to_date_first(root: Path) -> None:
    append(root, work(0, 1))
    assert len(listed(root)) == 1
    append(root, work(1, 1))
    assert len(listed(root)) == 2


def test_sessions_as_json_are_the_tables_rows(root: Path) -> None:
    append(root, [session("ses_1", title=HOSTILE), session("ses_2", created=NOW + 5000, parentID="ses_1")])
    top, child = listed(root, "--tree")
    assert top["id"] == "ses_1"
    assert top["title"] == HOSTILE
    assert top["created_at"] == NOW
    assert top["source"] == "opencode"
    assert (top["depth"], child["depth"]) == (0, 1)
    assert child["parent_id"] == "ses_1"
    columns = json.loads(call(root, "query", "--json", "SELECT name FROM pragma_table_info('sessions')").out)
    assert list(top) == [c["name"] for c in columns] + [
        *("depth", "turns", "duration_ms", "failed_calls", "subagents", "subagent_tools", "subagent_failed_calls"),
        *("subagent_errors", "subagent_tokens", "subagent_cost", "subagent_cost_source"),
    ]


def test_sessions_without_any_says_so(root: Path) -> None:
    done = run(root, "sessions")
    assert done.code == 0
    assert done.out.startswith("Nothing is recorded yet")
    assert listed(root) == []


def test_limit_counts_sessions_and_their_subagents_come_with_them(root: Path) -> None:
    append(root, work(0, 30))
    append(root, [session(f"ses_child_{i}", created=NOW + 10**6 + i * 5000, parentID="ses_000029") for i in range(2)])
    assert len(listed(root, "--tree")) == 27
    assert len(listed(root)) == 25
    assert [s["id"] for s in listed(root, "--tree", "--limit", "2")] == [
        *("ses_000029", "ses_child_0", "ses_child_1"),
        "ses_000028",
    ]
    assert len(listed(root, "--tree", "--limit", "100")) == 32
    for bad in ("0", "-1", "many"):
        done = call(root, "sessions", "--limit", bad)
        assert done.code != 0
        assert done.out == ""


def test_a_list_that_is_cut_says_how_many_sessions_there_are(root: Path) -> None:
    append(root, work(0, 30))
    append(root, [session("ses_child", created=NOW + 10**6, parentID="ses_000029")])
    assert call(root, "sessions").out.endswith("\n25 of 30 sessions; --limit N lists more.\n")
    assert call(root, "sessions", "--project", "shop", "--limit", "29").out.endswith(
        "29 of 30 sessions; --limit N lists more.\n"
    )
    for options in (("--limit", "30"), ("--limit", "5", "--source", "codex"), ("--json",)):
        assert "--limit" not in call(root, "sessions", *options).out


def test_failed_calls_are_shown_with_those_of_subagents(root: Path) -> None:
    append(root, [session("ses_1"), session("ses_2", parentID="ses_1"), failed_call("ses_1"), failed_call("ses_2")])
    (one,) = listed(root)
    assert (one["tool_call_count"], one["failed_calls"], one["subagent_failed_calls"]) == (1, 1, 1)
    assert re.split(r"\s{2,}", call(root, "sessions").out.splitlines()[2])[4:6] == ["2", "2"]  # tools, failed
    assert " · 2 tool calls (2 failed) · " in call(root, "show", "ses_1").out


def failed_call(of: str) -> Record:
    part = {"id": f"prt_{of}", "messageID": f"msg_{of}", "sessionID": of, "type": "tool", "callID": of, "tool": "bash"}
    time = {"start": NOW, "end": NOW + 1}
    return event(
        "message.part.updated", part=part | {"state": {"status": "error", "input": {}, "error": "no", "time": time}}
    )


@POSIX_ONLY
@pytest.mark.parametrize(
    "args", [("sessions",), ("stats", "--all"), ("search", "prompt"), ("query", "select * from messages")], ids=" ".join
)
def test_a_list_on_a_terminal_goes_through_the_pager(root: Path, args: tuple[str, ...]) -> None:
    append(root, work(0, 20))
    whole = on_a_terminal(root, *args)
    assert on_a_terminal(root, *args, PAGER="head -n 2") == "\n".join(whole.split("\n")[:2]) + "\n"
    assert call(root, *args, PAGER="head -n 2").out.count("\n") > 2


def test_subagents_stand_below_their_parent_oldest_first(root: Path) -> None:
    append(
        root,
        [
            session("ses_a", created=NOW),
            session("ses_a_2", created=NOW + 2000, parentID="ses_a"),
            session("ses_a_1", created=NOW + 1000, parentID="ses_a"),
            session("ses_a_1_1", created=NOW + 90_000, parentID="ses_a_1"),
            session("ses_b", created=NOW + 60_000),
            session("ses_orphan", created=NOW - 60_000, parentID="ses_unseen"),
        ],
    )
    shown = call(root, "sessions", "--tree").out
    assert ids(shown) == ["ses_b", "ses_a", "ses_a_1", "ses_a_1_1", "ses_a_2", "ses_unseen", "ses_orphan"]
    indents = {
        row[-1]: re.split("a title|Untitled session", line)[0]
        for row, line in zip(body(shown), rows(shown), strict=True)
    }
    assert {id for id, indent in indents.items() if "└" in indent} == {"ses_a_1", "ses_a_1_1", "ses_a_2", "ses_orphan"}
    assert len(indents["ses_a_1_1"]) > len(indents["ses_a_1"]) == len(indents["ses_a_2"]) > len(indents["ses_a"])


@pytest.mark.parametrize("harness", ["claude-code", "opencode"])
def test_a_real_subagent_stands_below_its_parent(root: Path, tmp_path: Path, harness: str) -> None:
    if harness == "claude-code":
        feed_transcripts("subagent", root, tmp_path / "home")
    else:
        append(root, opencode_records("1.18.33/11-task"))
    found = listed(root, "--tree")
    assert found[0]["depth"] == 0
    assert len(found) >= 2
    for child in found[1:]:
        assert child["depth"] == 1
        assert child["parent_id"] == found[0]["id"]
    (folded,) = listed(root)
    kinds = ("prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_write_tokens")
    assert folded == found[0]
    assert folded["subagents"] == len(found) - 1
    assert folded["subagent_tools"] == sum(child["tool_call_count"] for child in found[1:])
    assert folded["subagent_tokens"] == sum(child[kind] for child in found[1:] for kind in kinds) > 0
    costs = [child["cost"] for child in found[1:] if child["cost"] is not None]
    assert folded["subagent_cost"] == (sum(costs) if costs else None)
    assert folded["turns"] == 1
    assert [child["turns"] for child in found[1:]] == [0] * len(found[1:])
    line = rows(call(root, "sessions").out)[0]
    assert f" {folded['subagents']}: " in line


def test_the_session_that_was_active_last_stands_first(root: Path) -> None:
    later = {"created": NOW, "updated": NOW + 10**7}
    append(root, [*work(0, 3), session("ses_resumed", time=later)])
    assert ids(call(root, "sessions").out) == ["ses_resumed", "ses_000002", "ses_000001", "ses_000000"]
    assert listed(root)[0]["duration_ms"] == 10**7
    assert " 2h46m " in call(root, "sessions").out


def test_turns_are_what_a_person_typed_and_not_copied(root: Path) -> None:
    def said(id: str, session: str, at: int, *, synthetic: bool = False) -> list[Record]:
        ids = {"sessionID": session, "messageID": id}
        part = {"id": f"prt_{id}", **ids, "type": "text", "text": id, "synthetic": synthetic}
        info = {"id": id, "sessionID": session, "role": "user", "time": {"created": at}}
        return [event("message.updated", info=info), event("message.part.updated", part=part)]

    append(
        root,
        [
            session("ses_a"),
            *said("typed", "ses_a", NOW + 1),
            *said("made_up", "ses_a", NOW + 2, synthetic=True),
            *said(copy_id(NOW + 1), "ses_a", NOW - 1),
            *said("typed_too", "ses_a", NOW + 3),
        ],
    )
    assert call(root, "query", "--csv", "SELECT sum(synthetic), sum(copied) FROM messages").out.split()[-1] == "1,1"
    assert listed(root)[0]["turns"] == 2


def test_the_newest_of_very_many_are_found_by_the_index(root: Path) -> None:
    append(root, work(0, 1))
    db = project(root)
    row = "SELECT printf('s%06d', value), 'opencode', value, value FROM generate"
    numbers = "WITH RECURSIVE generate (value) AS (SELECT 1 UNION ALL SELECT value + 1 FROM generate LIMIT 100000)"
    db.execute(f"{numbers} INSERT INTO sessions (id, source, created_at, updated_at) {row}")
    steps = 0

    def count_steps() -> bool:
        nonlocal steps
        steps += 1
        return False

    db.set_progress_handler(count_steps, 100)  # of SQLite's virtual machine
    found = list_sessions(db, 25)
    assert [s.id for s in found[:3]] == ["ses_000000", "s100000", "s099999"]
    assert len(found) == 25
    assert 0 < steps < 1000


def test_a_filter_finds_a_session_by_its_subagent_too(root: Path) -> None:
    append(
        root,
        [
            session("ses_a"),
            session("ses_a_1", parentID="ses_a"),
            session("ses_a_1_1", parentID="ses_a_1", directory="/src/elsewhere"),
            session("ses_b"),
        ],
    )
    assert [s["id"] for s in listed(root, "--project", "elsewhere")] == ["ses_a"]
    assert [s["id"] for s in listed(root, "--project", "elsewhere", "--tree")] == ["ses_a", "ses_a_1", "ses_a_1_1"]
    assert [s["id"] for s in listed(root, "--project", "/src/shop", "--limit", "1")] == ["ses_a"]
    assert listed(root, "--source", "claude-code") == []
    nothing = call(root, "sessions", "--project", "nowhere")
    assert nothing.code == 0
    assert nothing.out.startswith("No sessions match these filters")
    nothing = call(root, "sessions", "--source", "claude-code", "--source", "codex")
    assert nothing == (0, "No sessions from claude-code or codex. Recorded sources: opencode.\n", "")
    assert call(root, "sessions", "--since", "soon").code == EX_USAGE


def test_titles_are_shown_clean(root: Path) -> None:
    titles = {
        "ses_1": (HOSTILE, r"\x1b[2J\x1b]0;owned\x07a b c d\x9b31m\x202egnp.exe\x2066x\x7f"),
        "ses_2": ("fix 🐛 in café — 日本語", "fix 🐛 in café — 日本語"),
        "ses_3": ("[bold red]no markup[/] :bug:", "[bold red]no markup[/] :bug:"),
        "ses_4": ("one\r\ntwo", "one two"),
    }
    append(root, [session(id, title=raw) for id, (raw, _) in titles.items()])
    done = run(root, "sessions")
    assert done.code == 0
    assert not RAW.search(done.out)
    assert set(ids(done.out)) == set(titles)
    lines = {id: next(line for line in done.out.splitlines() if id in line) for id in titles}
    for id, (_, shown) in titles.items():
        assert re.sub(" +", " ", shown) in re.sub(" +", " ", lines[id])


def test_ids_and_paths_are_shown_clean(root: Path) -> None:
    append(root, [session("ses_\x1b[2J", directory="/src/\x1b]0;x\x07\nshop")])
    done = call(root, "sessions")
    assert done.code == 0
    assert not RAW.search(done.out)
    assert r"ses_\x1b[2J" in done.out


def test_a_session_that_is_only_named_is_listed(root: Path) -> None:
    append(root, [("opencode", "session.idle", b'{"type":"session.idle","properties":{"sessionID":"ses_bare"}}')])
    assert ids(call(root, "sessions").out) == ["ses_bare"]
    assert "Untitled session" in call(root, "sessions").out


@pytest.mark.parametrize("created", [0, 2**53, 253_402_300_800_000])
def test_a_time_beyond_the_calendar_does_not_stop_the_list(root: Path, created: int) -> None:
    append(root, [session("ses_odd", created=created), *work(0, 1)])
    done = call(root, "sessions")
    assert done.code == 0
    assert set(ids(done.out)) == {"ses_odd", "ses_000000"}


def everything_under(path: Path) -> list[Path]:
    return sorted(path.rglob("*"))


def test_demo_shows_the_lot_and_leaves_nothing_behind(root: Path, tmp_path: Path) -> None:
    scratch, home = tmp_path / "tmp", tmp_path / "home"
    scratch.mkdir()
    home.mkdir()
    done = run(root, "demo", TMPDIR=str(scratch), HOME=str(home), XDG_DATA_HOME=str(home / "data"))
    assert done.code == 0
    assert done.err == ""
    assert not RAW.search(done.out)
    for words in ("recorded events of one project in 6 harnesses", "The sessions", "└ "):
        assert words in done.out
    side_by_side = done.out[done.out.index("The harnesses side by side") : done.out.index("The calls that failed")]
    sources = re.findall(r"^(\S+) +[12] +\d+ +\d+ +\d+ +\d+ +\d+ +[1-9]\d*$", side_by_side, re.MULTILINE)
    assert sources == ["claude-code", "codex", "gemini", "opencode", "copilot", "pi"]
    assert re.search(r"codex +exec_command +1 ", done.out)
    raw = done.out[done.out.index("The raw log") :].splitlines()[1]
    assert raw.startswith('{"v":1,"id":"')
    assert re.search(r'"level":"(error|warn)"', raw)
    assert "clankers install" in done.out[done.out.index("Record your own sessions") :]
    assert not root.exists()
    assert everything_under(scratch) == []
    assert everything_under(home) == []


def test_demo_does_not_touch_what_is_recorded(root: Path) -> None:
    append(root, work(0, 1))
    assert call(root, "project").code == 0
    elsewhere = root.parent / "my.db"
    before = {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in everything_under(root) if p.is_file()}
    assert call(root, "demo", CLANKERS_DB_PATH=str(elsewhere)).code == 0
    assert {p: (p.read_bytes(), p.stat().st_mtime_ns) for p in everything_under(root) if p.is_file()} == before
    assert not elsewhere.exists()


def test_demo_works_without_ripgrep_and_says_the_same(root: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    without = call(root, "demo", PATH=str(tmp_path / "bin")).out
    assert re.search(r'"level":"(error|warn)"', without)
    if shutil.which("rg"):
        found = call(root, "demo", PATH=os.environ["PATH"]).out
        assert found.splitlines()[1:] == without.splitlines()[1:]


def test_version(root: Path) -> None:
    for option in ("--version", "-V"):
        assert call(root, option) == (0, f"clankers {clankers.__version__}\n", "")


def test_the_first_line_of_every_help_fits_a_line_of_the_list(root: Path) -> None:
    listed = call(root, "--help", COLUMNS="80").out.splitlines()
    for name, (group, *_) in cli.COMMANDS.items():
        first = call(root, name, "--help", COLUMNS="80").out.splitlines()[3].strip()
        assert first.endswith(".")
        assert not group or any(line.strip("│ ").split(maxsplit=1) == [name, first] for line in listed), name


def test_help_shows_the_help_of_a_command(root: Path) -> None:
    for words in ((), ("stats",), ("sync", "status"), ("append",)):
        assert call(root, "help", *words) == call(root, *words, "--help")
    wrong = call(root, "help", "sttats")
    assert (wrong.code, wrong.out) == (EX_USAGE, "")
    assert "sttats" in wrong.err


def test_help_lists_every_command(root: Path) -> None:
    done = run(root, "--help")
    assert done.code == 0
    for name, (group, *_) in cli.COMMANDS.items():
        assert bool(re.search(rf"^\W*{name}\s+\w+", done.out, re.MULTILINE)) is bool(group), name
    assert [name for name, (group, *_) in cli.COMMANDS.items() if not group] == ["catch-up"]
    assert call(root, "-h").out == call(root, "--help").out
    assert not root.exists()


@pytest.mark.parametrize("option", ["--help", "-h"])
@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_option_has_help(root: Path, name: str, option: str) -> None:
    done = call(root, name, option)
    assert done.code == 0
    assert f"clankers {name}" in done.out
    command = typer.main.get_command(cli.application(name)).commands[name]  # type: ignore[attr-defined]
    assert command.help
    for parameter in command.params:
        if parameter.name != "help":
            assert parameter.help, parameter.name
    assert not root.exists()


def test_a_command_line_has_each_command_once_however_often_one_is_run(root: Path) -> None:
    for args in ((), ("--help",), ("show", "--help")):
        call(root, *args)
    names = [command.name for command in cli.application().registered_commands]
    assert len(names) == len(set(names))
    assert [command.name for command in cli.application("show").registered_commands] == ["show"]


def test_no_command_shows_the_help(root: Path) -> None:
    done = call(root)
    assert all(group in done.out + done.err for group, *_ in cli.COMMANDS.values())
    assert not root.exists()


def test_an_unknown_command_or_option_is_refused_with_a_hint(root: Path) -> None:
    for args, named in ((("sesions",), "sesions"), (("project", "--rebuildd"), "--rebuildd"), (("query",), "SQL")):
        done = call(root, *args)
        assert done.code == EX_USAGE
        assert done.out == ""
        assert named.lower() in done.err.lower()
    assert not root.exists()


def test_usage_errors_of_ours_have_their_own_exit_code(root: Path) -> None:
    for args in (("project", "--until", "2026-11-20"), ("query", "--json", "--csv", "SELECT 1")):
        done = run(root, *args)
        assert done.code == EX_USAGE
        assert done.out == ""
        assert done.err.startswith("clankers: ")
        assert done.err.count("\n") == 1


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_a_wrong_option_is_a_usage_error_of_every_command(root: Path, name: str) -> None:
    done = call(root, name, "--no-such-option")
    assert (done.code, done.out) == (EX_USAGE, "")
    assert "--no-such-option" in done.err
    assert not root.exists()


def number_options() -> set[tuple[str, str]]:
    """The options of all commands that take a whole number."""
    commands = typer.main.get_command(cli.application()).commands  # type: ignore[attr-defined]
    return {
        (name, option.opts[0])
        for name, command in commands.items()
        for option in command.params
        if type(option.type).__name__ in {"IntRange", "IntParamType"}
    }


def test_a_number_that_is_too_large_is_a_usage_error_of_every_option(root: Path) -> None:
    options = number_options()
    assert ("sessions", "--limit") in options
    assert len(options) >= 8
    for name, option in sorted(options):
        more = {"search": ["word"], "query": ["SELECT 1"]}.get(name, [])
        done = call(root, name, option, "99999999999999999999", *more)
        assert (done.code, done.out) == (EX_USAGE, ""), name
        assert option in done.err
    assert not root.exists()


@pytest.mark.parametrize("width", [60, 80, 120, 160, 200])
def test_the_list_fits_the_terminal_and_cuts_only_titles(
    width: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sessions, "width", lambda: width)
    monkeypatch.setattr(output, "width", lambda: width)
    unset: dict[str, Any] = dict.fromkeys(field.name for field in fields(ListedSession))
    counts = dict.fromkeys(("message_count", "tool_call_count", "error_count", "subagent_tools"), 12345)
    failed = {"failed_calls": 3, "subagent_failed_calls": 1}
    tokens = dict.fromkeys(("prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_write_tokens"), 10**6)
    values: dict[str, Any] = {
        "id": "0aee4390-a408-41f0-9070-440cf9a316bf",
        "source": "claude-code",
        "project_name": "app",
        "title": "A long title with emoji 🎉 and 日本語, עברית\n\x1b[2J" * 5,
        "model": "claude-opus-5-5",
        "created_at": 1795218339317,
        "cost": 12.5,
        "cost_source": "client",
        "depth": 0,
        "turns": 12,
        "duration_ms": 7 * 10**6,
        "subagents": 3,
        "subagent_tokens": 10**6,
        "subagent_errors": 0,
        "subagent_cost": 0.25,
    }
    one = ListedSession(**unset | values | counts | failed | tokens)
    sessions.print_sessions([one], tree=False)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert all(cell_len(line) <= width for line in lines)
    row = lines[2]
    assert not RAW.search(row)
    assert "…" in row
    assert "$12.75" in row
    assert ("0aee4390-a408-41f0-9070-440cf9a316bf" in row) == (width == 200)
    assert ("3: 1.0M" in row) == (width >= 160)
    assert ("claude-code  " in row, " 4 " in row) == (width >= 80, True)


def test_a_shell_is_told_how_a_line_goes_on(root: Path) -> None:
    def told(line: str) -> list[str]:
        words = line.split(" ")
        env = {"_CLANKERS_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(len(words) - 1)}
        done = run(root, **env)
        assert (done.code, done.err) == (0, "")
        return done.out.split()

    assert {"sessions", "stats", "scrub"} <= set(told("clankers s"))
    assert told("clankers stats --by m") == ["month", "model"]
    for letter in "co":
        named = [name for name in BUILT_IN if name.startswith(letter)]
        assert told(f"clankers sessions --source {letter}") == told(f"clankers install {letter}") == named
    assert "--tree" in told("clankers sessions --t")
    assert told("clankers show ") == []
    assert not root.exists()
    append(root, [*work(0, 2), session("ses_$(touch owned)")])
    call(root, "project")
    assert told("clankers show ") == ["last", "ses_000001", "ses_000000"]
    assert told("clankers export ses_000001 l") == ["last"]
    assert told("clankers export ses_000000") == ["ses_000000"]


@pytest.mark.skipif(not shutil.which("bash"), reason="bash runs the function that is tested")
def test_the_shell_function_that_is_installed_works(root: Path) -> None:
    """The script is for the shell that asks for it, whichever started the tests."""
    asks = 'COMP_WORDS=(clankers stats --by w); COMP_CWORD=3; _clankers_completion clankers; echo "${COMPREPLY[@]}"'
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", f'script=$(clankers --show-completion) || exit\neval "$script"\n{asks}'],
        env=environment(root, PATH=path),
        capture_output=True,
        encoding="utf-8",
        timeout=DEADLINE,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "week\n", "")
