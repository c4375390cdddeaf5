"""What a session cost where its client does not tell, and that nothing else makes a number of it."""

import html
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import apsw
import genai_prices
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clankers.log import envelope
from clankers.queries import connect
from clankers.system.locks import WATCHER
from projector.derived import price_table, prices
from projector.derived.price_table import installed
from projector.derived.prices import Prices, Rates, look_up
from projector.model.changes import MessageSeen
from projector.replay.compare import FreshReplay
from projector.replay.rebuild import build, open_live, update
from projector.replay.replay import replay
from projector.store.lock import ProjectorLock
from projector.store.sqlite_file import open_database
from projector.store.sqlite_writer import SqliteStore
from tests.commands import call, copy_id
from tests.feeding import CLAUDE_CODE, append, feed_hooks, feed_transcripts, opencode_records, project, rows
from tests.patience import NEVER

DAY = "2026-11-20T23:45:39.317Z"
SONNET, OPUS = "claude-sonnet-4-6", "claude-opus-5-5"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def answer(
    n: int,
    model: str | None = OPUS,
    *,
    session: str = "s",
    at: str = DAY,
    agent: str | None = None,
    write: dict[str, int] | None = None,
    **usage: Any,
) -> bytes:
    """A response of the model, as a line of the log."""
    write = write or {}
    usage = {
        "input_tokens": 100,
        "output_tokens": 10,
        "cache_creation_input_tokens": sum(write.values()),
        "cache_creation": {f"ephemeral_{kind}_input_tokens": count for kind, count in write.items()},
        **usage,
    }
    message: dict[str, Any] = {"id": f"msg_01{n:011}", "model": model, "content": [], "usage": usage}
    line: dict[str, Any] = {"sessionId": session, "uuid": f"u{n}", "timestamp": at, "message": message}
    line |= {"agentId": agent} if agent else {}
    return envelope.line("claude-code", "transcript.assistant", json.dumps(line).encode(), now_ns=1)


def bill(dollars: float, *, session: str = "s", **more: Any) -> bytes:
    line = {"sessionId": session, "totalCostUSD": dollars, "modelUsage": {OPUS: {"outputTokens": 10}}, **more}
    return envelope.line("claude-code", "transcript.cost-state", json.dumps(line).encode(), now_ns=1)


def write_log(root: Path, *lines: bytes) -> None:
    root.mkdir(parents=True, exist_ok=True)
    with (root / "clankers-2026-11-20.jsonl").open("ab") as file:
        file.writelines(lines)


@contextmanager
def database(root: Path, *lines: bytes) -> Iterator[apsw.Connection]:
    write_log(root, *lines)
    with closing(project(root)) as db:
        yield db


def costs(db: apsw.Connection, table: str = "sessions") -> dict[str, tuple[float | None, str | None]]:
    return {id: (cost, source) for id, cost, source in db.execute(f"SELECT id, cost, cost_source FROM {table}")}


def only_cost(root: Path, line: bytes) -> float:
    with database(root, line) as db:
        ((cost, source),) = costs(db, "messages").values()
        assert source == "prices"
        assert costs(db) == {"s": (cost, source)}
    assert cost is not None
    return cost


# What a message cost


@pytest.mark.parametrize("name", [n for n in CLAUDE_CODE if n != "sig_kill_tool"])
@pytest.mark.parametrize("feed", [feed_hooks, feed_transcripts])
def test_what_is_worked_out_is_what_the_client_reckons(name: str, feed: Any, root: Path, tmp_path: Path) -> None:
    """Cache writes for 5 minutes and for an hour, web searches and the place of inference are all in these."""
    feed(name, root, tmp_path / "home")
    with closing(project(root)) as db:
        reported = db.execute("SELECT sum(cost) FROM sessions WHERE cost_source = 'client'").get
        worked_out = db.execute("SELECT sum(cost) FROM messages WHERE cost_source = 'prices'").get or 0
        assert worked_out == pytest.approx(reported, abs=1e-12)
        assert db.execute("SELECT count(*) FROM messages WHERE cost_source = 'unknown'").get == 0


