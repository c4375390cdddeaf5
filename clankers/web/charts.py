"""What the pages show of the queries' numbers as charts, and in the tables beside them."""

import time
from collections.abc import Callable, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple

from markupsafe import Markup

from clankers.formatting import clean, counted, short_cost, short_names, short_number
from clankers.queries.overview import WEEKS, HourOfWeek, Overview, Slice, Step
from clankers.queries.usage import Group
from clankers.render import svg

_UNKNOWN = "Unknown"
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_KEYS = {"model": "models", "project": "projects", "source": "sources"}  # by what is asked, the field of `Overview`
_MOST = 120  # columns; a time that is far off would make thousands


class LegendEntry(NamedTuple):
    """A line of a legend: a colour's class, its name, and the sum as text."""

    kind: str
    name: str
    amount: str


class Course(NamedTuple):
    """A chart over time.

    Attributes:
        chart: the SVG.
        legend: its layers, the largest first.
        names: of the layers, for the head of the table.
        rows: of the table: when, and a text for each layer.
    """

    chart: Markup
    legend: list[LegendEntry]
    names: list[str]
    rows: list[tuple[str, list[str]]]


def measure(data: Overview, asked: str) -> str:
    """What a course shows, `cost` or `tokens`: what is `asked`, if there is any."""
    return "tokens" if asked == "tokens" or not data.total.cost else "cost"


def course(data: Overview, by: str, of: str) -> Course:
    """How cost or tokens spread over time and the keys `by`: `model`, `project` or `source`."""
    slices: list[Slice] = [one for one in getattr(data, _KEYS.get(by, "models")) if one.at is not None]
    steps = _steps(sorted({one.at for one in slices if one.at is not None}), data.step)
    places: dict[str | None, int] = {step: i for i, step in enumerate(steps)}
    names = _names({one.key for one in slices}, by)
    parts: dict[str, list[float]] = {}
    for one in slices:
        values = parts.setdefault(names[one.key], [0.0] * len(steps))
        if one.at in places:
            values[places[one.at]] += (one.cost if of == "cost" else one.tokens) or 0.0
    say = say_cost if of == "cost" else say_number
    parts = {name: values for name, values in parts.items() if any(values)}
    layers = svg.stacked(parts, lambda count: counted(count, "other"))
    labels = [step_name(step, data.step) for step in steps]
    title = f"{'Cost' if of == 'cost' else 'Tokens'} by {data.step}"
    return Course(
        _markup(svg.columns(title, labels, layers, say)),
        [LegendEntry(svg.layer_class(layers, i), one.name, say(sum(one.values))) for i, one in enumerate(layers)],
        [one.name for one in layers],
        [
            (labels[i], [say(one.values[i]) if one.values[i] else "" for one in layers])
            for i in range(len(steps))
            if any(one.values[i] for one in layers)
        ],
    )


def calendar(data: Overview) -> Markup:
    """Each day's messages, up to the end of the span or today."""
    found = {date.fromisoformat(one.at): one for one in data.days if one.at}
    end = time.time() if data.until is None else min(data.until / 1000 - 0.001, time.time())
    last = datetime.fromtimestamp(end).date()  # noqa: DTZ006 - days are local

    def say(day: date) -> str:
        one = found[day]
        cost = f", {say_cost(one.cost)}" if one.cost else ""
        return f"{_day(day)}: {counted(one.messages, 'message')}{cost}"

    values = {day: float(one.messages) for day, one in found.items()}
    return _markup(svg.calendar("Messages a day", values, last, WEEKS, say))


def week_rows(data: Overview) -> list[tuple[str, list[str]]]:
    """The same as a table: a row for each week in which something happened, the last first."""
    weeks: dict[date, list[str]] = {}
    for one in reversed(data.days):
        if one.at:
            day = date.fromisoformat(one.at)
            weeks.setdefault(day - timedelta(days=day.weekday()), [""] * 7)[day.weekday()] = f"{one.messages:,}"
    return [(_day(monday), texts) for monday, texts in weeks.items()]


