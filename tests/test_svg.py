"""Charts: what they draw is what they were given, colours differ for everybody, and no name gets out of its text."""

import re
from datetime import date
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import clankers
from clankers.queries.overview import Step
from clankers.render import svg
from clankers.web import charts
from tests.commands import HOSTILE

SHEET = (Path(clankers.__file__).parent / "assets" / "style" / "charts.css").read_text("utf-8")
VALUES = st.lists(st.floats(0, 1e9) | st.integers(0, 5), min_size=1, max_size=40)


def parsed(made: str) -> ET.Element:
    return ET.fromstring(made)


def number(element: ET.Element, name: str) -> float:
    return float((element.get(name) or "").removesuffix("%"))


@settings(max_examples=30, deadline=None)
@given(st.lists(VALUES, min_size=1, max_size=12), st.data())
def test_columns_have_the_heights_of_their_values(rows: list[list[float]], data: st.DataObject) -> None:
    count = min(len(row) for row in rows)
    parts = {f"model {i}": row[:count] for i, row in enumerate(rows)}
    layers = svg.stacked(parts, lambda n: f"{n} others")
    assert len(layers) <= svg.LAYERS + 1
    assert sum(sum(layer.values) for layer in layers) == pytest.approx(sum(map(sum, parts.values())))
    drawn = parsed(svg.columns("Cost", [f"{i}" for i in range(count)], layers, str))
    bars = [
        (number(column, "x"), number(bar, "height"))
        for column in drawn.iterfind("svg/svg")
        for bar in column.iterfind("rect")
        if bar.find("title") is None
    ]
    ground = max(number(line, "y1") for line in drawn.iterfind(".//line"))
    top = min(number(line, "y1") for line in drawn.iterfind(".//line"))
    heights: dict[float, float] = {}
    for x, height in bars:
        heights[x] = heights.get(x, 0.0) + height
    sums = [total for i in range(count) if (total := sum(layer.values[i] for layer in layers))]
    assert len(heights) == len(sums)
    assert max(heights.values(), default=0.0) <= ground - top + 0.1
    if sums:
        whole = max(sums)
        for (_, height), total in zip(sorted(heights.items()), sums, strict=True):
            assert height == pytest.approx(max(heights.values()) * total / whole, abs=0.2)


@pytest.mark.parametrize("name", [HOSTILE, "</title><script>alert(1)</script>", '" onload="alert(1)'])
def test_a_name_stays_text(name: str) -> None:
    columns = svg.columns(name, [name], [svg.Layer(name, [1.0])], lambda _: name)
    days = svg.calendar(name, {date(2026, 11, 20): 1.0}, date(2026, 11, 28), 53, lambda _: name)
    hours = svg.hours_of_week(name, {(4, 13): 2.0}, lambda *_: name)
    for made in (columns, days, hours):
        elements = list(parsed(re.sub(r"[\x00-\x08\x0e-\x1f]", "", made)).iter())
        assert {one.tag for one in elements} <= {"div", "svg", "g", "rect", "line", "text", "title"}
        assert not any(attribute.startswith("on") for one in elements for attribute in one.attrib)


def test_the_calendar_ends_with_its_last_day_and_shades_by_the_largest() -> None:
    days = {date(2026, 11, 28): 8.0, date(2026, 11, 27): 1.0, date(2025, 11, 24): 4.0}
    drawn = parsed(svg.calendar("Days", days, date(2026, 11, 28), 53, str))
    cells = drawn.findall(".//svg/rect")
    assert len(cells) == 52 * 7 + 6
    assert [cell.get("class") for cell in cells[-2:]] == ["h1", "h4"]
    assert [cell.get("class") for cell in cells[:2]] == ["h3", "h0"]
    assert [title.text for title in drawn.iter("title")] == ["2025-11-24", "2026-11-27", "2026-11-28"]


@pytest.mark.parametrize("value", [0.004, 0.3, 1, 7.3, 24.69, 99, 100, 101, 1234567])
def test_the_scale_ends_a_little_above_the_largest(value: float) -> None:
    assert value <= svg._round_up(value) <= 2.5 * value


