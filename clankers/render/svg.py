"""Charts as SVG, made without a script: columns over time, a calendar, the hours of a week, a bar in a table.

Widths are percentages, so a chart fits any screen and its text is never stretched; heights are pixels. The style sheet
of the page has what all bars or cells share, and colours by class: `c1` to `c7` and `rest` for layers, `h0` to `h4` for
cells. What a chart shows on hover is in a table beside it, too: for a screen reader, a chart is one image with a name.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, timedelta
from html import escape
from typing import NamedTuple

LAYERS = 7  # with colours of their own; what is left is one more
_HEIGHT, _ABOVE, _BELOW = 176, 14, 20  # pixels of the columns, and around them
_GAP = 0.2  # of a column's width
_HOVERED = 4  # layers that are named on hover
_TICKS = 6  # names below the columns, at most
_CELL, _BETWEEN = 12, 3  # pixels of a cell, as in the style sheet, and to the next
_LEVELS = 4  # of a cell that is not empty


class Layer(NamedTuple):
    """What is stacked: its name, and a value for each column; `is_rest` if it is all that has no layer of its own."""

    name: str
    values: Sequence[float]
    is_rest: bool = False


def stacked(parts: Mapping[str, Sequence[float]], rest: Callable[[int], str]) -> list[Layer]:
    """The layers of `parts`: the largest first; `rest` names those beyond `LAYERS`, by their number."""
    largest = sorted(parts, key=lambda name: (-sum(parts[name]), name))
    layers = [Layer(name, parts[name]) for name in largest[:LAYERS]]
    if left := largest[LAYERS:]:
        sums = [sum(values) for values in zip(*(parts[name] for name in left), strict=True)]
        layers.append(Layer(rest(len(left)), sums, is_rest=True))
    return layers


def layer_class(layers: Sequence[Layer], place: int) -> str:
    """The class that colours a layer."""
    return "rest" if layers[place].is_rest else f"c{place + 1}"


def columns(title: str, names: Sequence[str], layers: Sequence[Layer], say: Callable[[float], str]) -> str:
    """A column for each of `names`, with the values of the layers on top of each other.

    Args:
        title: what the chart shows, for a screen reader.
        names: below the columns, as many of them as there is room.
        layers: the first one at the bottom.
        say: a value as text.
    """
    count = len(names)
    sums = [sum(layer.values[i] for layer in layers) for i in range(count)]
    top = _round_up(max(sums, default=0.0))
    drawn = "".join(
        f'<svg x="{_percent(i, count)}" width="{_percent(1, count)}">{_column(layers, i, top)}'
        f'<rect class="hover" y="{_ABOVE}" height="{_HEIGHT}">'
        f"<title>{escape(_column_text(names[i], sums[i], i, layers, say))}</title></rect></svg>"
        for i in range(count)
        if sums[i]
    )
    lines = "".join(
        f'<line x1="0" x2="100%" y1="{_short(_y(at, top))}" y2="{_short(_y(at, top))}"/>' for at in (0, top / 2, top)
    )
    scale = "".join(
        f'<text x="100%" y="{_short(_y(at, top) + 4)}">{escape(say(at))}</text>' for at in (0, top / 2, top)
    )
    height = _ABOVE + _HEIGHT + _BELOW
    chart = _image(
        "columns",
        title,
        height,
        f'<g class="grid">{lines}</g>{drawn}<g class="ticks">{"".join(_ticks(names))}</g>',
    )
    return (
        f'<div class="plot"><svg class="chart heights" height="{height}" aria-hidden="true">{scale}</svg>{chart}</div>'
    )


def calendar(title: str, values: Mapping[date, float], last: date, weeks: int, say: Callable[[date], str]) -> str:
    """A cell for each day of so many weeks, a column each, up to the day `last`; the darker, the larger its value.

    Args:
        title: what the chart shows, for a screen reader.
        values: by day; a day without one is 0.
        last: the last day.
        weeks: that are shown, including that of `last`.
        say: a day with its value, on hover.
    """
    first = last - timedelta(days=last.weekday(), weeks=weeks - 1)
    most = max(values.values(), default=0.0)
    drawn, named = [], []
    for week in range(weeks):
        monday = first + timedelta(weeks=week)
        days = (monday + timedelta(days=day) for day in range(7))
        cells = [(say(day) if values.get(day) else "", values.get(day, 0.0)) for day in days if day <= last]
        drawn.append(_cells(week, weeks, cells, most))
        if monday.day <= 7 and week < weeks - 2:
            named.append((week / weeks, f"{monday:%b}"))
    return _grid("calendar", title, drawn, named)


def hours_of_week(title: str, values: Mapping[tuple[int, int], float], say: Callable[[int, int], str]) -> str:
    """A cell for each hour of the week: a column for each hour of the day, Monday on top.

    Args:
        title: what the chart shows, for a screen reader.
        values: by weekday (0 for Monday) and hour.
        say: weekday and hour with their value, on hover.
    """
    most = max(values.values(), default=0.0)
    drawn = []
    for hour in range(24):
        found = [(weekday, values.get((weekday, hour), 0.0)) for weekday in range(7)]
        drawn.append(_cells(hour, 24, [(say(day, hour) if value else "", value) for day, value in found], most))
    return _grid("hours", title, drawn, [(hour / 24, f"{hour:02}:00") for hour in range(0, 24, 6)])


def bar(shares: Iterable[tuple[float, str]]) -> str:
    """A bar for a table, in which the number stands too: each share (0 to 1) in its class, one behind the other."""
    x, drawn = 0.0, []
    for share, kind in shares:
        drawn.append(f'<rect class="{kind}" x="{_percent(x, 1)}" width="{_percent(share, 1)}" height="8"/>')
        x += share
    return f'<svg class="bar" width="100%" height="8" aria-hidden="true">{"".join(drawn)}</svg>'


def _column(layers: Sequence[Layer], i: int, top: float) -> str:
    """The bars of one column, the first layer at the bottom."""
    ground, drawn = 0.0, ""
    for place, layer in enumerate(layers):
        if (value := layer.values[i]) > 0:
            y = _y(ground + value, top)
            height = _y(ground, top) - y
            drawn += f'<rect class="{layer_class(layers, place)}" y="{_short(y)}" height="{_short(height)}"/>'
            ground += value
    return drawn


def _column_text(name: str, whole: float, i: int, layers: Sequence[Layer], say: Callable[[float], str]) -> str:
    """A column's sum and its largest layers; the table beside has all."""
    largest = sorted((layer for layer in layers if layer.values[i]), key=lambda layer: -layer.values[i])[:_HOVERED]
    parts = [f"{layer.name}: {say(layer.values[i])}" for layer in largest]
    return "\n".join([f"{name}: {say(whole)}", *(parts if len(layers) > 1 else [])])