def hours(found: Sequence[HourOfWeek]) -> Markup:
    """The messages of each hour of the week."""
    values = {(one.weekday, one.hour): float(one.messages) for one in found}

    def say(weekday: int, hour: int) -> str:
        return f"{_WEEKDAYS[weekday]}, {hour:02}:00: {counted(int(values[weekday, hour]), 'message')}"

    return _markup(svg.hours_of_week("Messages by hour of the week", values, say))


def hour_rows(found: Sequence[HourOfWeek]) -> list[tuple[str, list[str]]]:
    """The same as a table: a row for each hour of the day, a column for each day of the week."""
    values = {(one.weekday, one.hour): one.messages for one in found}
    return [
        (f"{hour:02}:00", [f"{values[day, hour]:,}" if (day, hour) in values else "" for day in range(7)])
        for hour in range(24)
        if any(values.get((day, hour)) for day in range(7))
    ]


def token_kinds(total: Group) -> list[tuple[str, str, int]]:
    """The tokens by kind: a colour's class, a name, and how many."""
    return [
        ("c1", "Input", total.prompt_tokens),
        ("c2", "Read from cache", total.cache_read_tokens),
        ("c3", "Written to cache", total.cache_write_tokens),
        ("c4", "Output", total.completion_tokens),
    ]


def shares(parts: Sequence[tuple[str, str, int]]) -> Markup:
    """A bar of what `token_kinds` gives."""
    whole = sum(amount for _, _, amount in parts) or 1
    return _markup(svg.bar((amount / whole, kind) for kind, _, amount in parts if amount))


def share_bar(share: float, kind: str) -> Markup:
    """A bar for one share (0 to 1)."""
    return _markup(svg.bar([(share, kind)]))


def change(now: float | None, before: float | None) -> str:
    """How much more or less `now` is than `before`; empty where that says nothing."""
    if not before or now is None:
        return ""
    percent = round(100 * (now - before) / before)
    if percent == 0:
        return "as much as before"
    if percent > 999:
        return f"{now / before:.0f} times as much as before"
    return f"{abs(percent)} % {'more' if percent > 0 else 'less'} than before"


def cost_source(data: Overview) -> str:
    """The `cost_source` of the total: what is least certain of it."""
    if data.total.unpriced_messages:
        return "unknown"
    return "prices" if data.cost_estimated > 1e-9 else "client"


def say_cost(dollars: float | None) -> str:
    """A cost as text."""
    return short_cost(dollars)


def say_number(n: float | None) -> str:
    """A number as text."""
    return short_number(None if n is None else round(n))


def step_name(step: str, kind: Step) -> str:
    """A day, week or month as people write it."""
    if kind == "month":
        return f"{date.fromisoformat(step + '-01'):%b %Y}"
    day = _first_day(step, kind)
    return f"{day:%b} {day.day}"


def _steps(found: list[str], kind: Step) -> list[str]:
    """All steps from the first to the last, those in which nothing was too; of very many, only some that are not."""
    if not found:
        return []
    form: Callable[[date], str] = {
        "day": lambda day: day.isoformat(),
        "week": lambda day: f"{day:%G-W%V}",
        "month": lambda day: f"{day:%Y-%m}",
    }[kind]
    first, last = _first_day(found[0], kind), _first_day(found[-1], kind)
    days = (last - first).days + 1
    if days > _MOST * {"day": 1, "week": 7, "month": 31}[kind]:
        return found[-_MOST:]
    return list(dict.fromkeys(form(first + timedelta(days=n)) for n in range(days)))


def _first_day(step: str, kind: Step) -> date:
    if kind == "week":
        return date.fromisocalendar(int(step[:-4]), int(step[-2:]), 1)
    return date.fromisoformat(step if kind == "day" else f"{step}-01")


def _names(keys: set[str | None], by: str) -> dict[str | None, str]:
    """What people call the keys."""
    known = [key for key in keys if key]
    short = short_names(known) if by == "project" else {key: key for key in known}
    return {key: clean(short[key]) if key else _UNKNOWN for key in keys}


def _day(day: date) -> str:
    return f"{day.day} {day:%b %Y}"


def _markup(made: str) -> Markup:
    return Markup(made)  # noqa: S704 - render.svg escapes what was recorded
