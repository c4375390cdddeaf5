"""`clankers stats`: sessions, messages, tool calls, tokens and cost, by day, model, project, ..."""

import re
import sys
import time
from enum import StrEnum
from pathlib import Path
from textwrap import fill
from typing import Annotated, Any

import apsw
import typer

from clankers.cli.database import open_current
from clankers.cli.options import Model, Project, Since, Sources, Until
from clankers.cli.output import print_json, print_table, width
from clankers.cli.pager import paging
from clankers.errors import UsageError
from clankers.formatting import (
    cells,
    clean,
    local_time,
    short_cost,
    short_duration,
    short_names,
    short_number,
    shortened,
    without_noise,
)
from clankers.harnesses import COUNTED_IN_BLOCKS
from clankers.queries.blocks import Limit, UsageBlock, count_blocks
from clankers.queries.filters import Filters, filters
from clankers.queries.usage import TIMES, Group, count


class By(StrEnum):
    """The values of `--by`."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    MODEL = "model"
    PROJECT = "project"
    SOURCE = "source"
    TOOL = "tool"
    BLOCK = "block"


_LIMIT = re.compile(r"(?P<dollars>\$?)(?P<number>\d{1,12}(?:\.\d{1,6})?)(?P<unit>[kKmMgG]?)", re.ASCII)
_UNITS = {"": 1, "k": 1e3, "m": 1e6, "g": 1e9}
_RECENT = "30d"  # what is counted on a terminal
_NONE = "(unknown)"

# What is shown, and in which order it gives way on a terminal where not all of it fits.
_COLUMNS = (
    *("sessions", "turns", "messages", "tools", "failed", "p50", "p95"),
    *("prompt", "output", "reasoning", "cache read", "cache write", "tokens", "cost"),
)
_GIVE_WAY = (
    *("reasoning", "p50", "cache write", "messages", "cache read", "prompt", "output"),
    *("p95", "failed", "turns", "sessions", "tools"),
)
_KEY = 32  # columns for a key, at most
_BAR = 20  # columns for a bar, of which there are 8 before others give way
_MIN_BAR = 8
_EIGHTHS = " ▏▎▍▌▋▊▉█"
_GAP = 2  # columns between two cells


def command(
    by: Annotated[By, typer.Option(help="What to group by.")] = By.DAY,
    source: Sources = None,
    project: Project = None,
    model: Model = None,
    since: Since = None,
    until: Until = None,
    everything: Annotated[bool, typer.Option("--all", help="Count all days, on a terminal too.")] = False,
    chart: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw a chart as .svg or .png; needs matplotlib.")
    ] = None,
    limit: Annotated[
        str | None, typer.Option(metavar="LIMIT", help="Of a block: tokens, as 500k or 20M, or US dollars, as $10.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: an object with by, groups and total.")] = False,
) -> None:
    """Count sessions, turns, tool calls, tokens and cost.

    On a terminal the last 30 days are counted, unless --since, --until or --all
    says otherwise. In a file or a pipe, and with --json, everything is.

    FAILED is the share of finished calls that failed. P50 and P95 are
    percentiles of their duration. TOKENS exclude reasoning, which some clients
    count as output too. Claude Code reports the cost of a complete session: by
    day or model it is split over the messages, which is an estimate. Days are
    local.

    By block: the 5-hour blocks in which Claude's plans count. The open one is
    shown with its burn rate, and with what is left of --limit.

    Examples:
        clankers stats --by project --since 2026-10 --until 2026-10
        clankers stats --by model --all
        clankers stats --by day --chart costs.svg
        clankers stats --by block --limit 20M
    """
    most = _limit(limit) if limit else None
    if by != By.BLOCK and most:
        raise UsageError("--limit is for --by block")
    if by == By.BLOCK and chart:
        raise UsageError("--chart draws no blocks; --by day draws days")
    if chart:
        from clankers.cli.chart import check

        check(chart)
    recent = not (everything or since or until or as_json or chart) and sys.stdout.isatty()
    chosen = filters(source, project, model, _RECENT if recent else since, until)
    db = open_current()
    try:
        groups, total = _blocks(db, chosen, most) if by == By.BLOCK else count(db, by.value, chosen)
    finally:
        db.close()
    if chart:
        from clankers.cli.chart import draw

        draw(chart, by.value, named(groups, by.value))
        typer.echo(f"{chart} shows it.", err=True)
    if as_json:
        shown = [without_noise(one.plain()) for one in groups]
        print_json({"by": by.value, "groups": shown, "total": without_noise(total.plain())})
    elif groups:
        with paging():
            print_stats(groups, total, by.value)
            if by == By.BLOCK:
                _note(_of_open_block(groups[-1], most))
            if recent:
                _note("These are the last 30 days; --all counts everything.")
            if total.cost_split and (
                by.value in (*TIMES, "model", "block") or chosen.since or chosen.until or chosen.model
            ):
                _note(
                    f"{short_cost(total.cost_split)} of the cost is reported for complete sessions only; "
                    "its split over messages is estimated."
                )
    elif recent:
        typer.echo("No sessions of the last 30 days; --all counts everything, `clankers install` sets up a harness.")
    elif chosen:
        typer.echo("No sessions match these filters; `clankers stats --all` without filters counts everything.")
    elif by == By.BLOCK:
        typer.echo(f"Nothing is recorded of {', '.join(COUNTED_IN_BLOCKS)}, whose plans count in blocks.")
    else:
        typer.echo("Nothing is recorded yet; `clankers install` sets up a harness.")


def _blocks(db: apsw.Connection, chosen: Filters, limit: Limit | None) -> tuple[list[Group], Group]:
    blocks, total = count_blocks(db, chosen, time.time_ns() // 1_000_000, limit)
    return list(blocks), total


def _limit(text: str) -> Limit:
    """The limit that a person wrote: `$10`, `500k`, `20M`, `800000`.

    Raises:
        UsageError: it is none.
    """
    found = _LIMIT.fullmatch(text.strip())
    if not found or not float(found["number"]) or (found["dollars"] and found["unit"]):
        raise UsageError(
            f"--limit {text!r} is not a limit; use tokens, such as 800000, 500k or 20M, or US dollars, such as $10"
        )
    return Limit(float(found["number"]) * _UNITS[found["unit"].lower()], bool(found["dollars"]))


def _of_open_block(last: Group, limit: Limit | None) -> str:
    """What a person wants to know of the block that is open, if the last one is."""
    if not isinstance(last, UsageBlock) or not last.is_open:
        return "None of these blocks is open."
    said = [f"The last block is open until {local_time(last.end)}."]
    if last.tokens_per_minute is not None:
        hourly = [f"{short_number(round(last.tokens_per_minute * 60))} tokens", short_cost(last.cost_per_hour)]
        at_end = [f"{short_number(last.projected_tokens)} tokens", short_cost(last.projected_cost)]
        said.append(f"{_both(hourly)} an hour: at this rate {_both(at_end)} at its end.")
    if limit and last.limit_left is not None:
        left, whole = (_amount(n, limit) for n in (last.limit_left, limit.amount))
        said.append(f"{left} of {whole} {'is' if limit.in_dollars else 'tokens are'} left.")
    return " ".join(said)


def _both(texts: list[str]) -> str:
    return " and ".join(filter(None, texts))


def _amount(n: float, limit: Limit) -> str:
    return f"${n:,.2f}".replace("$-", "-$") if limit.in_dollars else "-" * (n < 0) + short_number(round(abs(n)))


def named(groups: list[Group], by: str) -> list[tuple[str, Group]]:
    """The groups with the names that a person knows them by; those by time in its order, others the largest first."""
    names = {one.key: one.key or _NONE for one in groups}
    if by == "project":  # the directory's name, where no other has the same
        short = short_names(list(names.values()))
        names = {key: short[name] for key, name in names.items()}
    names = {key: clean(name) for key, name in names.items()}
    if by == By.BLOCK:
        return [(local_time(one.begin), one) for one in groups if isinstance(one, UsageBlock)]
    if by not in TIMES:
        groups = sorted(groups, key=lambda one: (-_size(one, by), -one.tokens, -one.messages, names[one.key]))
    return [(names[one.key], one) for one in groups]


def _size(one: Group, by: str) -> float:
    return one.tools if by == "tool" else one.cost or 0.0


def print_stats(groups: list[Group], total: Group, by: str) -> None:
    """A table as wide as the terminal, with a bar a group: of cost, or of tokens where none is known."""
    shown = named(groups, by)
    if by == "tool":
        measure, sizes = "tools", [float(one.tools) for _, one in shown]
    elif total.cost:
        measure, sizes = "cost", [one.cost or 0.0 for _, one in shown]
    else:
        measure, sizes = "tokens", [float(one.tokens) for _, one in shown]
    rows = [(name, _cells(one)) for name, one in shown] + [("total", _cells(total))]
    names = [n for n in _COLUMNS if any(r[n] for _, r in (rows[:-1] if by == "tool" else rows))]
    wide = {n: max(cells(n), *(len(r[n]) for _, r in rows)) for n in names}
    key = min(_KEY, max(cells(name) for name in (by, *(name for name, _ in rows))))

    def left() -> int:
        return width() - key - sum(wide[n] + _GAP for n in names) - _GAP

    for name in _GIVE_WAY:
        if left() < _MIN_BAR and name in names:
            names.remove(name)
    bar = min(_BAR, left())
    heads = [by, *names]
    lines = [[shortened(name, key), *(r[n] for n in names)] for name, r in rows]
    if bar >= _MIN_BAR:
        heads.append("by " + measure)
        most = max(sizes)
        for line, size in zip(lines, sizes, strict=False):
            line.append(_bar(size / most if most else 0.0, bar))
        lines[-1].append("")
    print_table(heads, lines, right=names)
    if total.unpriced_messages:
        _note(f"The cost leaves out {total.unpriced_messages:,} messages with unknown cost.")


def _note(text: str) -> None:
    typer.echo("\n" + fill(text, min(width(), 120)))


def _bar(part: float, columns: int) -> str:
    """`part` (0 to 1) of so many columns, to an eighth of one."""
    eighths = round(part * columns * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def _cells(one: Group) -> dict[str, str]:
    """A group's cells by column, as a person reads them."""

    def number(n: int) -> str:
        return short_number(n) if n else ""

    rate = f"{one.tools_failed / one.tools_closed:.1%}" if one.tools_failed else ""
    cells: dict[str, Any] = {
        "sessions": one.sessions,
        "turns": one.turns,
        "messages": one.messages,
        "tools": one.tools,
        "failed": rate,
        "p50": short_duration(one.tool_p50_ms),
        "p95": short_duration(one.tool_p95_ms),
        "prompt": number(one.prompt_tokens),
        "output": number(one.completion_tokens),
        "reasoning": number(one.reasoning_tokens),
        "cache read": number(one.cache_read_tokens),
        "cache write": number(one.cache_write_tokens),
        "tokens": number(one.tokens),
        "cost": short_cost(one.cost),
    }
    return {
        name: f"{value:,}" if isinstance(value, int) and value else str(value or "") for name, value in cells.items()
    }
