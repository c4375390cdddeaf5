"""Text for people: numbers, times, durations, costs. Recorded text is untrusted: `clean` makes it safe to print."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

# C0 and C1 controls, DEL, and what turns the direction of text around: a title must not be able to steer the terminal.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_OURS = dict.fromkeys(map(ord, "…└─▏▎▍▌▋▊▉█↑"))  # characters that we put into tables ourselves: a column each
_SURE = ("client", "prices", "unknown")  # what `cost_source` may be of a cost that counts, the surest first
_COST_MARKS: dict[str | None, tuple[str, str]] = {"prices": ("~", ""), "unknown": ("", "+")}  # before and behind it


def clean(text: str) -> str:
    r"""`text` with control characters made visible, as `\x1b`; newlines and tabs become spaces."""
    return _CONTROLS.sub(lambda m: " " if m[0] in "\n\r\t" else f"\\x{ord(m[0]):02x}", text)


def session_title(title: str | None) -> str:
    """What a session is called, in one line."""
    return clean(title or "Untitled session")


def short_names(paths: Iterable[str]) -> dict[str, str]:
    """The last part of each path, where no other path ends with the same; else the path."""
    last = {path: path.replace("\\", "/").rstrip("/").rsplit("/", 1)[-1] or path for path in paths}
    times: dict[str, int] = {}
    for name in last.values():
        times[name] = times.get(name, 0) + 1
    return {path: name if times[name] == 1 else path for path, name in last.items()}


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


def without_noise(value: object) -> object:
    """`value` for JSON, without the digits that binary fractions leave behind: 0.3, not 0.30000000000000004."""
    if isinstance(value, float):
        return round(value, 12)
    if isinstance(value, dict):
        return {name: without_noise(one) for name, one in value.items()}
    return [without_noise(one) for one in value] if isinstance(value, list) else value


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
    """`dollars` as a person says it, marked by its `cost_source`: $12.50, <$0.01, ~$0.12, $3.00+; ? or ↑ for none."""
    if dollars is None:
        return {"unknown": "?", "parent": "↑"}.get(source or "", "")
    before, behind = _COST_MARKS.get(source, ("", ""))
    return f"{before}<$0.01{behind}" if 0 < dollars < 0.01 else f"{before}${dollars:,.2f}{behind}"


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
