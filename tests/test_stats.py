"""`clankers stats`: totals that are the clients' own, however they are cut, each message counted once."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import apsw
import msgspec
import pytest
from jsonschema import Draft202012Validator
from rich.cells import cell_len

from clankers.cli import output, sessions, stats
from clankers.errors import EX_FAIL, EX_USAGE
from clankers.queries import usage
from clankers.queries.filters import Filters, filters
from clankers.queries.usage import BY, Group, count
from projector.derived.session_totals import refresh_sessions
from tests.commands import HOSTILE, NOW, POSIX_ONLY, RAW, call, copy_id, event, on_a_terminal, session, work
from tests.e2e.machine import CLIENTS
from tests.feeding import (
    CLAUDE_CODE,
    OPENCODE,
    Record,
    Recording,
    append,
    feed_hooks,
    feed_transcripts,
    opencode_records,
    project,
)
from tests.golden import SCHEMAS, assert_file, assert_golden, schema_of
from tests.patience import DEADLINE
from tests.talks import SAMPLE
from tests.test_captures import TOTALS
from tests.test_filters import said

KINDS = ("prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_write_tokens")
DAY = 86_400_000  # milliseconds


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def utc(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def counted(root: Path, *options: str) -> dict[str, Any]:
    done = call(root, "stats", "--json", *options)
    assert done.code == 0, done.err
    found: dict[str, Any] = json.loads(done.out)
    return found


def tokens(one: Group) -> tuple[int, ...]:
    return tuple(getattr(one, kind) for kind in KINDS)


def assert_consistent(root: Path) -> dict[str, tuple[list[Group], Group]]:
    """Cut in any way, the parts are what the rows of `sessions` say together."""
    db = project(root)
    sums = ", ".join(f"sum({kind})" for kind in (*KINDS, "message_count", "tool_call_count", "reasoning_tokens"))
    *whole, messages, tools, reasoning = db.execute(f"SELECT {sums} FROM sessions").get
    cost = db.execute("SELECT sum(cost) FROM sessions").get
    tops, below = db.execute("SELECT sum(parent_id IS NULL), sum(parent_id IS NOT NULL) FROM sessions").get
    found = {}
    for by in BY:
        groups, total = found[by] = count(db, by, Filters())
        assert total.tools == tools, by
        assert sum(one.tools for one in groups) == tools, by
        assert sum(one.tools_failed for one in groups) == total.tools_failed, by
        if by == "tool":
            assert tokens(total) == (0, 0, 0, 0)
            assert (total.messages, total.cost) == (0, None)
            continue
        assert tokens(total) == tuple(whole), by
        assert (total.messages, total.reasoning_tokens) == (messages, reasoning), by
        assert (total.sessions, total.subagents) == (tops, below), by
        assert total.cost == (None if cost is None else pytest.approx(cost, abs=1e-9)), by
        assert tuple(map(sum, zip(*map(tokens, groups), strict=True))) == tuple(whole), by
        assert sum(one.messages for one in groups) == messages, by
        assert sum(one.turns for one in groups) == total.turns, by
        assert sum(one.cost or 0 for one in groups) == pytest.approx(cost or 0, abs=1e-9), by
        assert all(one.cost_split <= (one.cost or 0) + 1e-9 for one in groups), by
        if by in ("source", "project"):
            assert sum(one.sessions for one in groups) == tops, by
    return found


@pytest.mark.parametrize("name", TOTALS)
@pytest.mark.parametrize("feed", [feed_hooks, feed_transcripts])
def test_claude_code_totals_are_the_clients_own(name: str, feed: Any, root: Path, tmp_path: Path) -> None:
    feed(name, root, tmp_path / "home")
    (_, total) = assert_consistent(root)["day"]
    assert tokens(total) == TOTALS[name]


@pytest.mark.parametrize("name", OPENCODE)
def test_opencode_totals_are_those_of_its_sessions(name: str, root: Path) -> None:
    append(root, opencode_records(name))
    for groups, total in assert_consistent(root).values():
        assert total.cost_split == 0  # each message tells its own
        assert all(one.cost_split == 0 for one in groups)


def test_many_recordings_are_the_sum_of_each(root: Path, tmp_path: Path) -> None:
    names = [name for name in CLAUDE_CODE if name in TOTALS]
    for name in names:
        feed_transcripts(name, root, tmp_path / "home" / name)
    (groups, total) = assert_consistent(root)["project"]
    assert tokens(total) == tuple(map(sum, zip(*(TOTALS[name] for name in names), strict=True)))
    append(root, opencode_records("1.18.33/11-task"))
    (sources, _) = assert_consistent(root)["source"]
    assert [one.key for one in sources] == ["claude-code", "opencode"]
    assert tokens(sources[0]) == tokens(total)
    assert len(groups) >= len(names) - 1


def answer(id: str, session: str, at: int, *, cost: float = 0.25, model: str = "m-1", output: int = 10) -> Record:
    return event(
        "message.updated",
        info={
            "id": id,
            "sessionID": session,
            "role": "assistant",
            "modelID": model,
            "providerID": "p",
            "cost": cost,
            "time": {"created": at, "completed": at + 100},
            "tokens": {"input": 100, "output": output, "reasoning": 3, "cache": {"read": 1000, "write": 50}},
        },
    )


def called(id: str, session: str, message: str, at: int, took: int, status: str = "completed") -> Record:
    state: dict[str, Any] = {"status": status, "input": {}, "time": {"start": at, "end": at + took}}
    state |= {"output": "", "title": "", "metadata": {}} if status == "completed" else {"error": "no"}
    ids = {"id": f"prt_{id}", "messageID": message, "sessionID": session}
    return event(
        "message.part.updated", part={**ids, "type": "tool", "tool": "bash", "callID": f"call_{id}", "state": state}
    )


@POSIX_ONLY
@pytest.mark.usefixtures("utc")
def test_a_session_counts_on_each_day_on_which_it_says_something(root: Path) -> None:
    noon = 1_795_176_000_000  # 2026-11-20 12:00 UTC, a Friday
    append(
        root,
        [
            session("a", created=noon),
            answer("a1", "a", noon),
            answer("a2", "a", noon + DAY, model="m-2", cost=0.5),
            answer("a3", "a", noon + 3 * DAY),
            session("b", created=noon + DAY),
            answer("b1", "b", noon + DAY),
            session("child", created=noon + DAY, parentID="a"),
            answer("c1", "child", noon + DAY),
            session("silent", created=noon + 40 * DAY),
        ],
    )
    found = assert_consistent(root)
    days, total = found["day"]
    assert [(d.key, d.sessions, d.subagents, d.messages, d.cost) for d in days] == [
        ("2026-11-20", 1, 0, 1, 0.25),
        ("2026-11-21", 2, 1, 3, 1.0),
        ("2026-11-23", 1, 0, 1, 0.25),
        ("2026-12-30", 1, 0, 0, None),
    ]
    assert (total.sessions, total.subagents) == (3, 1)
    assert [(w.key, w.sessions) for w in found["week"][0]] == [("2026-W47", 2), ("2026-W48", 1), ("2026-W53", 1)]
    assert [(m.key, m.messages) for m in found["month"][0]] == [("2026-11", 5), ("2026-12", 0)]
    assert [(m.key, m.cost) for m in found["model"][0]] == [("m-1", 1.0), ("m-2", 0.5), (None, None)]
    assert counted(root, "--since", "2026-11-21", "--until", "2026-11-21")["total"]["cost"] == 1.0


@pytest.mark.parametrize("name", ["subagent", "resume", "compact"])
def test_a_cut_through_the_middle_of_a_session_loses_nothing(name: str, root: Path, tmp_path: Path) -> None:
    feed_transcripts(name, root, tmp_path / "home")
    db = project(root)
    (_, whole) = count(db, "day", Filters())
    times = sorted(at for (at,) in db.execute("SELECT created_at FROM messages"))
    cut = times[len(times) // 2]
    (_, before), (_, behind) = (count(db, "day", Filters(until=cut)), count(db, "day", Filters(since=cut)))
    assert before.messages
    assert behind.messages
    assert tuple(a + b for a, b in zip(tokens(before), tokens(behind), strict=True)) == tokens(whole)
    assert before.messages + behind.messages == whole.messages
    assert whole.cost
    assert (before.cost or 0) + (behind.cost or 0) == pytest.approx(whole.cost)


def test_a_bill_is_spread_over_what_it_pays_for(root: Path, tmp_path: Path) -> None:
    feed_transcripts("subagent", root, tmp_path / "home")
    db = project(root)
    ((parent, bill),) = db.execute("SELECT id, cost FROM sessions WHERE cost IS NOT NULL")
    sessions = [id for (id,) in db.execute("SELECT id FROM sessions")]
    db.execute("UPDATE messages SET cost = NULL")
    db.execute("UPDATE messages SET model = 'other' WHERE session_id <> ?", (parent,))
    refresh_sessions(db, sessions)
    groups, total = count(db, "model", Filters())
    parts = {one.key: one.cost for one in groups}
    assert parts["other"]
    assert parts["claude-opus-5-5"]
    assert sum(filter(None, parts.values())) == pytest.approx(bill)
    assert total.cost_split == pytest.approx(bill)
    # What messages cost by themselves, where all of them tell, is what it is spread by.
    db.execute("UPDATE messages SET cost = iif(model = 'other', 3, 0) WHERE completion_tokens > 0")
    used = db.execute("SELECT count(*) FROM messages WHERE model = 'other' AND completion_tokens > 0").get
    assert used
    refresh_sessions(db, sessions[:1])  # one of the family is enough
    parts = {one.key: one.cost or 0 for one in count(db, "model", Filters())[0]}
    assert parts["other"] == pytest.approx(bill)
    assert parts["claude-opus-5-5"] == 0
    # Where nobody knows the cost, there is none, and that is said.
    db.execute("DELETE FROM bills")
    db.execute("UPDATE messages SET cost = NULL, cost_source = 'unknown' WHERE cost_source IS NOT NULL")
    refresh_sessions(db, sessions)
    _, total = count(db, "model", Filters())
    assert total.cost is None
    assert total.unpriced_messages > 0


def test_what_a_fork_copied_is_not_counted_again(root: Path) -> None:
    append(
        root,
        [
            session("a"),
            answer("a1", "a", NOW),
            session("fork", created=NOW + 1000),
            answer(copy_id(NOW + 1001), "fork", NOW),
            answer("f2", "fork", NOW + 2000),
        ],
    )
    db = project(root)
    assert db.execute("SELECT id FROM messages WHERE copied").get == copy_id(NOW + 1001)
    assert_consistent(root)
    total = counted(root)["total"]
    assert (total["messages"], total["completion_tokens"], total["cost"]) == (2, 20, 0.5)


def test_tools_with_their_failures_and_durations(root: Path) -> None:
    calls = [called(f"t{i}", "a", "a1", NOW + i, i) for i in range(1, 100)]
    append(root, [session("a"), answer("a1", "a", NOW), *calls, called("t100", "a", "a1", NOW, 100, "error")])
    found = counted(root, "--by", "tool")
    (bash,) = found["groups"]
    assert (bash["key"], bash["sessions"], bash["tools"], bash["tools_closed"], bash["tools_failed"]) == (
        *("bash", 1),
        *(100, 100, 1),
    )
    assert bash["tool_p50_ms"] == pytest.approx(50.5)
    assert bash["tool_p95_ms"] == pytest.approx(95.05)
    assert (bash["cost"], bash["prompt_tokens"]) == (None, 0)
    assert found["total"] == bash | {"key": None}
    shown = call(root, "stats", "--by", "tool").out
    assert "1.0%" in shown
    assert "50ms" in shown


def test_projects_of_one_name_are_told_apart(root: Path) -> None:
    for i, path in enumerate(("/a/shop", "/b/shop", "/c/tool")):
        append(root, [session(f"s{i}", directory=path), answer(f"m{i}", f"s{i}", NOW)])
    lines = call(root, "stats", "--by", "project").out.splitlines()[2:]
    assert sorted(line.split()[0] for line in lines) == ["/a/shop", "/b/shop", "tool", "total"]
    assert len(counted(root, "--by", "project", "--project", "shop")["groups"]) == 2


def test_names_are_shown_clean(root: Path) -> None:
    append(root, [session("a"), answer("a1", "a", NOW, model=HOSTILE)])
    done = call(root, "stats", "--by", "model")
    assert done.code == 0
    assert not RAW.search(done.out)


def test_nothing_recorded_and_nothing_found_are_said(root: Path) -> None:
    assert call(root, "stats").out.startswith("Nothing is recorded yet")
    assert counted(root)["groups"] == []
    append(root, [session("a")])
    assert call(root, "stats", "--model", "none").out.startswith("No sessions match these filters")
    assert call(root, "stats", "--since", "soon").code == EX_USAGE
    assert call(root, "stats", "--by", "moon").code == EX_USAGE


def sample(root: Path) -> None:
    root.mkdir()
    shutil.copy(SAMPLE, root / "clankers-2026-11-20.jsonl")


@POSIX_ONLY
@pytest.mark.usefixtures("utc")
@pytest.mark.parametrize("columns", [60, 120, 200])
def test_the_sample_as_people_see_it(columns: int, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (output, stats, sessions):
        monkeypatch.setattr(module, "width", lambda: columns)
    sample(root)
    commands = [
        *([("stats", "--by", by) for by in BY]),
        ("sessions",),
        ("sessions", "--tree", "--source", "claude-code"),
    ]
    text = "".join(f"$ clankers {' '.join(args)}\n{call(root, *args).out}\n" for args in commands)
    assert all(cell_len(line) <= columns for line in text.splitlines() if not line.startswith("$"))
    assert_golden(f"stats-sessions-{columns}.txt", text)


class Stats(msgspec.Struct):
    """Groups, and the total of all; a session may stand in several groups, so these do not add up."""

    by: stats.By
    groups: list[Group]
    total: Group


def sessions_schema(root: Path) -> str:
    """Of what `sessions --json` prints: the table's columns, and what is worked out."""
    info = project(root).execute("SELECT name, type, \"notnull\" FROM pragma_table_info('sessions')")
    kinds: dict[str, Any] = {}
    for name, kind, filled in info:
        json_type = {"TEXT": "string", "INTEGER": "integer", "REAL": "number"}[kind]
        kinds[name] = {"type": json_type if filled or name == "id" else [json_type, "null"]}
    more = (
        *("depth", "turns", "failed_calls", "subagents", "subagent_tools", "subagent_failed_calls"),
        *("subagent_errors", "subagent_tokens"),
    )
    kinds |= {name: {"type": "integer", "minimum": 0} for name in more}
    kinds |= {"duration_ms": {"type": ["integer", "null"]}, "subagent_cost": {"type": ["number", "null"]}}
    kinds |= {"subagent_cost_source": {"type": ["string", "null"]}}
    one = {"type": "object", "properties": kinds, "required": list(kinds), "additionalProperties": False}
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What `clankers sessions --json` prints",
        "description": "Times are epoch milliseconds, costs US dollars. A row of the table `sessions`, and: depth (0, "
        "or how far below the session that called it), turns (prompts that a person typed), duration_ms (from the "
        "first to the last that happened), failed_calls (tool calls that failed), and the sums over all its "
        "subagents, which are not in its own numbers; subagent_cost_source is the least sure cost_source among them.",
    }
    return json.dumps(head | {"type": "array", "items": one}, indent=2) + "\n"