def test_requests_that_no_line_holds_are_a_row_that_says_so(root: Path, tmp_path: Path) -> None:
    feed_transcripts("tui", root, tmp_path / "home")
    with closing(project(root)) as db:
        assert {source for _, source in costs(db).values()} == {"client"}
        beside = (
            "SELECT model, prompt_tokens, completion_tokens, synthetic, text_content FROM messages WHERE session_total"
        )
        assert db.execute(f"{beside} ORDER BY model").fetchall() == [
            ("claude-opus-5-5", 0, 31, 1, None),  # an answer that was cut off: its line has 1 of 32
            ("claude-sonnet-5-5", 19, 777, 1, None),  # a compaction
        ]


def test_each_kind_of_token_has_its_price(root: Path) -> None:
    line = answer(1, write={"5m": 7_000, "1h": 11_000}, input_tokens=3_000, output_tokens=13, cache_read_input_tokens=5)
    assert only_cost(root, line) == pytest.approx((3_000 * 4 + 13 * 20 + 5 * 0.2 + 7_000 * 5 + 11_000 * 8) / 1e6)
    with closing(project(root)) as db:
        kinds = "SELECT cache_write_tokens, cache_write_1h_tokens FROM "
        assert db.execute(kinds + "messages").get == (18_000, 11_000)
        assert db.execute(kinds + "sessions").get == (18_000, 11_000)


@pytest.mark.parametrize(
    ("at", "cached", "input", "output"),
    [
        ("2026-03-12T23:59:59.999Z", 199_900, 3.0, 15.0),  # 200,000 tokens of input
        ("2026-03-12T23:59:59.999Z", 199_901, 6.0, 22.5),  # one more: all of it is dearer
        ("2026-03-13T00:00:00.000Z", 199_901, 3.0, 15.0),  # until that day
    ],
)
def test_tiers_and_the_day_of_a_price(root: Path, at: str, cached: int, input: float, output: float) -> None:
    line = answer(1, SONNET, at=at, cache_read_input_tokens=cached)
    assert only_cost(root, line) == pytest.approx((100 * input + 10 * output + cached * input / 10) / 1e6)


@pytest.mark.parametrize(
    ("usage", "dollars"),
    [
        ({}, 0.0006),
        ({"speed": "standard", "inference_geo": "not_available"}, 0.0006),
        ({"speed": "fast"}, 0.0012),
        ({"inference_geo": "us"}, 0.00066),
        ({"speed": "fast", "inference_geo": "us", "server_tool_use": {"web_search_requests": 2}}, 0.02132),
    ],
)
def test_what_makes_a_response_dearer(root: Path, usage: dict[str, Any], dollars: float) -> None:
    assert only_cost(root, answer(1, **usage)) == pytest.approx(dollars)
    with closing(project(root)) as db:
        said = db.execute("SELECT price_context FROM messages").get
        dear = {name: value for name, value in usage.items() if value in ("fast", "us")}
        assert (json.loads(said) if said else {}) == dear


MODELS = st.sampled_from(
    [
        *(("anthropic", model) for model in (OPUS, SONNET, "claude-haiku-5-5", "claude-3-haiku-20240307")),
        *(("openai", model) for model in ("gpt-5", "gpt-4o")),
        *(("google", model) for model in ("gemini-2.5-pro", "gemini-2.5-flash")),
        *(("amazon-bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0"), ("moonshotai", "kimi-k2-0905-preview")),
    ]
)
COUNT = st.one_of(st.integers(0, 300_000), st.sampled_from([0, 1, 128_000, 200_000, 200_001, 272_001]))


