"""Printing for people: tables, numbers, times. Recorded text is untrusted: it never reaches a terminal as it is."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from time import monotonic
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console  # rich and json are imported where they are used: most commands need neither

# C0 and C1 controls, DEL, and what turns the direction of text around: a title must not be able to steer the terminal.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_PATIENCE = 1.0  # seconds before a progress bar appears
_OURS = dict.fromkeys(map(ord, "…└─▏▎▍▌▋▊▉█↑"))  # characters that we put into tables ourselves: a column each
_GAP = "  "  # between two columns of a table
_LEAST = 10  # columns that a longer text is left in a table
_SURE = ("client", "prices", "unknown")  # what `cost_source` may be of a cost that counts, the surest first
_COST_MARKS: dict[str | None, tuple[str, str]] = {"prices": ("~", ""), "unknown": ("", "+")}  # before and behind it


def clean(text: str) -> str:
    r"""`text` with control characters made visible, as `\x1b`; newlines and tabs become spaces."""
    return _CONTROLS.sub(lambda m: " " if m[0] in "\n\r\t" else f"\\x{ord(m[0]):02x}", text)


def print_json(value: object) -> None:
    """`value` as one line of JSON; a terminal gets nothing but ASCII, so that no control character acts on it."""
    import json

    print(json.dumps(value, ensure_ascii=sys.stdout.isatty()))  # json.dump takes ten times as long


def console() -> Console:
    """Standard output, for what rich prints."""
    from rich.console import Console

    return Console(highlight=False, width=width())


def width() -> int:
    """Columns of standard output; as many as needed where it is no terminal, so that pipes get whole cells."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 1_000_000


def cells(text: str) -> int:
    """The columns that `text` takes on a terminal."""
    if text.translate(_OURS).isascii():
        return len(text)
    from rich.cells import cell_len

    return cell_len(text)


def shortened(text: str, columns: int) -> str:
    """`text` in at most so many columns, with `…` for what is cut."""
    if cells(text) <= columns:
        return text
    if text.isascii():
        return text[: columns - 1] + "…"
    from rich.cells import set_cell_size

    return set_cell_size(text, columns - 1).rstrip() + "…"


