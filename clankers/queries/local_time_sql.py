"""Local time as an SQL expression. SQLite's own asks the C library for each row, which doubles the time of a total."""

import time
from datetime import date

from clankers.queries.dialect import least

_DAY = 86_400_000  # milliseconds
_EPOCH = date(1970, 1, 1).toordinal()
_AFTER = date.max.toordinal() + 1  # stands for everything after the calendar
_STEP = 10 * _DAY  # no zone changes its clocks twice within
_FIRST, _LAST = 0, 4_102_444_800_000  # epoch milliseconds: before 1970 and after 2099 the clocks stay as they are


def local(at: str, first: int, last: int) -> str:
    """The expression `at`, epoch milliseconds between `first` and `last`, as milliseconds of local time."""
    begin, end = (min(max(at_end, _FIRST), _LAST) for at_end in (first, last))
    offset = _offset(begin)
    found = f"{offset}"
    for at_last in range(begin, end, _STEP):
        now = min(at_last + _STEP, end)
        if (changed := _offset(now)) != offset:
            found = f"CASE WHEN {at} >= {_change(at_last, now)} THEN {changed} ELSE {found} END"
            offset = changed
    return f"({at} + {found})"


def ordinal(at: str) -> str:
    """The day of `at`, milliseconds of local time, as `date.fromordinal` reads it; NULL beyond the calendar."""
    return f"nullif({least(f'({at} + {_EPOCH * _DAY}) / {_DAY}', str(_AFTER))}, {_AFTER})"


def _offset(at: int) -> int:
    """The UTC offset of local time at `at`, in milliseconds."""
    return time.localtime(at // 1000).tm_gmtoff * 1000


def _change(before: int, behind: int) -> int:
    """The time between two others at which the offset changes, to the second."""
    offset = _offset(before)
    while behind - before > 1000:
        middle = (before + behind) // 2
        before, behind = (middle, behind) if _offset(middle) == offset else (before, middle)
    return behind // 1000 * 1000