def _ticks(names: Sequence[str]) -> Iterable[str]:
    every = -(-len(names) // _TICKS) or 1
    y = _ABOVE + _HEIGHT + _BELOW - 5
    for i in range(0, len(names), every):
        at_end = i and i + every >= len(names)  # or the name could reach beyond the chart
        x, anchor = (i + 1, ' text-anchor="end"') if at_end else (i, "")
        yield f'<text x="{_percent(x, len(names))}" y="{y}"{anchor}>{escape(names[i])}</text>'


def _cells(place: int, count: int, cells: Iterable[tuple[str, float]], most: float) -> str:
    """One column of a grid of cells, each with its text for hovering, which may be empty, and its value."""
    drawn = []
    for row, (text, value) in enumerate(cells):
        level = 0 if value <= 0 else 1 + min(int(_LEVELS * value / most), _LEVELS - 1)
        title = f"<title>{escape(text)}</title>" if text else ""
        y = row * (_CELL + _BETWEEN)
        drawn.append(f'<rect class="h{level}" y="{y}">{title}</rect>')
    x, width = _percent(place, count), _percent(1 - _GAP, count)
    return f'<svg x="{x}" width="{width}" y="{_ABOVE + 4}" height="{7 * (_CELL + _BETWEEN)}">{"".join(drawn)}</svg>'


def _grid(kind: str, title: str, drawn: Iterable[str], named: Iterable[tuple[float, str]]) -> str:
    """Columns of cells below their names, each with its place (0 to 1)."""
    names = "".join(f'<text x="{_percent(x, 1)}" y="{_ABOVE - 2}">{escape(name)}</text>' for x, name in named)
    height = _ABOVE + 4 + 7 * (_CELL + _BETWEEN)
    return _image(kind, title, height, f'<g class="ticks">{names}</g>{"".join(drawn)}')


def _image(kind: str, title: str, height: int, content: str) -> str:
    name = escape(title)
    return f'<svg class="chart {kind}" role="img" aria-label="{name}" width="100%" height="{height}">{content}</svg>'


def _y(value: float, top: float) -> float:
    return _ABOVE + _HEIGHT * (1 - value / top)


def _round_up(value: float) -> float:
    """The next round number, whose half is short, too."""
    if value <= 0:
        return 1.0
    size = 10.0 ** (len(f"{int(value)}") - 1) if value >= 1 else 10.0 ** -len(f"{1 / value:.0f}")
    return next(size * step for step in (1, 2, 3, 4, 6, 8, 10, 20) if size * step >= value)


def _percent(place: float, count: float) -> str:
    return _short(100 * place / count) + "%"


def _short(number: float) -> str:
    """A coordinate, to a hundredth."""
    return f"{number:.2f}".rstrip("0").rstrip(".")
