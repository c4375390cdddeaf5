"""Times as people write them: `yesterday`, `7d`, `2026-11`, `2026-11-01 14:00`. Without a zone they are local."""

import re
from datetime import datetime, timedelta
from typing import NamedTuple

from clankers.errors import UsageError

FORMS = "today, yesterday, 12h, 7d, 2w, 2026, 2026-11, 2026-11-01, '2026-11-01 14:00' or 2026-11-01T14:00:00Z"

_AGO = re.compile(r"(\d+)\s*([hdw])", re.ASCII)
_DATE = re.compile(r"(\d{4})(?:-(\d\d))?(?:-(\d\d))?", re.ASCII)
_DAY = timedelta(days=1)


class Span(NamedTuple):
    """From `begin` until before `end`, in epoch milliseconds; of a moment both are the same."""

    begin: int
    end: int


def span(text: str, option: str, now: datetime) -> Span:
    """What `text` means, written behind `option` at the local time `now`: a year, a month, a day, or a moment.

    Raises:
        UsageError: it is none of `FORMS`.
    """
    try:
        begin, end = _span(text.strip().lower(), now)
        return Span(round(begin.timestamp() * 1000), round(end.timestamp() * 1000))
    except (ValueError, OverflowError, OSError):  # the last for a time that the platform cannot express
        raise UsageError(f"{option} {text!r} is not a time; write one like {FORMS}") from None


def _span(text: str, now: datetime) -> tuple[datetime, datetime]:
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if text == "today":
        return today, today + _DAY
    if text == "yesterday":
        return today - _DAY, today
    if m := _AGO.fullmatch(text):
        count = int(m[1])
        if m[2] == "h":  # an hour is one also while the clocks are set; a day is till the same time of day
            moment = datetime.fromtimestamp(now.timestamp() - 3600 * count)  # noqa: DTZ006 - local time is meant
        else:
            moment = now - count * _DAY * (7 if m[2] == "w" else 1)
        return moment, moment
    if m := _DATE.fullmatch(text):
        year, month, day = int(m[1]), int(m[2] or 1), int(m[3] or 1)
        begin = datetime(year, month, day)  # noqa: DTZ001 - the same
        if m[3]:
            return begin, begin + _DAY
        return begin, datetime(year + (month == 12 or not m[2]), month % 12 + 1 if m[2] else 1, 1)  # noqa: DTZ001
    if text[10:11] not in (" ", "t"):
        raise ValueError(text)  # ISO 8601 knows more dates; as moments they would be other days than those above
    moment = datetime.fromisoformat(text.upper())
    return moment, moment