@given(
    model=MODELS,
    counts=st.tuples(COUNT, COUNT, COUNT, COUNT, COUNT),
    at=st.datetimes(datetime(2024, 1, 1), datetime(2026, 12, 31)),  # noqa: DTZ001 (UTC below)
    fast=st.booleans(),
)
def test_it_is_what_the_library_itself_reckons(
    model: tuple[str, str], counts: tuple[int, ...], at: datetime, fast: bool
) -> None:
    prompt, output, read, five_minutes, an_hour = counts
    provider, name = model
    usage = genai_prices.Usage(
        input_tokens=prompt + read + five_minutes + an_hour,
        output_tokens=output,
        cache_read_tokens=read,
        cache_write_tokens=five_minutes + an_hour,
        cache_write_1h_tokens=an_hour,
    )
    context = {"speed": "fast"} if fast else None
    when = at.replace(tzinfo=UTC)
    expected = genai_prices.calc_price(
        usage, name, provider_id=provider, genai_request_timestamp=when, price_context=context
    ).total_price
    message = MessageSeen("m", "s", "x", "assistant", provider=provider, model=name)
    message.prompt_tokens, message.completion_tokens, message.cache_read_tokens = prompt, output, read
    message.cache_write_tokens, message.cache_write_1h_tokens = five_minutes + an_hour, an_hour
    message.created_at = round(when.timestamp() * 1000)
    message.price_context = json.dumps(context) if fast else None
    with closing(open_database(":memory:", durable=False)) as db:
        Prices(db).fill_in([message])
    assert message.cost == (pytest.approx(float(expected), abs=1e-11) if any(counts) else None)


def test_a_growing_response_is_priced_again(root: Path) -> None:
    with database(root, answer(1, output_tokens=1)) as db:
        assert costs(db)["s"] == (0.00042, "prices")
    with database(root, answer(1, output_tokens=500)) as db:
        assert costs(db)["s"] == (0.0104, "prices")
        assert costs(db, "messages") == {"msg_0100000000001": costs(db)["s"]}


# Models without a price


def test_an_unknown_model_has_no_cost_and_is_listed(root: Path) -> None:
    lines = (answer(1, "mystery-1"), answer(2, "mystery-1"), answer(3), answer(4, session="t"))
    with database(root, *lines) as db:
        assert costs(db, "messages")["msg_0100000000001"] == (None, "unknown")
        assert costs(db)["s"] == (None, "unknown")  # the known part would pass for all of it
        assert costs(db)["t"] == (0.0006, "prices")
        found = "SELECT provider, model, messages, sessions, prompt_tokens, completion_tokens FROM v_unpriced"
        assert db.execute(found).fetchall() == [("anthropic", "mystery-1", 2, 1, 200, 20)]
    said = call(root, "doctor").out
    assert f"{installed()} has no price for mystery-1 of anthropic: 2 messages have no cost" in said


def test_a_copy_of_a_fork_is_in_no_list(root: Path) -> None:
    info: dict[str, Any] = {"sessionID": "s", "role": "assistant", "providerID": "p", "tokens": {"input": 7}}
    events = [
        ("session.created", {"id": "s", "time": {"created": 1795132800000}}),
        (
            "message.updated",
            info | {"id": copy_id(1795132800001), "modelID": "copied-1", "time": {"created": 1795132799999}},
        ),
        ("message.updated", info | {"id": "m2", "modelID": "mystery-1", "time": {"created": 1795132800001}}),
    ]
    append(root, [("opencode", kind, json.dumps({"properties": {"info": told}}).encode()) for kind, told in events])
    with closing(project(root)) as db:
        assert db.execute("SELECT model FROM v_unpriced").fetchall() == [("mystery-1",)]


def test_doctor_says_when_all_models_have_a_price(root: Path) -> None:
    with database(root, answer(1)):
        assert f"every model with an estimated cost has a price in {installed()}" in call(root, "doctor").out


@pytest.mark.parametrize("model", ["", "x" * 100_000, "\ud83d\ude00", "'; DROP TABLE messages", "(((((", "gpt-5"])
def test_names_that_are_no_model_s_have_no_price(root: Path, model: str) -> None:
    with database(root, answer(1, model)) as db:
        assert costs(db) == {"s": (None, "unknown")}


def test_nothing_spent_costs_nothing_and_is_no_unknown_model(root: Path) -> None:
    with database(root, answer(1, "mystery-1", input_tokens=0, output_tokens=0), answer(2, None)) as db:
        assert costs(db, "messages") == {"msg_0100000000001": (None, None), "msg_0100000000002": (None, "unknown")}
        assert db.execute("SELECT model FROM v_unpriced").fetchall() == [(None,)]