def test_json_is_as_published(root: Path, tmp_path: Path) -> None:
    sample(root)
    append(root, [session("bare", created=2**53), session("\ud7ff", title=HOSTILE)])
    assert_file(SCHEMAS / "sessions.json", sessions_schema(root))
    assert_file(SCHEMAS / "stats.json", schema_of(Stats, "What `clankers stats --json` prints"))
    listed = Draft202012Validator(json.loads((SCHEMAS / "sessions.json").read_text("utf-8")))
    totals = Draft202012Validator(json.loads((SCHEMAS / "stats.json").read_text("utf-8")))
    for options in ((), ("--tree",), ("--source", "none")):
        listed.validate(json.loads(call(root, "sessions", "--json", *options).out))
    for by in BY:
        totals.validate(counted(root, "--by", by))
    totals.validate(counted(tmp_path / "empty"))
    with pytest.raises(Exception, match="is not"):
        totals.validate({"by": "day", "groups": [{"key": 1}], "total": {}})


@pytest.mark.xdist_group("chart")  # the first in a process looks at all fonts, which takes as long as all others
@pytest.mark.parametrize("by", BY)
def test_a_chart_is_a_picture_and_the_same_each_time(by: str, root: Path, tmp_path: Path) -> None:
    sample(root)
    append(root, [session("a", directory="/src/$x^2$ <b>&"), answer("a1", "a", NOW, model="$y_1$ <script>")])
    pictures = []
    for name in ("one.svg", "two.svg", "three.PNG"):
        done = call(root, "stats", "--by", by, "--chart", str(tmp_path / name))
        assert done.code == 0, done.err
        assert "total" in done.out
        pictures.append((tmp_path / name).read_bytes())
    assert pictures[0] == pictures[1]
    assert pictures[2].startswith(b"\x89PNG\r\n\x1a\n")
    texts = "".join(ET.fromstring(pictures[0]).itertext())
    if by == "project":
        assert "$x^2$ <b>&" in texts
    if by == "model":
        assert "$y_1$ <script>" in texts
    assert b"<script" not in pictures[0]