def print_table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> None:
    """Print untrusted values as a table; the columns of `right` are numbers. What does not fit the terminal is cut.

    Numbers are not: a cut one would pass for another. Where too little is left for texts, the columns of each row stand
    below one another.

    Not rich's: to import that takes longer than all else that a reading command does.
    """
    shown = [["" if v is None else clean(str(v)) for v in row] for row in rows]
    heads = [clean(name) for name in columns]
    widths = [max(map(cells, column)) for column in zip(heads, *shown, strict=True)]
    room = width() - len(_GAP) * (len(widths) - 1)
    texts = [i for i, name in enumerate(columns) if name not in right]
    if sum(w if i not in texts else min(w, _LEAST) for i, w in enumerate(widths)) > room:
        _print_below(heads, shown, texts)
        return
    while sum(widths) > room:  # the widest texts give way, all to one width
        widest = max(widths[i] for i in texts)
        next_widest = max([widths[i] for i in texts if widths[i] < widest], default=0)
        wide = [i for i in texts if widths[i] == widest]
        too_much = sum(widths) - room
        less = min(widest - next_widest, -(-too_much // len(wide)))
        for i in wide:
            widths[i] -= less
    for line in (heads, ["─" * w for w in widths], *shown):
        fitted = [shortened(cell, w) for cell, w in zip(line, widths, strict=True)]
        blank = [" " * (w - cells(cell)) for cell, w in zip(fitted, widths, strict=True)]
        pairs = zip(columns, fitted, blank, strict=True)
        print(_GAP.join(b + cell if name in right else cell + b for name, cell, b in pairs).rstrip())


def _print_below(heads: Sequence[str], rows: Sequence[Sequence[str]], texts: Sequence[int]) -> None:
    """The columns of each row below one another; those of `texts` are cut."""
    names = max(map(cells, heads))
    room = max(width() - names - len(_GAP), _LEAST)
    for number, row in enumerate(rows):
        print("\n" * bool(number), end="")
        for i, (head, cell) in enumerate(zip(heads, row, strict=True)):
            fitted = shortened(cell, room) if i in texts else cell
            print(f"{head}{' ' * (names - cells(head))}{_GAP}{fitted}".rstrip())


def short_number(n: int | None) -> str:
    """`n` as a person says it: 950, 12.3k, 4.5M."""
    if n is None:
        return ""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if n >= size:
            return f"{n / size:.1f}{unit}"
    return str(n)


def counted(n: int, what: str) -> str:
    """`n` of something as a person says it: 1 line, 2,000 lines."""
    return f"{n:,} {what}{'' if n == 1 else 's'}"


def short_cost(dollars: float | None, source: str | None = None) -> str:
    """`dollars` as a person says it, marked by its `cost_source`: $12.50, $0.0044, ~$0.12, $3.00+; ? or ↑ for none."""
    if dollars is None:
        return {"unknown": "?", "parent": "↑"}.get(source or "", "")
    before, behind = _COST_MARKS.get(source, ("", ""))
    return f"{before}${dollars:,.{2 if dollars >= 0.01 or not dollars else 4}f}{behind}"


def sum_of_costs(costs: Iterable[tuple[float | None, str | None]]) -> tuple[float | None, str | None]:
    """What costs, each with its `cost_source`, come to, as far as they are known; and the least sure of the sources."""
    dollars, source = None, None
    for one, its_source in costs:
        if one is not None:
            dollars = one if dollars is None else dollars + one
        if its_source in _SURE and (source is None or _SURE.index(its_source) > _SURE.index(source)):
            source = its_source
    return dollars, source


def short_duration(ms: float | None) -> str:
    """`ms` milliseconds as a person says it: 850ms, 4.2s, 12m, 3h05m, 2d4h."""
    if ms is None or ms < 1:
        return ""
    if ms < 1000:
        return f"{ms:.0f}ms"
    if ms < 60_000:
        return f"{ms / 1000:.1f}s"
    minutes = int(ms // 60_000)
    if minutes < 60:
        return f"{minutes}m"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours < 24 else f"{hours // 24}d{hours % 24}h"


def short_bytes(n: int) -> str:
    """`n` bytes as a person says it: 950 B, 12.3 kB, 4.5 MB."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if n >= size:
            return f"{n / size:.1f} {unit}"
    return f"{n} B"


def local_time(ms: int | None) -> str:
    """Epoch milliseconds as local time, to the minute."""
    try:
        return "" if ms is None else datetime.fromtimestamp(ms / 1000).astimezone().strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):  # beyond the calendar
        return str(ms)


def progress_bar(label: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    """A bar on stderr, when that is a terminal and the work takes over a second; call it with each step's bytes."""
    return _bar(label, total, "DownloadColumn")


def counting_bar(label: str, total: int | None = None) -> AbstractContextManager[Callable[[int], None]]:
    """The same for things that are counted, `total` of them if that is known; call it with how many more are done."""
    return _bar(label, total, "MofNCompleteColumn")


@contextmanager
def _bar(label: str, total: int | None, done: str) -> Iterator[Callable[[int], None]]:
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich import progress
    from rich.console import Console

    columns = (
        progress.TextColumn(label),
        progress.BarColumn(),
        getattr(progress, done)(),
        progress.TimeRemainingColumn(),
    )
    bar = progress.Progress(*columns, console=Console(stderr=True), transient=True)
    task = bar.add_task(label, total=total)
    begun = monotonic()

    def step(n: int) -> None:
        bar.advance(task, n)
        if monotonic() - begun > _PATIENCE and not bar.live.is_started:
            bar.start()

    try:
        yield step
    finally:
        bar.stop()