@pytest.mark.parametrize(
    ("provider", "model"), [("deepseek", "deepseek-chat"), ("nope", OPUS), ("perplexity", "sonar")]
)
def test_a_price_that_depends_on_what_is_not_recorded_is_not_known(provider: str, model: str) -> None:
    """The time of day, a fee for each request, a provider that the table does not have."""
    assert look_up(provider, model, "") == [Rates()]


def test_a_day_that_changes_nothing_makes_no_row() -> None:
    """The model's fast mode was dearer from some day on; for others that was a day like any other."""
    assert len(look_up("anthropic", OPUS, "")) == 1
    assert [one.above for one in look_up("anthropic", SONNET, "")] == [0, 200_000, 0]


# What the client says


def test_a_session_that_was_killed_before_its_bill_is_worked_out(root: Path, tmp_path: Path) -> None:
    feed_hooks("sig_kill_tool", root, tmp_path / "home")
    with closing(project(root)) as db:
        # 11 input, 101 output, 2001 read, 300 and 40 written for 5 minutes and an hour, in the US.
        expected = 1.1 * (11 * 4 + 101 * 20 + 2001 * 0.2 + 300 * 5 + 40 * 8) / 1e6
        assert costs(db) == {session: (round(expected, 12), "prices") for session in costs(db)}


@pytest.mark.parametrize("batch_lines", [1, None])
@pytest.mark.parametrize("backwards", [False, True])
def test_a_bill_is_kept_as_it_is_and_pays_for_subagents(root: Path, batch_lines: int | None, backwards: bool) -> None:
    lines = [answer(1), answer(2, agent="a1"), bill(12.5), answer(3, session="t"), answer(4, session="t", agent="a2")]
    write_log(root, *(reversed(lines) if backwards else lines))
    with closing(open_live(str(root / "clankers.db"))) as db:
        replay(SqliteStore(db), str(root), batch_lines=batch_lines)
        priced = (0.0006, "prices")
        # Of `t` there is no bill: it and its subagent each have what their own messages cost.
        assert costs(db) == {"s": (12.5, "client"), "a1": (None, "parent"), "t": priced, "a2": priced}
        assert set(costs(db, "messages").values()) == {(0.0006, "prices")}


@pytest.mark.parametrize("batch_lines", [1, None])
def test_a_bill_that_cannot_be_separated_from_its_origins_pays_for_nothing(root: Path, batch_lines: int | None) -> None:
    """A fork's sum goes on from its origin's, of which nothing is known here; that it is a fork is told last."""
    fork = json.dumps(
        {"sessionId": "s", "uuid": "u9", "timestamp": "2026-11-20T20:00:00Z", "forkedFrom": {"sessionId": "o"}}
    )
    lines = [answer(1), answer(2, agent="a1"), bill(12.5)]
    write_log(root, *lines, envelope.line("claude-code", "transcript.system", fork.encode(), now_ns=1))
    with closing(open_live(str(root / "clankers.db"))) as db:
        replay(SqliteStore(db), str(root), batch_lines=batch_lines)
        priced = (0.0006, "prices")
        assert costs(db) == {"o": (None, None), "s": priced, "a1": priced}


def test_a_bill_with_a_model_that_the_client_could_not_price_is_none(root: Path) -> None:
    with database(root, answer(1), bill(12.5, hasUnknownModelCost=True)) as db:
        assert costs(db)["s"] == (0.0006, "prices")


def test_a_cost_that_opencode_reports_counts_even_if_it_is_zero(root: Path) -> None:
    append(root, opencode_records("1.18.33/01-plain"))
    with closing(project(root)) as db:
        told = db.execute("SELECT count(*), sum(cost_source = 'client') FROM messages WHERE cost IS NOT NULL").get
        assert told[0] == told[1] > 0
        assert {source for _, source in costs(db).values()} == {"client"}
        assert db.execute("SELECT value FROM meta WHERE key = ?", (price_table.VERSION_KEY,)).get is None


def test_a_message_of_opencode_without_a_cost_is_worked_out(root: Path) -> None:
    info: dict[str, Any] = {
        "id": "m",
        "sessionID": "s",
        "role": "assistant",
        "providerID": "openai",
        "modelID": "gpt-5",
    }
    info |= {"tokens": {"input": 1000, "output": 100}, "time": {"created": 1795132800000}}
    append(root, [("opencode", "message.updated", json.dumps({"properties": {"info": info}}).encode())])
    with closing(project(root)) as db:
        assert costs(db) == {"s": (0.00225, "prices")}
    append(root, [("opencode", "message.updated", json.dumps({"properties": {"info": info | {"cost": 0}}}).encode())])
    with closing(project(root)) as db:
        assert costs(db) == {"s": (0.0, "client")}


