"""Local time in SQL is that of the C library, before, while and after the clocks are changed."""

import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date

import apsw
from hypothesis import given
from hypothesis import strategies as st

from clankers.queries.local_time_sql import local, ordinal
from tests.commands import POSIX_ONLY

ZONES = ("UTC", "Europe/Berlin", "America/Sao_Paulo", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Apia")
YEAR = 365 * 86_400_000  # milliseconds
TIMES = st.integers(0, 66 * YEAR)  # the C library's tables go to 2037, then its rules


@contextmanager
def zone(name: str) -> Iterator[None]:
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
@given(
    name=st.sampled_from(ZONES), begin=TIMES, length=st.integers(0, 3 * YEAR), hours=st.randoms(use_true_random=False)
)
def test_the_time_and_the_day_are_those_that_the_clock_shows(
    name: str, begin: int, length: int, hours: random.Random
) -> None:
    db = apsw.Connection(":memory:")
    with zone(name):
        now = local("?1", begin, begin + length)
        for at in [begin, begin + length, *(hours.randint(begin, begin + length) for _ in range(40))]:
            shown = time.localtime(at // 1000)
            day = date(shown.tm_year, shown.tm_mon, shown.tm_mday).toordinal()
            assert db.execute(f"SELECT {now}, {ordinal(now)}", (at,)).get == (at + shown.tm_gmtoff * 1000, day), at


@POSIX_ONLY
def test_the_clocks_are_changed_to_the_second() -> None:
    with zone("Europe/Berlin"):
        now = local("?1", 1_767_225_600_000, 1_798_761_600_000)  # 2026
    db = apsw.Connection(":memory:")
    spring = 1_774_746_000_000  # 2026-03-29 01:00 UTC
    for at, hours in ((spring - 1, 1), (spring, 2)):
        assert db.execute(f"SELECT {now}", (at,)).get == at + hours * 3_600_000


def test_what_the_calendar_has_no_date_for_has_no_day() -> None:
    db = apsw.Connection(":memory:")
    for first, last in ((0, 2**53), (2**53, 2**53), (-(2**53), 2**53)):
        days = f"SELECT {ordinal(local('?', first, last)).replace('?', '?1')}"
        assert db.execute(days, (2**53,)).get is None
