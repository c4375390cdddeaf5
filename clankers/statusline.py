"""`clankers statusline`: a harness's JSON on stdin to one line on stdout. It starts at each refresh: imports count.

It reads no database: what is spent is in a file that is written whenever the database was updated after a turn. Nothing
is reported on the screen: what is missing or wrong is left out, and the exit code is 0.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os
import time

from clankers import paths
from clankers.errors import ClankersError
from clankers.formatting import clean, short_cost, short_duration
from clankers.harnesses.base import nested
from clankers.log import strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SPENDING = "spending.json"  # in the data root: clankers.queries.spending
_MOST = 1 << 20  # bytes of either document
_NAME = 40  # characters of a model's name
_SHOWN = 3  # budgets
_BETWEEN = " · "


def main() -> int:
    """Print the line."""
    try:
        line = status(_parsed(_stdin()), _spending(), time.time())
        if line:
            os.write(1, (line + "\n").encode("utf-8", "replace"))
    except Exception:  # noqa: BLE001 (nothing may be seen of it on the screen)
        return 0
    return 0


def status(given: Any, spending: Any, now: float) -> str:
    """The line.

    Args:
        given: the harness's document; None for none.
        spending: the content of the file in the data root; None for none.
        now: seconds since the epoch.
    """
    name = nested(given, "model", "display_name")
    cost = _number(nested(given, "cost", "total_cost_usd"))
    parts = [
        clean(name)[:_NAME] if isinstance(name, str) else "",
        short_cost(cost),
        _today(given, spending, cost, now),
        _block(given, spending, now),
        _context(given),
        *_budgets(spending, now),
    ]
    return _BETWEEN.join(part for part in parts if part)


def _today(given: Any, spending: Any, cost: float | None, now: float) -> str:
    """What is spent today: as of the last turn, and what this session has cost since then."""
    spent = _number(nested(spending, "today")) if _is_today(spending, now) else None
    session = nested(given, "session_id")
    if cost is not None and isinstance(session, str):
        recorded = _number(nested(spending, "sessions", session))  # on whatever day: what it cost then is not of today
        spent = (spent or 0.0) + max(cost - (recorded or 0.0), 0.0)
    return "" if spent is None else f"today {short_cost(spent)}"


def _block(given: Any, spending: Any, now: float) -> str:
    """What is left of the 5-hour block: as the harness says it, else the time."""
    used = _number(nested(given, "rate_limits", "five_hour", "used_percentage"))
    end = _number(nested(given, "rate_limits", "five_hour", "resets_at"))
    if end is None:
        end = (_number(nested(spending, "block_end")) or 0.0) / 1000
    left = short_duration((end - now) * 1000) if now < end < now + 86_400 else ""
    share = "" if used is None else f"{max(100 - used, 0):.0f}%"
    return f"block {', '.join(filter(None, (share, left)))} left" if share or left else ""


def _context(given: Any) -> str:
    used = _number(nested(given, "context_window", "used_percentage"))
    return "" if used is None else f"context {used:.0f}%"


def _budgets(spending: Any, now: float) -> list[str]:
    """Budgets of which a level is passed."""
    if nested(spending, "problem"):
        return ["budgets: `clankers budget list`"]
    found = nested(spending, "budgets") if _is_today(spending, now) else None
    shown = []
    for one in found if isinstance(found, list) else []:
        spent, dollars, period = _number(nested(one, "spent")), _number(nested(one, "dollars")), nested(one, "period")
        if spent is not None and dollars and isinstance(period, str):
            shown.append(f"{clean(period)} {100 * spent / dollars:.0f}% of {short_cost(dollars)}")
    return shown[:_SHOWN]


def _is_today(spending: Any, now: float) -> bool:
    return bool(nested(spending, "day") == time.strftime("%Y-%m-%d", time.localtime(now)))


def _number(value: Any) -> float | None:
    """A number of a parsed document, where it is bytes; None for anything else, and for what is no amount."""
    try:
        found = float(value) if isinstance(value, bytes) else -1.0
    except ValueError:
        return None
    return found if 0 <= found < 1e15 else None


def _spending() -> Any:
    try:
        fd = os.open(os.path.join(paths.data_root(), SPENDING), os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            return _parsed(os.read(fd, _MOST))
        finally:
            os.close(fd)
    except (OSError, ClankersError):
        return None


def _stdin() -> bytes:
    data = b""
    while len(data) < _MOST and (chunk := os.read(0, _MOST)):
        data += chunk
    return data


def _parsed(raw: bytes) -> Any:
    try:
        return strict_json.parse(strict_json.trim(raw))
    except (strict_json.NotJSONError, RecursionError):
        return None