# What people see of it

MIXED = (  # worked out alone and with a subagent's; in part of an unknown model; with a bill that includes a subagent's
    *(answer(1, session="alone"), answer(2, session="with"), answer(3, session="with", agent="a1")),
    *(
        answer(4, session="part"),
        answer(5, "mystery-1", session="part", agent="a2"),
        answer(6, "mystery-1", session="un"),
    ),
    *(answer(7, session="billed"), answer(8, session="billed", agent="a3"), bill(1.5, session="billed")),
)


def test_what_a_list_shows_that_the_client_did_not_tell_is_marked(root: Path) -> None:
    write_log(root, *MIXED)
    found = {one["id"]: one for one in json.loads(call(root, "sessions", "--json").out)}
    assert {id: (one["cost_source"], one["subagent_cost_source"]) for id, one in found.items()} == {
        "alone": ("prices", None),
        "with": ("prices", "prices"),
        "part": ("prices", "unknown"),
        "un": ("unknown", None),
        "billed": ("client", None),
    }
    shown = call(root, "sessions").out
    cells = {cell for cell in shown.split() if re.search(r"\$|^\?$", cell)}
    assert cells == {"~<$0.01", "<$0.01+", "?", "$1.50"}
    assert {id: (one["cost"], one["subagent_cost"]) for id, one in found.items()} == {
        "alone": (0.0006, None),
        "with": (0.0006, 0.0006),
        "part": (0.0006, None),
        "un": (None, None),
        "billed": (1.5, None),
    }
    assert "~ is estimated" in shown
    assert "? and + mark models without a known price" in shown
    tree = call(root, "sessions", "--tree").out
    costs = {
        line.split()[-1]: re.findall(r"[~$?↑]\S*", line) for line in tree.splitlines() if "Untitled session" in line
    }
    assert costs == {
        "alone": ["~<$0.01"],
        "with": ["~<$0.01"],
        "a1": ["~<$0.01"],
        "part": ["~<$0.01"],
        "a2": ["?"],
        "un": ["?"],
        "billed": ["$1.50"],
        "a3": ["↑"],
    }
    assert "↑ is included in the cost of its parent session" in tree
    assert "↑" not in shown
    told = call(root, "sessions", "--project", "nowhere").out + call(root.parent / "none", "sessions").out
    assert "~" not in told


@pytest.mark.parametrize("args", [("show",), ("export", "--format", "md"), ("export", "--format", "html")])
def test_a_conversation_begins_with_what_it_and_its_subagents_came_to(root: Path, args: tuple[str, ...]) -> None:
    write_log(root, *MIXED)

    def facts(id: str) -> str:
        text = call(root, args[0], id, *args[1:], NO_COLOR="1", COLUMNS="1000").out.partition("msg")[0]
        text = re.sub(r"</li>\s*<li>|\n- ", " · ", text).replace("\\", "")
        text = html.unescape(text)
        return text[: text.index(f" · {id}" if args[0] == "export" else f"\n{id}\n")]

    assert facts("alone").endswith("1 message · 110 tokens · ~<$0.01 estimated")
    whole = "2 messages · 220 tokens · ~<$0.01 estimated"
    assert facts("with").endswith(f"{whole} · of which 1 subagent: 1 message, 110 tokens, ~<$0.01 estimated")
    assert facts("part").endswith(
        "<$0.01+ and an unknown cost · of which 1 subagent: 1 message, 110 tokens, an unknown cost"
    )
    assert facts("un").endswith("110 tokens · an unknown cost")
    assert facts("billed").endswith("2 messages · 220 tokens · $1.50 · of which 1 subagent: 1 message, 110 tokens")
    assert facts("a3").endswith("1 message · 110 tokens · its cost is included in its parent's")


# The table's version


