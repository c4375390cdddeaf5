"""Printing on standard output and notes on stderr. Recorded text is untrusted: it never reaches a terminal as it is."""

from __future__ import annotations

import codecs
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from time import monotonic
from typing import TYPE_CHECKING

from clankers.formatting import cells, clean, shortened

if TYPE_CHECKING:
    from rich.console import Console  # rich and json are imported where they are used: most commands need neither

_PATIENCE = 1.0  # seconds before a progress bar appears
_GAP = "  "  # between two columns of a table
_LEAST = 10  # columns that a longer text is left in a table


def say(text: object) -> None:
    """Print one line for a person on stderr, marked as ours; control characters in it are made visible."""
    print(f"clankers: {clean(str(text))}", file=sys.stderr, flush=True)


def print_json(value: object) -> None:
    """`value` as one line of JSON; in ASCII for a terminal, so that no control character acts on it.

    And where the output is not UTF-8.
    """
    import json

    is_plain = sys.stdout.isatty() or codecs.lookup(sys.stdout.encoding).name != "utf-8"
    print(json.dumps(value, ensure_ascii=is_plain))  # json.dump takes ten times as long


def console() -> Console:
    """Standard output, for what rich prints."""
    from clankers.cli.rich_console import OutputConsole

    return OutputConsole(highlight=False, width=width())


def width() -> int:
    """Columns of standard output; as many as needed where it is no terminal, so that nothing is cut in a pipe."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else 1_000_000


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
