"""`clankers stats --chart FILE`: the totals as a picture, drawn by matplotlib, which is installed on demand."""

from datetime import date, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clankers.errors import ClankersError, UsageError
from clankers.queries.usage import TIMES, Group

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_KINDS = {  # of tokens, from the ground up
    "cache read": ("cache_read_tokens", "#9ecae1"),
    "cache write": ("cache_write_tokens", "#4292c6"),
    "prompt": ("prompt_tokens", "#74c476"),
    "output": ("completion_tokens", "#fd8d3c"),
}
_COST, _OK, _FAILED = "#756bb1", "#74c476", "#de2d26"
_STYLE: Any = {  # matplotlib types each key
    "svg.fonttype": "none",  # text stays text: smaller, and can be searched
    "svg.hashsalt": "clankers",  # the same picture is the same file
    "text.parse_math": False,  # a name may have dollar signs in it
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
_NAMES = 40  # bars, of things that are not times; the rest is one bar
_TICKS = 12  # times that are written under the bars, at most


def check(path: Path) -> None:
    """See that a chart can be drawn into `path`, before anything is counted.

    Raises:
        UsageError: it is to be neither SVG nor PNG.
        ClankersError: matplotlib is not installed.
    """
    if path.suffix.lower() not in (".svg", ".png"):
        raise UsageError(f"--chart {path}: name a file that ends in .svg or .png")
    if find_spec("matplotlib") is None:
        raise ClankersError(
            "--chart needs matplotlib, which is not installed: `pip install matplotlib` where clankers is, "
            "or `pipx inject clankers matplotlib`"
        )


def draw(path: Path, by: str, shown: list[tuple[str, Group]]) -> None:
    """Draw the groups, with the names that people know them by, into the file at `path`.

    Raises:
        OSError: it cannot be written.
    """
    import warnings

    import matplotlib as mpl
    from matplotlib.figure import Figure

    bars = _without_gaps(by, shown) if by in TIMES else _fewer(shown)
    upright = by in TIMES
    priced = by != "tool" and any(one.cost for _, one in bars)
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a glyph that the font lacks is a box
        long = max(3.0, 0.25 * len(bars))
        rows, columns = (1 + priced, 1) if upright else (1, 1 + priced)
        figure = Figure(figsize=(9, 3.2 * rows) if upright else (5 * columns + 2, long + 1), layout="constrained")
        axes = list(figure.subplots(rows, columns, squeeze=False, sharex=upright, sharey=not upright).flat)
        if by == "tool":
            bad = [one.tools_failed for _, one in bars]
            fine = [one.tools - one.tools_failed for _, one in bars]
            _stack(axes[0], upright, bars, [("not failed", fine, _OK), ("failed", bad, _FAILED)], "calls")
        else:
            kinds = [(name, [getattr(one, kind) for _, one in bars], color) for name, (kind, color) in _KINDS.items()]
            _stack(axes[-1], upright, bars, kinds, "tokens")
        if priced:
            _stack(axes[0], upright, bars, [("cost", [one.cost or 0 for _, one in bars], _COST)], "US dollars")
        kind = path.suffix.lower()[1:]
        figure.savefig(path, format=kind, dpi=150, metadata={"Date": None} if kind == "svg" else {"Software": None})


def _stack(
    axes: "Axes", upright: bool, bars: list[tuple[str, Group]], layers: list[tuple[str, Any, str]], what: str
) -> None:
    """Bars of `layers`, each of a name, a value a bar and a colour; along the time upwards, else to the right."""
    from matplotlib.ticker import EngFormatter

    places = range(len(bars))
    ground = [0.0] * len(bars)
    for name, values, color in layers:
        if upright:
            axes.bar(places, values, bottom=ground, color=color, label=name)
        else:
            axes.barh(places, values, left=ground, color=color, label=name)
        ground = [g + v for g, v in zip(ground, values, strict=True)]
    names = [name for name, _ in bars]
    if upright:
        every = -(-len(bars) // _TICKS) or 1
        axes.set_xticks(places[::every], names[::every], rotation=30, ha="right")
    else:
        axes.set_yticks(places, names)
        axes.set_ylim(len(bars) - 0.5, -0.5)  # the largest on top; the same where axes are shared
    (axes.set_ylabel if upright else axes.set_xlabel)(what)
    (axes.yaxis if upright else axes.xaxis).set_major_formatter(EngFormatter(sep=""))
    if len(layers) > 1:
        above: Any = {"loc": "lower center", "bbox_to_anchor": (0.5, 1), "ncols": len(layers)}
        axes.legend(frameon=False, **(above if upright else {"loc": "lower right"}))


def _without_gaps(by: str, shown: list[tuple[str, Group]]) -> list[tuple[str, Group]]:
    """The groups with empty ones for the times in which nothing was."""
    known = {one.key: one for _, one in shown if one.key is not None}
    rest = [(name, one) for name, one in shown if one.key is None]
    days = [_day(by, key) for key in known]
    filled = {}
    if days:
        at, last = min(days), max(days)
        while at <= last:
            key = {"day": f"{at}", "week": f"{at:%G-W%V}", "month": f"{at:%Y-%m}"}[by]
            filled[key] = known.get(key, Group(key))
            at += timedelta(days=1)
    return [*filled.items(), *rest]


def _day(by: str, key: str) -> date:
    """The first day of the day, week or month `key`."""
    if by == "week":
        return date.fromisocalendar(int(key[:4]), int(key[6:]), 1)
    return date.fromisoformat(key if by == "day" else key + "-01")


def _fewer(shown: list[tuple[str, Group]]) -> list[tuple[str, Group]]:
    """The largest, and the others as one."""
    rest = Group(None)
    for _, one in shown[_NAMES:]:
        rest.add(one)
        rest.tools += one.tools
        rest.tools_failed += one.tools_failed
    return shown[:_NAMES] + ([(f"{len(shown) - _NAMES} others", rest)] if shown[_NAMES:] else [])
