"""Templates: Jinja with every value escaped, and how numbers, times and costs look in them."""

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

import msgspec
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from clankers.formatting import clean, session_title, short_cost, short_duration, short_number, sum_of_costs
from clankers.queries.conversation import Session
from clankers.queries.search import Hit
from clankers.queries.sessions import ListedSession
from clankers.render.labels import plain
from clankers.web import charts
from clankers.web.links import call_url, export_url, file_url, log_url, session_url
from clankers.web.static import static_url

_UNITS = (("d", 86_400), ("h", 3600), ("min", 60))  # of relative times, in seconds
_RELATIVE_DAYS = 7  # older times are dates

_LIVE = 120.0  # seconds since something happened in a session that is at work
_QUIET = ("idle", "ended")  # the status of one that is not

COST_NOTES = {  # on the marks of costs, by their `cost_source`
    "prices": "Estimated from a price table: the client reports no cost.",
    "unknown": "Incomplete: the price of a model is not known.",
    "parent": "Included in the cost of the session that started this one.",
}


def render(template: str, values: Mapping[str, Any]) -> str:
    """The page that `template` makes of `values`."""
    return _environment().get_template(template).render(values)


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("clankers", "assets/web/templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.filters |= {
        "clean": clean,
        "cost": cost,
        "call_url": call_url,
        "duration": short_duration,
        "number": short_number,
        "percent": _percent,
        "plain": plain,
        "place": lambda place: msgspec.json.encode(place).decode(),
        "pairs": lambda values: [(value, value) for value in values],
        "log_url": log_url,
        "session_url": session_url,
        "within": _within,
        "exact": _exact,
        "hit_kind": _hit_kind,
        "snippet": _snippet,
        "export_url": export_url,
        "file_url": file_url,
        "moment": moment,
        "title": session_title,
        "total_cost": _total_cost,
    }
    made.tests["live"] = _is_live
    made.globals |= {"static": static_url, "charts": charts}
    return made


def cost(dollars: float | None, source: str | None = None) -> Markup:
    """A cost, with what its mark means on hover."""
    text = short_cost(dollars, source)
    note = COST_NOTES.get(source or "")
    if not note or not text:
        return escape(text)
    return Markup('<span class="{}" title="{}">{}</span>').format(f"cost-{source}", note, text)


def moment(ms: int | None) -> Markup:
    """A time: how long ago, or the date; local and exact on hover."""
    if ms is None:
        return Markup("")
    try:
        exact = datetime.fromtimestamp(ms / 1000, UTC)
        local = exact.astimezone()
    except (ValueError, OverflowError, OSError):  # beyond the calendar
        return escape(ms)
    return Markup('<time datetime="{}" title="{}">{}</time>').format(
        exact.isoformat(timespec="milliseconds"), f"{local:%Y-%m-%d %H:%M:%S %Z}", _ago(local)
    )


def _ago(at: datetime) -> str:
    now = datetime.now(UTC).astimezone()
    seconds = (now - at).total_seconds()
    if 0 <= seconds < 60:
        return "just now"
    if 0 < seconds < _RELATIVE_DAYS * 86_400:
        return next(f"{int(seconds // size)} {unit} ago" for unit, size in _UNITS if seconds >= size)
    return f"{at.day} {at:%b %H:%M}" if at.year == now.year else f"{at.day} {at:%b %Y}"


def _is_live(session: ListedSession | Session) -> bool:
    """Whether an agent is at work in a session, as far as its events say."""
    last = session.last_active if isinstance(session, ListedSession) else session.updated_at
    at_work = session.ended_at is None and session.status not in _QUIET
    return at_work and last is not None and time.time() - last / 1000 < _LIVE


def _total_cost(session: ListedSession) -> Markup:
    """The cost of a session with its subagents."""
    costs = ((session.cost, session.cost_source), (session.subagent_cost, session.subagent_cost_source))
    return cost(*sum_of_costs(costs))


def _hit_kind(hit: Hit) -> str:
    """What a hit is: who said it, or the tool."""
    kinds = {"prompt": "You", "answer": "Answer", "note": "Client"}
    return kinds.get(hit.kind) or clean(hit.tool_name or "Call")


def _snippet(hit: Hit) -> Markup:
    """A hit's text; what was found in it is marked."""
    shown, end = Markup(""), 0
    for start, stop in hit.found:
        shown += clean(hit.snippet[end:start])
        shown += Markup("<mark>{}</mark>").format(clean(hit.snippet[start:stop]))
        end = stop
    return shown + clean(hit.snippet[end:])


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.{1 if 0 < share < 0.1 else 0}f} %"


def _exact(n: int | None) -> str:
    return "" if n is None else f"{n:,}"


def _within(path: str, directory: str | None) -> str:
    """A path as it is within its project's directory."""
    return path.removeprefix(f"{directory.rstrip('/')}/") if directory else path
