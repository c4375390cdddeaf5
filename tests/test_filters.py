"""`--source --project --model --since --until`: what they mean, in every command."""

import os
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import apsw
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clankers.errors import UsageError
from clankers.queries.dates import span
from clankers.queries.filters import Filters, filters
from tests.commands import POSIX_ONLY, event, session
from tests.feeding import Record, append, project

NOW = datetime(2026, 11, 20, 15, 30)  # noqa: DTZ001 - local
HOUR = 3_600_000  # milliseconds
DAY = 24 * HOUR


def ms(*parts: int) -> int:
    return round(datetime(*parts).timestamp() * 1000)  # type: ignore[arg-type]  # noqa: DTZ001


@pytest.fixture(params=["UTC", "Europe/Berlin", "America/Los_Angeles", "Asia/Kolkata"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@POSIX_ONLY
@pytest.mark.usefixtures("zone")
def test_times_are_local_and_a_day_is_a_span() -> None:
    for text, begin, end in (
        ("today", ms(2026, 11, 20), ms(2026, 11, 21)),
        ("Yesterday", ms(2026, 11, 19), ms(2026, 11, 20)),
        ("2026-11-01", ms(2026, 11, 1), ms(2026, 11, 2)),
        ("2026-11", ms(2026, 11, 1), ms(2026, 12, 1)),
        ("2026-12", ms(2026, 12, 1), ms(2027, 1, 1)),
        ("2026", ms(2026, 1, 1), ms(2027, 1, 1)),
        (" 2026-11-01 14:00 ", ms(2026, 11, 1, 14), ms(2026, 11, 1, 14)),
        ("2026-11-01T14:00:30", ms(2026, 11, 1, 14, 0, 30), ms(2026, 11, 1, 14, 0, 30)),
        ("friday", ms(2026, 11, 20), ms(2026, 11, 21)),  # which is today
        ("Monday", ms(2026, 11, 16), ms(2026, 11, 17)),
        ("saturday", ms(2026, 11, 14), ms(2026, 11, 15)),
        ("10m", ms(2026, 11, 20, 15, 20), ms(2026, 11, 20, 15, 20)),
        ("12h", ms(2026, 11, 20, 3, 30), ms(2026, 11, 20, 3, 30)),
        ("7d", ms(2026, 11, 13, 15, 30), ms(2026, 11, 13, 15, 30)),
        ("2w", ms(2026, 11, 6, 15, 30), ms(2026, 11, 6, 15, 30)),
        ("2026-11-01T14:00:00Z", 1793541600000, 1793541600000),
        ("2026-11-01T14:00:00.250+02:00", 1793534400250, 1793534400250),
    ):
        assert span(text, "--since", NOW) == (begin, end), text


@POSIX_ONLY
def test_while_the_clocks_are_set_a_day_has_the_hours_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    try:
        begin, end = span("2026-10-25", "--since", NOW)
        assert end - begin == 25 * HOUR
        at = datetime(2026, 10, 25, 12)  # noqa: DTZ001
        assert span("1d", "--since", at).begin == ms(2026, 10, 24, 12)
        assert span("24h", "--since", at).begin == ms(2026, 10, 25, 12) - 24 * HOUR
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "7",
        "7x",
        "-7d",
        "2026-13",
        "2026-02-30",
        "0000",
        "99999999999d",
        "9999",
        "1.5d",
        "\u0667d",
        "20261101",
    ],
)
def test_what_is_no_time_is_refused_and_told_what_is(text: str) -> None:
    with pytest.raises(UsageError, match=r"--until .* write one like today, yesterday, monday, 10m, 12h"):
        span(text, "--until", NOW)


@given(st.text(max_size=20))
def test_any_text_is_a_time_or_refused(text: str) -> None:
    try:
        begin, end = span(text, "--since", NOW)
    except UsageError:
        return
    assert begin <= end


def test_a_span_is_from_the_first_until_the_last_with_it() -> None:
    chosen = filters(since="2026-11-01", until="2026-11-07")
    assert (chosen.since, chosen.until) == (ms(2026, 11, 1), ms(2026, 11, 8))
    assert filters(since="2026-11-01", until="2026-11-01").until == ms(2026, 11, 2)
    with pytest.raises(UsageError, match="is not before"):
        filters(since="2026-11-02", until="2026-11-01")
    with pytest.raises(UsageError, match="is not before"):
        filters(since="2026-11-02 14:00", until="2026-11-02 14:00")


def said(id: str, session: str, at: int, role: str = "assistant", model: str | None = None) -> Record:
    more = {} if model is None else {"modelID": model, "providerID": "anthropic"}
    return event("message.updated", info={"id": id, "sessionID": session, "role": role, "time": {"created": at}} | more)


FIRST = ms(2026, 11, 1, 12)


