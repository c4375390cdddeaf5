"""Times as people write them: `yesterday`, `monday`, `7d`, `2026-11`, `2026-11-01 14:00`. For all options."""

import re
from datetime import datetime, timedelta
from typing import NamedTuple

from clankers.errors import UsageError

FORMS = "today, yesterday, monday, 10m, 12h, 7d, 2w, 2026, 2026-11, 2026-11-01, '2026-11-01 14:00'"

_AGO = re.compile(r"(\d+)\s*([mhdw])", re.ASCII)
_DATE = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?", re.ASCII)
_DAY = timedelta(days=1)
_SECONDS = {"m": 60, "h": 3600}
_DAYS = {"d": 1, "w": 7}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Span(NamedTuple):
    """From `begin` until before `end`, in epoch milliseconds; of a moment both are the same."""

    begin: int
    end: int


def span(text: str, option: str, now: datetime) -> Span:
    """What `text` means: a year, a month, a day, or a moment.

    Args:
        text: as a person wrote it.
        option: behind which it is written, for the message.
        now: the current time: naive for local time, or with the zone in which a text without one is meant.

    Raises:
        UsageError: it is none of `FORMS`, and no RFC 3339 time.
    """
    try:
        begin, end = _span(text.strip().lower(), now)
        return Span(round(begin.timestamp() * 1000), round(end.timestamp() * 1000))
    except (ValueError, OverflowError, OSError):  # the last for a time that the platform cannot express
        raise UsageError(f"{option} {text!r} is not a time; write one like {FORMS} or 2026-11-01T14:00:00Z") from None


def _span(text: str, now: datetime) -> tuple[datetime, datetime]:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if text == "today":
        return today, today + _DAY
    if text == "yesterday":
        return today - _DAY, today
    if text in _WEEKDAYS:  # the last one, which may be today
        begin = today - (today.weekday() - _WEEKDAYS.index(text)) % 7 * _DAY
        return begin, begin + _DAY
    if m := _AGO.fullmatch(text):
        count = int(m[1])
        if m[2] in _SECONDS:  # an hour is one also while the clocks are set; a day is till the same time of day
            moment = datetime.fromtimestamp(now.timestamp() - _SECONDS[m[2]] * count, now.tzinfo)
        else:
            moment = now - count * _DAYS[m[2]] * _DAY
        return moment, moment
    if m := _DATE.fullmatch(text):
        year, month, day = int(m[1]), int(m[2] or 1), int(m[3] or 1)
        begin = datetime(year, month, day, tzinfo=now.tzinfo)
        if m[3]:
            return begin, begin + _DAY
        next_year = year + (month == 12 or not m[2])
        return begin, datetime(next_year, month % 12 + 1 if m[2] else 1, 1, tzinfo=now.tzinfo)
    if text[10:11] not in (" ", "t"):
        raise ValueError(text)  # ISO 8601 knows more dates; as moments they would be other days than those above
    moment = datetime.fromisoformat(text.upper())
    moment = moment.replace(tzinfo=moment.tzinfo or now.tzinfo)
    return moment, moment