@pytest.mark.parametrize(
    ("kind", "found", "steps"),
    [
        ("day", ["2026-02-27", "2026-03-02"], ["2026-02-27", "2026-02-28", "2026-03-01", "2026-03-02"]),
        ("week", ["2026-W52", "2027-W01"], ["2026-W52", "2026-W53", "2027-W01"]),
        ("month", ["2026-11", "2027-02"], ["2026-11", "2026-12", "2027-01", "2027-02"]),
        ("month", ["1970-01", "9999-12"], ["1970-01", "9999-12"]),  # a clock that was wrong makes no thousand columns
    ],
)
def test_the_steps_have_no_gaps(kind: Step, found: list[str], steps: list[str]) -> None:
    assert charts._steps(found, kind) == steps
    assert all(charts.step_name(step, kind) for step in steps)


@pytest.mark.parametrize(
    ("now", "before", "text"),
    [
        (10, 5, "100 % more than before"),
        (5, 10, "50 % less than before"),
        (10, 10, "as much as before"),
        (300, 2, "150 times as much as before"),
        (3, 0, ""),
        (3, None, ""),
        (None, 3, ""),
    ],
)
def test_a_change_is_said_in_words(now: float | None, before: float | None, text: str) -> None:
    assert charts.change(now, before) == text


# Colours

Linear = tuple[float, float, float]
# Viénot, Brettel and Mollon 1999, on linear sRGB: what is left of a colour without red, and without green cones.
PROTAN = ((0.11238, 0.88762, 0.0), (0.11238, 0.88762, 0.0), (0.00401, -0.00401, 1.0))
DEUTAN = ((0.29275, 0.70725, 0.0), (0.29275, 0.70725, 0.0), (-0.02234, 0.02234, 1.0))
WHOLE = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def palette(sheet: str) -> dict[str, Linear]:
    return {name: linear(value) for name, value in re.findall(r"--(c\d|rest|h\d): #(\w{6})", sheet)}


def linear(hex_digits: str) -> Linear:
    red, green, blue = (int(hex_digits[i : i + 2], 16) / 255 for i in (0, 2, 4))
    return tuple(v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in (red, green, blue))  # type: ignore[return-value]


def luminance(colour: Linear) -> float:
    return 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2]


def lab(colour: Linear, seen: tuple[Linear, Linear, Linear]) -> Linear:
    r, g, b = (max(sum(part * value for part, value in zip(row, colour, strict=True)), 0.0) for row in seen)
    xyz = (
        (0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505,
        luminance((r, g, b)),
        (0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089,
    )
    x, y, z = (v ** (1 / 3) if v > 0.008856 else 7.787 * v + 16 / 116 for v in xyz)
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@pytest.mark.parametrize(("scheme", "back"), [("light", "ffffff"), ("dark", "0f1115")])
def test_colours_stand_out_and_differ_for_colour_blind_people(scheme: str, back: str) -> None:
    light, dark = SHEET.split("@media screen and (prefers-color-scheme: dark)")[:2]
    colours = palette(light if scheme == "light" else dark)
    layers = {name: colour for name, colour in colours.items() if name[0] != "h"}
    assert len(layers) == svg.LAYERS + 1
    ground = luminance(linear(back))
    for name, colour in layers.items():
        bright, dim = sorted((luminance(colour), ground), reverse=True)
        assert (bright + 0.05) / (dim + 0.05) >= 3, name
    for seen in (WHOLE, PROTAN, DEUTAN):
        for (one, a), (other, b) in combinations(layers.items(), 2):
            distance = sum((x - y) ** 2 for x, y in zip(lab(a, seen), lab(b, seen), strict=True)) ** 0.5
            assert distance > 20, (scheme, one, other, seen, distance)
    shades = [luminance(colours[f"h{i}"]) for i in range(5)]
    assert shades == sorted(shades, reverse=scheme == "light")