def of_another_table(root: Path) -> None:
    """The database as if it had been priced by another version of the table, at other prices."""
    with closing(apsw.Connection(str(root / "clankers.db"))) as db:
        db.execute("UPDATE meta SET value = 'genai-prices 0.0.1' WHERE key = ?", (price_table.VERSION_KEY,))
        db.execute("UPDATE prices SET input = 1000, output = 1000")
        db.execute("UPDATE messages SET cost = 77, cost_source = 'prices' WHERE cost_source IN ('prices', 'unknown')")
        db.execute("UPDATE sessions SET cost = 77, cost_source = 'prices' WHERE cost_source IN ('prices', 'unknown')")


LINES = (answer(1), answer(2, "mystery-1", session="t"), answer(3, SONNET, session="u"), bill(1.5, session="u"))


def priced(root: Path) -> tuple[Any, ...]:
    with closing(apsw.Connection(str(root / "clankers.db"))) as db:
        table = db.execute("SELECT * FROM prices").fetchall()
        return rows(db), table, db.execute("SELECT value FROM meta WHERE key = ?", (price_table.VERSION_KEY,)).get


def test_project_prices_again_when_the_table_is_another(root: Path) -> None:
    with database(root, *LINES):
        pass
    before = priced(root)
    assert before[2] == f"genai-prices {genai_prices.__version__}"
    of_another_table(root)
    assert priced(root) != before
    with closing(apsw.Connection(str(root / "clankers.db"))) as db:
        last = db.execute("SELECT max(batch) FROM changes").get
    assert call(root, "project").code == 0
    assert priced(root) == before
    with closing(apsw.Connection(str(root / "clankers.db"))) as db:  # by which `sync` sends them again
        changed = {id for (id,) in db.execute("SELECT session_id FROM changes WHERE batch > ?", (last,))}
    assert changed >= {"s", "t"}


@pytest.mark.parametrize("args", [("sessions",), ("show", "s"), ("stats",), ("query", "SELECT 1")])
def test_reading_commands_price_again_when_the_table_is_newer(root: Path, args: tuple[str, ...]) -> None:
    with database(root, *LINES):
        pass
    before = priced(root)
    of_another_table(root)
    assert call(root, *args).code == 0
    assert priced(root) == before


@pytest.mark.parametrize("version", ["genai-prices 999.1.0", "another table"])
def test_commands_that_read_leave_it_at_a_newer_table(root: Path, version: str) -> None:
    """Of two installations that share a database the older one would price it anew, and the newer one again."""
    with database(root, *LINES):
        pass
    of_another_table(root)
    with closing(apsw.Connection(str(root / "clankers.db"))) as db:
        db.execute("UPDATE meta SET value = ? WHERE key = ?", (version, price_table.VERSION_KEY))
    before = priced(root)
    assert call(root, "sessions").code == 0
    assert (priced(root) == before) == (version != "another table")


def test_a_watcher_that_prices_by_an_older_table_keeps_nobody_waiting(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "_PATIENCE", NEVER)
    with database(root, *LINES):
        pass
    of_another_table(root)
    before = priced(root)
    with ProjectorLock(str(root / "clankers.db"), WATCHER):
        assert call(root, "sessions") == (0, mock.ANY, "")
    assert priced(root) == before


