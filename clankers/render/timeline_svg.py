"""A session's time as a picture: its turns, calls and subagents as bars, long pauses cut short."""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from html import escape
from typing import TypeVar

from clankers.formatting import clean, local_time, short_duration
from clankers.queries.timeline import Timeline, TimelineSpan, TimelineTurn

_Bar = TypeVar("_Bar", bound=TimelineTurn | TimelineSpan)

_WIDTH = 1000.0  # units; the page stretches them to what it has
_PAUSE = 120_000  # milliseconds without anything that are drawn as a gap
_GAP = 14.0  # units of a pause, however long
_LEAST = 2.0  # units of a bar
_BARS = 300  # in a lane, at most
_LANES = {"turn": (0, 12), "tool": (18, 16), "subagent": (40, 12)}  # top and height
_HEIGHT = 52


def timeline_svg(found: Timeline, link: Callable[[TimelineTurn | TimelineSpan], str]) -> str:
    """The picture; empty where nothing has a time.

    Args:
        found: what happened when.
        link: the address of a turn, call or subagent.
    """
    if not found.turns and not found.spans:
        return ""
    at = _Scale([(turn.started_at, turn.ended_at) for turn in found.turns] + [_ends(span) for span in found.spans])
    bars = [_turn(turn, at, link(turn)) for turn in _few(found.turns, lambda _: False)]
    for kind in ("tool", "subagent"):
        spans = [one for one in found.spans if one.kind == kind]
        bars += [_span(span, at, link(span)) for span in _few(spans, lambda one: one.success == 0)]
    pauses = "".join(
        f'<rect class="pause" x="{x:.1f}" y="0" width="{_GAP:.1f}" height="{_HEIGHT}">'
        f"<title>{escape(short_duration(ms))} without activity</title></rect>"
        for x, ms in at.pauses
    )
    return (
        f'<svg class="timeline" viewBox="0 0 {_WIDTH:.0f} {_HEIGHT}" preserveAspectRatio="none" role="group" '
        f'aria-label="When turns, tool calls and subagents ran">{pauses}{"".join(bars)}</svg>'
    )


class _Scale:
    """Where a time is: in proportion, but for pauses, which are all alike."""

    def __init__(self, busy: Sequence[tuple[int, int]]) -> None:
        blocks: list[list[int]] = []
        for start, end in sorted(busy):
            if blocks and start - blocks[-1][1] <= _PAUSE:
                blocks[-1][1] = max(blocks[-1][1], end)
            else:
                blocks.append([start, max(start, end)])
        gap = min(_GAP, _WIDTH / 4 / len(blocks))
        total = sum(end - start for start, end in blocks) or 1
        self._per_ms = (_WIDTH - gap * (len(blocks) - 1) - _LEAST) / total
        self._starts = [start for start, _ in blocks]
        self._begins: list[float] = []
        self.pauses: list[tuple[float, int]] = []
        x, before = 0.0, 0
        for start, end in blocks:
            if self._begins:
                self.pauses.append((x, start - before))
                x += gap
            self._begins.append(x)
            x += (end - start) * self._per_ms
            before = end

    def __call__(self, ms: int) -> float:
        block = max(bisect_right(self._starts, ms) - 1, 0)
        return self._begins[block] + (ms - self._starts[block]) * self._per_ms


def _ends(span: TimelineSpan) -> tuple[int, int]:
    return span.started_at, max(span.ended_at or 0, span.started_at)


def _few(bars: list[_Bar], is_failed: Callable[[_Bar], bool]) -> list[_Bar]:
    """At most `_BARS` of them, more of the failed ones: more bars than a screen has points say nothing."""
    if len(bars) <= _BARS:
        return bars
    failed = [one for one in bars if is_failed(one)][: _BARS // 2]
    return [*bars[:: -(-len(bars) * 2 // _BARS)], *failed]


def _turn(turn: TimelineTurn, at: _Scale, href: str) -> str:
    kind = "turn even" if turn.number % 2 == 0 else "turn"
    label = f"Turn {turn.number}, {local_time(turn.started_at)}, {short_duration(turn.ended_at - turn.started_at)}"
    return _bar(kind, "turn", at(turn.started_at), at(turn.ended_at), label, href)


def _span(span: TimelineSpan, at: _Scale, href: str) -> str:
    start, end = _ends(span)
    outcome = "open" if span.success is None else "ok" if span.success else "failed"
    label = f"{clean(span.name or span.kind)}, {short_duration(end - start) or 'no time'}"
    label += {"ok": "", "open": ", unfinished", "failed": ", failed"}[outcome]
    return _bar(f"{span.kind} {outcome}", span.kind, at(start), at(end), label, href)


def _bar(kind: str, lane: str, start: float, end: float, label: str, href: str) -> str:
    top, height = _LANES[lane]
    width = max(end - start, _LEAST)
    return (
        f'<a href="{escape(href)}"><rect class="{kind}" x="{start:.1f}" y="{top}" width="{width:.1f}" '
        f'height="{height}"><title>{escape(label)}</title></rect></a>'
    )