def test_a_chart_that_cannot_be_drawn_is_said_before_anything_is_done(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = call(root, "stats", "--chart", str(tmp_path / "chart.pdf"))
    assert (done.code, done.out) == (EX_USAGE, "")
    assert ".svg or .png" in done.err
    monkeypatch.setattr("clankers.cli.chart.find_spec", lambda _: None)
    done = call(root, "stats", "--chart", str(tmp_path / "chart.svg"))
    assert (done.code, done.out) == (EX_FAIL, "")
    assert "pip install" in done.err
    assert not root.exists()


def test_a_chart_of_nothing_is_drawn(root: Path, tmp_path: Path) -> None:
    append(root, [])
    assert call(root, "stats", "--chart", str(tmp_path / "chart.svg")).code == 0
    assert (tmp_path / "chart.svg").exists()


def ccusage(config: Path) -> dict[str, int]:
    """What ccusage counts in the transcripts below `config`."""
    found = sorted((CLIENTS / "ccusage").glob("node_modules/@ccusage/*/bin/ccusage*"))
    if not found:
        # A skip, for not everybody has npm.
        pytest.skip(f"ccusage is not in {CLIENTS.name}; .ci/run installs it, where npm is")
    env = os.environ | {"HOME": str(config.parent), "CLAUDE_CONFIG_DIR": str(config), "TZ": "UTC"}
    out = subprocess.run(
        [found[0], "claude", "daily", "--json", "--offline"], env=env, capture_output=True, check=True, timeout=DEADLINE
    ).stdout
    totals: dict[str, int] = json.loads(out)["totals"]
    return totals


@pytest.mark.parametrize("names", [*([name] for name in CLAUDE_CODE if name in TOTALS), list(TOTALS)], ids="+".join)
def test_ccusage_counts_the_same_tokens(names: list[str], root: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    for name in names:
        Recording(name, home).grow_all()
        feed_transcripts(name, root, home)
    theirs = ccusage(home / ".claude")
    ours = counted(root, "--source", "claude-code")["total"]
    kinds = ("prompt_tokens", "completion_tokens", "cache_read_tokens", "cache_write_tokens")
    sums = ", ".join(f"ifnull(sum({kind}), 0)" for kind in kinds)
    beside = project(root).execute(f"SELECT {sums} FROM messages WHERE session_total").get  # in no line, so not theirs
    input, output, read, write = (ours[kind] - n for kind, n in zip(kinds, beside, strict=True))
    assert {
        "inputTokens": input,
        "outputTokens": output,
        "cacheReadTokens": read,
        "cacheCreationTokens": write,
    } == {kind: n for kind, n in theirs.items() if kind in ("inputTokens", "outputTokens") or kind.startswith("cache")}


def test_every_by_has_its_key() -> None:
    assert list(stats.By) == [*BY, "block"]
    assert set(usage.TIMES) <= set(BY)
    assert sys.modules.get("matplotlib.pyplot") is None  # which would look for a screen
    assert filters() == Filters()


def test_costs_in_json_have_no_binary_noise(root: Path) -> None:
    append(root, [session("ses_1"), *(said(f"msg_{n}", "ses_1", NOW + n) for n in range(3))])
    with closing(apsw.Connection(str(root / "clankers.db"))) as db:
        call(root, "project")
        db.execute("UPDATE sessions SET cost = 0.1 + 0.2, cost_source = 'client'")
    (one,) = json.loads(call(root, "sessions", "--json").out)
    assert one["cost"] == 0.3


@POSIX_ONLY
def test_on_a_terminal_the_last_30_days_are_counted_unless_days_are_asked_for(root: Path) -> None:
    append(root, work(0, 2))  # in 2023
    assert on_a_terminal(root, "stats").startswith("No sessions of the last 30 days; --all counts everything")
    for asked in (("--all",), ("--since", "2023-01-01"), ("--until", "yesterday")):
        assert on_a_terminal(root, "stats", *asked).split()[0] == "day"
    now = time.time_ns() // 10**6
    append(root, [session("ses_new", created=now), said("msg_new", "ses_new", now)])
    shown = on_a_terminal(root, "stats").splitlines()
    assert len([line for line in shown if line[:2] == "20"]) == 1
    assert shown[-1] == "These are the last 30 days; --all counts everything."
    assert call(root, "stats").out.count("\n20") == 2  # all, where it is no terminal