def test_in_chunks_the_same(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with database(root, *LINES):
        pass
    before = priced(root)
    of_another_table(root)
    monkeypatch.setattr(prices, "_CHUNK", 1)
    update(str(root / "clankers.db"), str(root))
    assert priced(root) == before


def test_a_new_model_is_not_priced_by_another_table_than_the_others(root: Path) -> None:
    """A watcher that first asks the library after an update: it does not go through the start of `project`."""
    with database(root, *LINES):
        pass
    of_another_table(root)
    write_log(root, answer(9, "claude-haiku-4-5"), answer(10))
    with closing(open_live(str(root / "clankers.db"))) as db:
        replay(SqliteStore(db), str(root))
    with closing(open_database(str(root / "fresh.db"))) as db:
        replay(SqliteStore(db), str(root))
        assert priced(root)[0] == rows(db)


def test_a_rollback_leaves_the_prices_as_they_were(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with database(root, *LINES):
        pass
    of_another_table(root)
    before = priced(root)
    monkeypatch.setattr(prices, "refresh_sessions", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        update(str(root / "clankers.db"), str(root))
    assert priced(root) == before


def test_verify_compares_like_with_like(root: Path) -> None:
    """A watcher that was started before an update keeps its table: it is not wrong for that."""
    with database(root, *LINES):
        pass
    of_another_table(root)
    path = str(root / "clankers.db")
    with FreshReplay(path, str(root)) as fresh:
        fresh.build()
        assert fresh.differences(lambda: None) == []
    with closing(apsw.Connection(path)) as db:
        db.execute("UPDATE meta SET value = ? WHERE key = ?", (installed(), price_table.VERSION_KEY))
    with FreshReplay(path, str(root)) as fresh:
        fresh.build()
        assert {d.table: d.changed for d in fresh.differences(lambda: None)} == {"sessions": 2, "messages": 3}


def test_verify_prices_again_what_another_table_priced(root: Path) -> None:
    with database(root, *LINES):
        pass
    before = priced(root)
    of_another_table(root)
    assert call(root, "verify").code == 0
    assert priced(root) == before


# What it costs us


def in_a_process(code: str, *args: str) -> str:
    return subprocess.run([sys.executable, "-c", code, *args], capture_output=True, check=True, text=True).stdout


WHAT_IS_LOADED = "print([m for m in ('genai_prices', 'pydantic', 'httpx2') if m in sys.modules])"


def test_the_library_is_imported_for_models_that_are_new_and_for_no_others(root: Path) -> None:
    write_log(root, answer(1), answer(2, "mystery-1"))
    code = "import sys; from projector.replay.rebuild import update; update(*sys.argv[1:]); " + WHAT_IS_LOADED
    path = str(root / "clankers.db")
    assert "genai_prices" in in_a_process(code, path, str(root))
    write_log(root, answer(3), answer(4, "mystery-1", session="t"))
    assert in_a_process(code, path, str(root)) == "[]\n"
    with closing(apsw.Connection(path)) as db:
        assert db.execute("SELECT count(*) FROM messages WHERE cost_source IS NOT NULL").get == 4


def test_the_library_is_not_imported_if_the_client_reports_the_cost(root: Path) -> None:
    append(root, opencode_records("1.18.33/01-plain"))
    code = "import sys; from projector.replay.rebuild import update; update(*sys.argv[1:]); " + WHAT_IS_LOADED
    assert in_a_process(code, str(root / "clankers.db"), str(root)) == "[]\n"


def test_the_version_is_known_without_the_library_and_is_the_one_it_says() -> None:
    code = "import sys; from projector.derived.price_table import installed; print(installed()); " + WHAT_IS_LOADED
    code += "; print('importlib.metadata' in sys.modules)"
    assert in_a_process(code) == f"genai-prices {genai_prices.__version__}\n[]\nFalse\n"


@pytest.mark.parametrize("pattern", ["(none is named so)", "(.*)"])
def test_the_version_is_looked_up_if_no_directory_names_it(monkeypatch: pytest.MonkeyPatch, pattern: str) -> None:
    monkeypatch.delitem(sys.modules, "genai_prices")
    monkeypatch.setattr(price_table, "_DIST_INFO", re.compile(pattern))
    assert installed() == f"genai-prices {genai_prices.__version__}"


def test_nobody_is_asked_over_the_network(root: Path) -> None:
    write_log(root, answer(1), answer(2, "mystery-1"))
    code = (
        "import sys\n"
        "asked = []\n"
        "sys.addaudithook(lambda event, args: event.startswith('socket.') and asked.append((event, args)))\n"
        "from projector.replay.rebuild import update; update(*sys.argv[1:]); print(asked)"
    )
    assert in_a_process(code, str(root / "clankers.db"), str(root)) == "[]\n"


def test_an_old_database_is_rebuilt_with_costs(root: Path) -> None:
    write_log(root, answer(1))
    build(str(root / "clankers.db"), str(root))
    with closing(apsw.Connection(str(root / "clankers.db"))) as db:
        db.pragma("user_version", 4)
    with closing(project(root)) as db:
        assert costs(db)["s"] == (0.0006, "prices")
