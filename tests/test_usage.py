"""What `stats` says is what a count over messages and calls says: of days in any zone, any span, any filter."""

import os
import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import quantiles
from typing import Any

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.data import BEGIN, make_log
from clankers.queries.filters import Filters
from clankers.queries.overview import TOP, Slice, overview, weeks
from clankers.queries.sessions import list_sessions
from clankers.queries.usage import BY, TOKENS, Group, count
from projector.derived.buckets import BUCKET_MS
from projector.derived.session_totals import refresh_sessions
from projector.model.changes import Rank
from projector.replay.rebuild import open_live
from projector.replay.replay import replay
from projector.store.sqlite_writer import SqliteStore
from tests.commands import POSIX_ONLY
from tests.feeding import feed_transcripts, project

Row = dict[str, Any]
ZONES = ("UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Chatham", "Pacific/Kiritimati")
SILENT = BEGIN + 12_345_678  # when a session without a message began
_FORMS = {"day": "%Y-%m-%d", "week": "%G-W%V", "month": "%Y-%m"}


@pytest.fixture(scope="module", params=[None, 37])
def db(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> apsw.Connection:
    """Sessions of both harnesses over ten days, read at once or a few lines at a time, their costs known in all ways.

    Some prices are taken away, some bills too; some messages lose their time, others have another model.
    """
    root = tmp_path_factory.mktemp("data")
    make_log(root, 10)
    db = open_live(str(root / "clankers.db"))
    replay(SqliteStore(db), str(root), batch_lines=request.param)
    chance = random.Random(3)
    billed = [id for (id,) in db.execute("SELECT DISTINCT session_id FROM bills ORDER BY 1")]
    untold = "UPDATE messages SET cost = NULL, cost_source = 'unknown' WHERE cost_source = 'prices' AND session_id = ?"
    db.execute("UPDATE bills SET cost = cost * 2.5")  # more than the messages cost by themselves
    for changed in (untold, "DELETE FROM bills WHERE session_id = ?"):
        db.executemany(changed, [(id,) for id in chance.sample(billed, len(billed) // 2)])
    messages = [id for (id,) in db.execute("SELECT id FROM messages ORDER BY 1")]
    db.executemany("UPDATE messages SET created_at = NULL WHERE id = ?", [(id,) for id in chance.sample(messages, 5)])
    db.executemany("UPDATE messages SET model = 'Other-1' WHERE id = ?", [(id,) for id in chance.sample(messages, 9)])
    db.execute("INSERT INTO sessions (id, source) VALUES ('bare', 'other'), ('silent', 'other')")
    db.execute("INSERT INTO session_facts VALUES ('silent', 'created_at', ?, 0, 0, ?)", (Rank.RECORD, SILENT))
    db.execute("INSERT INTO bills VALUES ('bare', 0.125, 0, NULL), ('silent', 0.25, 0, NULL)")
    refresh_sessions(db, [id for (id,) in db.execute("SELECT id FROM sessions ORDER BY 1")])
    return db


def table(db: apsw.Connection, name: str) -> list[Row]:
    cursor = db.execute(f"SELECT * FROM {name}")
    return [dict(zip((n for n, *_ in cursor.get_description()), row, strict=True)) for row in cursor]


def weight(m: Row) -> float:
    """As the documentation says: an output token is five of input, and so on."""
    prompt, output, _, read, write = (m[kind] or 0 for kind in TOKENS)
    return float(prompt + 5 * output + 0.1 * read + 1.25 * write)


def shares(sessions: dict[str, Row], messages: list[Row]) -> list[Row]:
    """The messages with their share of a cost; and what stands in no message, as if it were one."""

    def payer(id: str) -> str:
        while sessions[id]["cost_source"] == "parent":
            id = sessions[id]["parent_id"]
        return id

    bills = defaultdict(list)
    for m in messages:
        bills[payer(m["session_id"])].append(m)
    for id, paid in bills.items():
        cost = sessions[id]["cost"]
        told = sum(m["cost"] or 0 for m in paid)
        by_told = told > 0 and all(m["cost"] is not None for m in paid if weight(m))
        exact = by_told and cost == pytest.approx(told)
        whole = told if by_told else sum(map(weight, paid))
        for m in paid:
            part = (m["cost"] or 0) if by_told else weight(m)
            m["share"] = None if cost is None else cost * part / whole if whole else 0
            m["split"] = 0 if exact else m["share"]
    spoken = {m["session_id"] for m in messages}
    for id, s in sessions.items():
        spread = any(m["cost"] or weight(m) for m in bills[id])
        unspread = s["cost"] if s["cost"] and not spread else None
        if unspread or id not in spoken:
            nothing = dict.fromkeys(TOKENS, 0) | {"created_at": s["created_at"], "model": None, "role": None}
            bare = {"session_id": id, "share": unspread, "split": 0, "cost": None, "synthetic": 0, "bare": True}
            messages.append(nothing | bare)
    return messages


def expected(db: apsw.Connection, by: str, chosen: Filters) -> tuple[dict[str | None, Group], Group]:
    sessions = {s["id"]: s for s in table(db, "sessions")}
    messages = shares(sessions, [m for m in table(db, "messages") if not m["copied"]])
    models = {m["id"]: m["model"] for m in messages if "id" in m}
    calls = [t | {"model": models.get(t["message_id"])} for t in table(db, "tools")]

    def asked(row: Row) -> bool:
        s = sessions[row["session_id"]]
        at, model = row["created_at"], (row["model"] or s["model"] or "").lower()
        return (
            (not chosen.sources or s["source"] in chosen.sources)
            and (chosen.name is None or s["project_name"] == chosen.name)
            and (chosen.model is None or chosen.model in model)
            and (chosen.since is None or (at is not None and at >= chosen.since))
            and (chosen.until is None or (at is not None and at < chosen.until))
        )

    def key(row: Row) -> str | None:
        s = sessions[row["session_id"]]
        if by in _FORMS:
            at = row["created_at"]
            return None if at is None else time.strftime(_FORMS[by], time.localtime(at // 1000))
        found: dict[str, Callable[[], str | None]] = {
            "model": lambda: row["model"] or s["model"],
            "project": lambda: s["project_path"],
            "source": lambda: s["source"],
            "tool": lambda: row["tool_name"],
        }
        return found[by]()

    def groups(key: Callable[[Row], str | None]) -> dict[str | None, Group]:
        happened, called = defaultdict(list), defaultdict(list)
        for m in filter(asked, messages if by != "tool" else []):
            happened[key(m)].append(m)
        for t in filter(asked, calls):
            called[key(t)].append(t)
        found = {}
        for name in happened.keys() | called.keys():
            found[name] = one = Group(name)
            _happened(one, happened[name], sessions)
            _called(one, called[name])
            who = {row["session_id"] for row in (called if by == "tool" else happened)[name]}
            one.sessions = sum(sessions[id]["parent_id"] is None for id in who)
            one.subagents = len(who) - one.sessions
        return found

    return groups(key), groups(lambda _: None).get(None, Group(None))


def _happened(one: Group, rows: list[Row], sessions: dict[str, Row]) -> None:
    said = [m for m in rows if "bare" not in m]
    one.messages = len(said)
    for m in said:
        typed = m["role"] == "user" and not m["synthetic"] and m["deleted_at"] is None
        one.turns += typed and sessions[m["session_id"]]["parent_id"] is None
        one.unpriced_messages += m["share"] is None and weight(m) > 0
        for kind in TOKENS:
            setattr(one, kind, getattr(one, kind) + (m[kind] or 0))
    costs = [m["share"] for m in rows if m["share"] is not None]
    one.cost = sum(costs) if costs else None
    one.cost_split = sum(m["split"] or 0 for m in rows)


def _called(one: Group, calls: list[Row]) -> None:
    one.tools = len(calls)
    ends = [t["success"] for t in calls if t["success"] is not None]
    one.tools_closed, one.tools_failed = len(ends), ends.count(0)
    took = [t["duration_ms"] for t in calls if t["duration_ms"] is not None]
    if took:
        cuts = quantiles(took, n=20, method="inclusive") if len(took) > 1 else took * 19
        one.tool_p50_ms, one.tool_p95_ms = cuts[9], cuts[18]


CUTS = st.none() | st.tuples(st.integers(0, 2**20), st.sampled_from(["at", "before", "quarter"]))


def moment(times: list[int], cut: tuple[int, str] | None) -> int | None:
    """A time at which something happened, or shortly before, or when that quarter of an hour began."""
    if cut is None:
        return None
    at = times[cut[0] % len(times)]
    return {"at": at, "before": at - 40_000, "quarter": at // BUCKET_MS * BUCKET_MS}[cut[1]]


@contextmanager
def in_zone(name: str) -> Iterator[None]:
    """The time zone of the process, for a while."""
    before = os.environ.get("TZ")
    os.environ["TZ"] = name
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()


@POSIX_ONLY
@settings(max_examples=100, deadline=None)
@given(
    by=st.sampled_from(list(BY)),
    zone=st.sampled_from(ZONES),
    since=CUTS,
    until=CUTS,
    sources=st.sampled_from([(), (), ("opencode",), ("claude-code", "other")]),
    name=st.sampled_from([None, None, None, "project-3"]),
    model=st.sampled_from([None, None, None, "opus", "other"]),
)
def test_the_sums_are_those_of_a_count(
    db: apsw.Connection,
    by: str,
    zone: str,
    since: tuple[int, str] | None,
    until: tuple[int, str] | None,
    sources: tuple[str, ...],
    name: str | None,
    model: str | None,
) -> None:
    times = [SILENT] + [
        at for (at,) in db.execute("SELECT created_at FROM messages WHERE created_at ORDER BY created_at")
    ]
    begin, end = moment(times, since), moment(times, until)
    if begin is not None and end is not None and begin > end:
        begin, end = end, begin
    chosen = Filters(sources=sources, name=name, model=model, since=begin, until=end)
    with in_zone(zone):
        groups, total = count(db, by, chosen)
        wanted, whole = expected(db, by, chosen)
    assert {one.key: one.plain() for one in groups} == {key: about(one) for key, one in wanted.items()}
    assert total.plain() == about(whole)


@POSIX_ONLY
@settings(max_examples=12, deadline=None)
@given(
    zone=st.sampled_from(ZONES),
    since=CUTS,
    until=CUTS,
    sources=st.sampled_from([(), (), ("opencode",)]),
    name=st.sampled_from([None, None, "project-3"]),
    model=st.sampled_from([None, None, "opus"]),
)
def test_the_overview_has_the_numbers_of_the_sums(
    db: apsw.Connection,
    zone: str,
    since: tuple[int, str] | None,
    until: tuple[int, str] | None,
    sources: tuple[str, ...],
    name: str | None,
    model: str | None,
) -> None:
    times = [at for (at,) in db.execute("SELECT created_at FROM messages WHERE created_at ORDER BY created_at")]
    begin, end = moment(times, since), moment(times, until)
    if begin is not None and end is not None and begin > end:
        begin, end = end, begin
    chosen = Filters(sources=sources, name=name, model=model, since=begin, until=end)
    now = times[-1] + 1
    with in_zone(zone):
        found = overview(db, chosen, now)
        assert found.total.plain() == about(count(db, "day", chosen)[1])
        if begin is not None:
            length = (now if end is None else end) - begin
            earlier = replace(chosen, since=begin - length, until=begin)
            assert found.before
            assert found.before.plain() == about(count(db, "day", earlier)[1])
        assert sums(found.days, "at") == amounts(count(db, "day", weeks(chosen, now))[0])
        for by, slices in (("model", found.models), ("project", found.projects), ("source", found.sources)):
            assert sums(slices, "key") == amounts(count(db, by, chosen)[0])
            assert sums(slices, "at") == amounts(count(db, found.step, chosen)[0])
        called = [(one.tool, one.calls, one.closed, one.failed, one.p50_ms, one.p95_ms) for one in found.tools]
        by_tool = [
            (one.key, one.tools, one.tools_closed, one.tools_failed, one.tool_p50_ms, one.tool_p95_ms)
            for one in count(db, "tool", chosen)[0]
        ]
        assert sorted(called) == sorted(by_tool)
        cost = found.cost_reported + found.cost_estimated
        assert cost == pytest.approx(found.total.cost or 0, abs=1e-8)


def sums(slices: list[Slice], name: str) -> dict[str | None, Any]:
    """What the slices that have the same `name` come to."""
    found: dict[str | None, list[Any]] = defaultdict(lambda: [0, 0, 0, 0.0])
    for one in slices:
        for i, number in enumerate((one.messages, one.turns, one.tokens, one.cost or 0)):
            found[getattr(one, name)][i] += number
    return {key: pytest.approx(numbers, abs=1e-8) for key, numbers in found.items()}


def amounts(groups: list[Group]) -> dict[str | None, Any]:
    """The same of groups that have more than tool calls."""
    return {
        one.key: [one.messages, one.turns, one.tokens, one.cost or 0] for one in groups if one.sessions or one.subagents
    }


def test_the_overview_splits_costs_and_hours_and_adds_subagents_to_their_sessions(db: apsw.Connection) -> None:
    with in_zone("Asia/Kathmandu"):
        found = overview(db, Filters(), 0)
        said = db.execute("SELECT created_at FROM messages WHERE NOT copied AND created_at")
        at = [time.localtime(at // 1000) for (at,) in said]
    hours = Counter((one.tm_wday, one.tm_hour) for one in at)
    assert {(one.weekday, one.hour): one.messages for one in found.hours if one.messages} == hours
    reported = db.execute("SELECT sum(cost) FROM sessions WHERE cost_source = 'client'").get
    assert 0 < found.cost_reported == pytest.approx(reported)
    listed = [one for one in list_sessions(db, 10**6) if not one.depth]
    best = sorted(((one.cost or 0) + (one.subagent_cost or 0) for one in listed), reverse=True)[:TOP]
    assert [one.cost for one in found.top] == pytest.approx(best)
    of_list = {one.id: one for one in listed}
    for one in found.top:
        assert one.tokens == of_list[one.id].tokens + of_list[one.id].subagent_tokens


def about(one: Group) -> Row:
    """The same numbers, but for the order in which they were added up."""
    return {name: pytest.approx(n, abs=2e-8) if isinstance(n, float) else n for name, n in one.plain().items()}


def test_all_ways_to_know_a_cost_are_in_it(db: apsw.Connection) -> None:
    found = {
        "exact": "cost_rate = 1 AND messages",
        "told": "cost_rate NOT IN (0, 1)",
        "tokens": "token_rate > 0",
        "unknown": "cost_rate IS NULL",
        "bare": "NOT messages AND cost > 0",
        "subagent": "subagent AND cost_split > 0",
    }
    assert {name: bool(db.execute(f"SELECT 1 FROM activity WHERE {sql}").get) for name, sql in found.items()} == (
        dict.fromkeys(found, True)
    )


def test_a_session_that_leaves_a_bill_gives_its_part_back(tmp_path: Path) -> None:
    feed_transcripts("subagent", tmp_path / "data", tmp_path / "home")
    db = project(tmp_path / "data")
    left = db.execute("SELECT id FROM sessions WHERE cost_source = 'parent' ORDER BY id LIMIT 1").get
    db.execute("DELETE FROM session_facts WHERE session_id = ? AND name IN ('parent_id', 'spawned_by')", (left,))
    refresh_sessions(db, [left])
    found = table(db, "activity")
    assert db.execute("SELECT cost_source FROM sessions WHERE id = ?", (left,)).get == "prices"
    refresh_sessions(db, [id for (id,) in db.execute("SELECT id FROM sessions")])
    assert found == table(db, "activity")
    bill = db.execute("SELECT sum(cost) FROM sessions").get
    assert sum(row["cost"] for row in found) == pytest.approx(bill)
