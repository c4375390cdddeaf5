"""`clankers tail`: follows what happens in all harnesses."""

import select
import sys
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import typer
from msgspec import DecodeError, json
from rich.console import Console
from rich.text import Text

from clankers import paths
from clankers.cli.options import MOST, Model, Project, Sources
from clankers.cli.output import console, print_json
from clankers.formatting import cells, clean, short_duration, shortened
from clankers.queries.filters import filters
from clankers.queries.tail import TailItem, follow
from clankers.queries.tool_calls import subject
from projector.feed import FeedItem
from projector.search.tokenize import readable

_WIDE = 100  # columns from which on source and session are shown
_SOURCE, _PROJECT, _SESSION, _KIND = 11, 14, 13, 6  # columns for each; what is longer is cut
_DAY = "%Y-%m-%d"
_LONG = 300  # characters of a text where no terminal says how many fit

# The members of a tool's result that say best what came of it, the best first.
_RESULTS = ("stdout", "stderr", "content", "text", "file", "result", "filePath")
_STYLES = {"prompt": "bold cyan", "failed": "red", "error": "bold red", "retry": "yellow", "answer": "green"}


def command(
    count: Annotated[int, typer.Option("-n", help="Earlier lines to print first.", min=0, max=MOST)] = 10,
    source: Sources = None,
    project: Project = None,
    model: Model = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: an object for each line.")] = False,
) -> None:
    """Follow what happens in all harnesses, live.

    One line for each prompt, answer, tool call and error, until you stop it
    with Ctrl-C.

    Examples:
        clankers tail --project .
        clankers tail --json | jq -r 'select(.kind == "failed") | .text'
    """
    chosen = filters(source, project, model)
    show = _json if as_json else _line(console())
    try:
        for happened in follow(paths.data_root(), paths.database_path(), chosen, count):
            if happened:
                show(happened)
            elif _nobody_reads():
                raise BrokenPipeError
    except KeyboardInterrupt:
        return


def _json(happened: TailItem) -> None:
    """For programs."""
    print_json(happened.plain())
    sys.stdout.flush()


def _line(out: Console) -> Callable[[TailItem], None]:
    wide = out.width >= _WIDE
    day = today = time.strftime(_DAY)  # of the last line: on a terminal its date is shown where it changes

    def show(happened: TailItem) -> None:
        nonlocal day
        item, session, _ = happened
        began, clock = _local(item.at)
        if not out.is_terminal:  # each line may go its own way
            clock = clock if began == today else f"{began} {clock}"
        elif began != day:
            day = began
            out.print(Text(day, style="bold"))
        short = ("└" if session.parent_id else "") + item.session_id[:12]
        place = _cell(session.project_name or "-", _PROJECT)
        head = (clock, _cell(item.source, _SOURCE), place, _cell(short, _SESSION)) if wide else (clock, place)
        line = Text(" ".join(head) + " ", style="dim")
        line.append(f"{item.kind:{_KIND}} ", style=f"not dim {_STYLES.get(item.kind, '')}")
        line.append(clean(_short(item)), style="not dim")
        out.print(line, no_wrap=True, overflow="ellipsis")
        out.file.flush()

    return show


def _cell(text: str, columns: int) -> str:
    fitted = shortened(clean(text), columns)
    return fitted + " " * (columns - cells(fitted))


def _short(item: FeedItem) -> str:
    call = item.kind in ("tool", "ok", "failed")
    text = _doing(item.text, item.file_path) if item.kind == "tool" else _result(item.text) if call else item.text
    text = " ".join(text[: 4 * _LONG].split())
    text = text if len(text) <= _LONG else text[: _LONG - 1] + "…"
    if not call:
        return text
    words = [item.tool_name or "a tool"]
    if item.exit_code:
        words.append(f"exit {item.exit_code}")
    if item.duration_ms is not None:
        words.append(short_duration(item.duration_ms))
    return " ".join(words) + (f": {text}" if text else "")


def _doing(input: str, file_path: str | None) -> str:
    """What a call does, by its input, which may be JSON."""
    try:
        given = json.decode(input)
    except (DecodeError, RecursionError):
        found = subject(input, file_path)
        return found[1] if found else input
    found = subject(given, file_path)
    return found[1] if found else readable(input)


def _result(output: str) -> str:
    """What came out of a call, by its result, which may be JSON: a client's own account of it has much besides."""
    try:
        return "\n".join(_texts(json.decode(output))) or readable(output)
    except (DecodeError, RecursionError):
        return output


def _texts(value: Any) -> Iterator[str]:
    """The texts in a result; none where it has another shape."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for one in value:
            yield from _texts(one)
    elif isinstance(value, dict):
        for name in _RESULTS:
            if found := [text for text in _texts(value.get(name)) if text]:
                yield from found
                if name != "stdout":  # beside which stderr belongs
                    return


def _local(ms: int) -> tuple[str, str]:
    """The local date and time of day."""
    try:
        at = time.localtime(ms / 1000)
        return time.strftime(_DAY, at), time.strftime("%H:%M:%S", at)
    except (ValueError, OverflowError, OSError):  # beyond the calendar
        return str(ms), "--:--:--"


def _nobody_reads() -> bool:
    """Whether the pipe on stdout has no reader any more; without a write, nothing else would show it."""
    try:
        fd = sys.stdout.fileno()
    except (OSError, ValueError):
        return False  # no file
    poll = select.poll()
    poll.register(fd, 0)
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))
