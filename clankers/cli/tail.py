"""`clankers tail`: what happens, in all harnesses, as it happens."""

import os
import select
import sys
import time
from collections.abc import Callable, Iterator
from typing import Annotated, Any

import apsw
import typer
from msgspec import DecodeError, json
from rich.console import Console
from rich.text import Text

from clankers import paths
from clankers.errors import ClankersError
from clankers.formatting import clean, console, print_json, short_duration
from clankers.log.follower import Follower, Place
from clankers.queries.connect import open_for_reading
from clankers.queries.filters import Filters, Model, Project, Sources, filters
from projector.feed import Feed, FeedItem, FeedSession
from projector.search.tokenize import readable

_POLL = 0.2  # seconds between two looks at the log
_WINDOW = 256 << 10  # bytes of the log's end that are read at first
_FAR = 64 << 20  # bytes of it that are read at most
_WIDE = 100  # columns from which on source and session are shown
_LONG = 300  # characters of a text where no terminal says how many fit

# What of a tool's input says best what it does, the best first.
_TELLING = ("command", "file_path", "filePath", "path", "pattern", "query", "url", "description", "prompt")
# What of a tool's result says best what came out of it, the best first.
_RESULTS = ("stdout", "stderr", "content", "text", "file", "result", "filePath")
_STYLES = {"prompt": "bold cyan", "failed": "red", "error": "bold red", "retry": "yellow", "answer": "green"}


def command(
    count: Annotated[int, typer.Option("-n", help="How many of the last lines first.", min=0)] = 10,
    source: Sources = None,
    project: Project = None,
    model: Model = None,
    as_json: Annotated[bool, typer.Option("--json", help="An object a line.")] = False,
) -> None:
    """Follow what happens in all harnesses, a line each: prompts, answers, tool calls and how they ended, errors.

    It reads the log, and goes on until it is stopped. The last lines are looked for in the log's last 64 MB.
    """
    asked = filters(source, project, model)
    try:
        follow(paths.data_root(), asked, count, _json if as_json else _line(console()))
    except KeyboardInterrupt:
        return


Show = Callable[[FeedItem, FeedSession, Place], object]


def follow(root: str, asked: Filters, count: int, show: Show, *, forever: bool = True) -> None:
    """Show what happened last, `count` things, then whatever happens; once, unless `forever`.

    Raises:
        BrokenPipeError: nobody reads what is shown any more.
        OSError: the log cannot be read.
    """
    log = Follower(root)
    window = _WINDOW
    while True:
        feed = Feed(root, _of_database(paths.database_path()))
        places, whole = log.last(window)
        told = _wanted(feed, asked, places)
        if len(told) >= count or whole or window >= _FAR:
            break
        window *= 4
    for one, place in told[len(told) - min(count, len(told)) :]:
        show(one, feed.session(one.session_id), place)
    while True:
        for place in log.new():
            for one, _ in _wanted(feed, asked, [place]):
                show(one, feed.session(one.session_id), place)
        if not forever:
            return
        if _nobody_reads():
            raise BrokenPipeError
        time.sleep(_POLL)


def _wanted(feed: Feed, asked: Filters, places: list[Place]) -> list[tuple[FeedItem, Place]]:
    return [
        (one, place)
        for place in places
        for one in feed.items(place.event)
        if _asked_for(asked, one, feed.session(one.session_id))
    ]


def _asked_for(asked: Filters, told: FeedItem, session: FeedSession) -> bool:
    path, model = session.project_path, (told.model or session.model or "").lower()
    return (
        (not asked.sources or told.source in asked.sources)
        and (asked.name is None or session.project_name == asked.name)
        and (asked.model is None or asked.model in model)
        and (
            not asked.places
            or any(path is not None and (path == p or path.startswith(os.path.join(p, ""))) for p in asked.places)
        )
    )


def _of_database(path: str) -> Callable[[str], FeedSession | None]:
    """What the database at `path` knows of sessions, as far as it goes: nothing waits for it."""
    try:
        db = open_for_reading(path) if os.path.exists(path) else None
    except ClankersError:
        db = None

    def known(id: str) -> FeedSession | None:
        try:
            row: Any = (
                db
                and db.execute(
                    "SELECT project_path, parent_id, model, created_at FROM sessions WHERE id = ?", (id,)
                ).fetchone()
            )
        except apsw.Error:
            return None
        # A hook's guess when a session began makes no copy of an earlier prompt: the log itself tells of forks.
        return FeedSession(*row[:3]) if row else None

    return known


def _json(told: FeedItem, session: FeedSession, place: Place) -> None:
    """For programs; `clankers/assets/schemas/tail.json` describes it."""
    print_json(
        {
            "at": told.at,
            "source": told.source,
            "session_id": told.session_id,
            "parent_id": session.parent_id,
            "project_path": session.project_path,
            "project_name": session.project_name,
            "model": told.model or session.model,
            "kind": told.kind,
            "id": told.id,
            "tool_name": told.tool_name,
            "text": told.text,
            "exit_code": told.exit_code,
            "duration_ms": told.duration_ms,
            "file": place.file,
            "offset": place.offset,
        }
    )
    sys.stdout.flush()


def _line(out: Console) -> Show:
    wide = out.width >= _WIDE

    def show(told: FeedItem, session: FeedSession, _: Place) -> None:
        short = ("└" if session.parent_id else "") + told.session_id[:12]
        place = session.project_name or "-"
        head = (_clock(told.at), told.source, place, short) if wide else (_clock(told.at), place)
        line = Text(clean(" ".join(head)) + " ", style="dim")
        line.append(f"{told.kind} ", style=f"not dim {_STYLES.get(told.kind, '')}")
        line.append(clean(_short(told)), style="not dim")
        out.print(line, no_wrap=True, overflow="ellipsis")
        out.file.flush()

    return show


def _short(told: FeedItem) -> str:
    call = told.kind in ("tool", "ok", "failed")
    text = _doing(told.text) if told.kind == "tool" else _result(told.text) if call else told.text
    text = " ".join(text[: 4 * _LONG].split())
    text = text if len(text) <= _LONG else text[: _LONG - 1] + "…"
    if not call:
        return text
    words = [told.tool_name or "a tool"]
    if told.exit_code:
        words.append(f"exit {told.exit_code}")
    if told.duration_ms is not None:
        words.append(short_duration(told.duration_ms))
    return " ".join(words) + (f": {text}" if text else "")


def _doing(input: str) -> str:
    """What a call does, by its input, which is JSON."""
    try:
        given = json.decode(input)
    except (DecodeError, RecursionError):
        return input
    if isinstance(given, dict):
        for name in _TELLING:
            if isinstance(given.get(name), str):
                return str(given[name])
    return readable(input)


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


def _clock(ms: int) -> str:
    """Local time, with the date where that is not today's."""
    try:
        at = time.localtime(ms / 1000)
        return time.strftime("%H:%M:%S" if at[:3] == time.localtime()[:3] else "%Y-%m-%d %H:%M:%S", at)
    except (ValueError, OverflowError, OSError):  # beyond the calendar
        return str(ms)


def _nobody_reads() -> bool:
    """Whether the pipe that is written to has no reader any more: one that nothing is written to would never tell."""
    if not hasattr(select, "poll"):  # Windows
        return False
    try:
        fd = sys.stdout.fileno()
    except (OSError, ValueError):
        return False  # no file
    poll = select.poll()
    poll.register(fd, 0)
    return any(events & (select.POLLERR | select.POLLHUP) for _, events in poll.poll(0))
