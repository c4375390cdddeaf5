"""Printing for people: tables, numbers, times. Recorded text is untrusted: it never reaches a terminal as it is."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import datetime
from time import monotonic

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

# C0 and C1 controls, DEL, and what turns the direction of text around: a title must not be able to steer the terminal.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_PATIENCE = 1.0  # seconds before a progress bar appears


def clean(text: str) -> str:
    r"""`text` with control characters made visible, as `\x1b`; newlines and tabs become spaces."""
    return _CONTROLS.sub(lambda m: " " if m[0] in "\n\r\t" else f"\\x{ord(m[0]):02x}", text)


def print_json(value: object) -> None:
    """`value` as one line of JSON; a terminal gets nothing but ASCII, so that no control character acts on it."""
    json.dump(value, sys.stdout, ensure_ascii=sys.stdout.isatty())
    print()


def console() -> Console:
    """Standard output; as wide as needed where it is no terminal, so that pipes get whole cells."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 1_000_000)


class _Paging(Console):
    """Prints to a pager, which may be left at any time."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


@contextmanager
def paged(out: Console) -> Iterator[Console]:
    """What is printed on it goes through `$PAGER`, on a terminal; else it goes out as it comes."""
    command = shlex.split(os.environ.get("PAGER", "less"))
    if not (sys.stdout.isatty() and sys.stdin.isatty() and command and shutil.which(command[0])):
        yield out
        return
    # As git does: colours as they are, and nothing to leave where all fits on the screen.
    environment = {"LESS": "FRX", "LESSCHARSET": "utf-8"} | os.environ
    with subprocess.Popen(command, stdin=subprocess.PIPE, env=environment, encoding="utf-8") as pager:
        assert pager.stdin
        with suppress(BrokenPipeError, KeyboardInterrupt):  # seen enough
            yield _Paging(file=pager.stdin, highlight=False, width=out.width, force_terminal=True)
        with suppress(BrokenPipeError):
            pager.stdin.close()
        while True:
            try:
                pager.wait()
            except KeyboardInterrupt:  # is the pager's to act on
                continue
            break


def table(columns: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()) -> Table:
    """A table of untrusted values; the columns of `right` are numbers."""
    made = Table(box=SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        made.add_column(
            Text(clean(name)), justify="right" if name in right else "left", overflow="ellipsis", no_wrap=True
        )
    for row in rows:
        made.add_row(*(Text("" if v is None else clean(str(v))) for v in row))
    return made


def short_number(n: int | None) -> str:
    """`n` as a person says it: 950, 12.3k, 4.5M."""
    if n is None:
        return ""
    for unit, size in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if n >= size:
            return f"{n / size:.1f}{unit}"
    return str(n)


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
    from rich import progress  # takes as long to import as all else of rich; most commands need no bar

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