@pytest.fixture
def db(tmp_path: Path) -> apsw.Connection:
    """Three sessions: one on two days, with two models, and a pause of two days between them."""
    root = tmp_path / "data"
    append(
        root,
        [
            session("long", created=FIRST, directory="/src/shop"),
            said("l1", "long", FIRST, "user"),
            said("l2", "long", FIRST + 1, model="claude-opus-5"),
            said("l3", "long", FIRST + 3 * DAY, model="claude-haiku-5"),
            session("short", created=FIRST + DAY, directory="/src/shop/api"),
            said("s1", "short", FIRST + DAY, "user"),
            said("s2", "short", FIRST + DAY + 1, model="gpt-6"),
            session("other", created=FIRST + 2 * DAY, directory="/src/shopping"),
            ("claude-code", "Stop", b'{"hook_event_name":"Stop","session_id":"cc","cwd":"/src/100%_shop"}'),
        ],
    )
    return project(root)


def sessions(db: apsw.Connection, chosen: Filters) -> set[str]:
    found = db.execute(f"SELECT s.id FROM sessions AS s WHERE {chosen.sessions()}", chosen.values)
    return {id for (id,) in found}


def messages(db: apsw.Connection, chosen: Filters) -> set[str]:
    found = db.execute(
        "SELECT m.id FROM messages AS m JOIN sessions AS s ON s.id = m.session_id "
        f"WHERE {chosen.rows('m.created_at', 'm.model')}",
        chosen.values,
    )
    return {id for (id,) in found}


def test_nothing_asked_for_is_everything(db: apsw.Connection) -> None:
    assert not filters()
    assert sessions(db, filters()) == {"long", "short", "other", "cc"}
    assert messages(db, filters()) == {"l1", "l2", "l3", "s1", "s2"}


def test_by_source(db: apsw.Connection) -> None:
    assert sessions(db, filters(["claude-code"])) == {"cc"}
    assert sessions(db, filters(["claude-code", "opencode"])) == {"long", "short", "other", "cc"}
    assert sessions(db, filters(["claude"])) == set()
    assert messages(db, filters(["claude-code"])) == set()


def test_by_project(db: apsw.Connection, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert sessions(db, filters(project="/src/shop")) == {"long", "short"}
    assert sessions(db, filters(project="/src/shop/")) == {"long", "short"}
    assert sessions(db, filters(project="/src/shop/api/../api")) == {"short"}
    assert sessions(db, filters(project="/")) == {"long", "short", "other", "cc"}
    assert sessions(db, filters(project="shop")) == {"long"}
    assert sessions(db, filters(project="100%_shop")) == {"cc"}
    assert sessions(db, filters(project="/src/100__shop")) == set()
    assert messages(db, filters(project="/src/shop/api")) == {"s1", "s2"}
    here = tmp_path / "here"
    here.mkdir()
    (tmp_path / "link").symlink_to(here)
    monkeypatch.chdir(tmp_path / "link")
    append(
        tmp_path / "data",
        [session("a", directory=str(here)), session("b", directory=os.path.join(str(here), "below"))],
    )
    linked = project(tmp_path / "data")
    assert sessions(linked, filters(project=".")) == {"a", "b"}
    assert sessions(linked, filters(project=str(tmp_path / "link"))) == {"a", "b"}


def test_by_model(db: apsw.Connection) -> None:
    assert sessions(db, filters(model="OPUS")) == {"long"}
    assert sessions(db, filters(model="haiku")) == {"long"}
    assert sessions(db, filters(model="claude-")) == {"long"}
    assert sessions(db, filters(model="%")) == set()
    assert messages(db, filters(model="opus")) == {"l2"}
    assert messages(db, filters(model="haiku")) == {"l1", "l3"}  # a prompt goes with its session's model
    assert messages(db, filters(model="gpt")) == {"s1", "s2"}


@pytest.mark.parametrize(
    ("since", "until", "theirs", "what"),
    [
        ("2026-11-01", None, {"long", "short", "other"}, {"l1", "l2", "l3", "s1", "s2"}),
        ("2026-11-02", "2026-11-02", {"short"}, {"s1", "s2"}),
        ("2026-11-03", "2026-11-03", {"other"}, set()),
        ("2026-11-04", None, {"long"}, {"l3"}),
        (None, "2026-11-01", {"long"}, {"l1", "l2"}),
        (None, "2026-11-01 12:00", set(), set()),
        ("2026-11-01 12:00", "2026-11-01", {"long"}, {"l1", "l2"}),
    ],
)
def test_by_time(db: apsw.Connection, since: str | None, until: str | None, theirs: set[str], what: set[str]) -> None:
    chosen = filters(since=since, until=until)
    assert sessions(db, chosen) - {"cc"} == theirs
    assert messages(db, chosen) == what


def test_all_at_once(db: apsw.Connection) -> None:
    chosen = filters(["opencode"], "/src", "opus", "2026-11-01", "2026-11-01")
    assert sessions(db, chosen) == {"long"}
    assert messages(db, chosen) == {"l2"}
