"""What is spent, in a file that the status line reads, and which budgets have just passed a level."""

import os
from datetime import datetime, timedelta

import msgspec
from msgspec import Struct

from clankers.errors import ClankersError
from clankers.formatting import sum_of_costs
from clankers.paths import open_private
from clankers.queries.blocks import open_block_end
from clankers.queries.budgets import Budgets, BudgetState, budget_states, epoch_ms, load_budgets, start_of_day
from clankers.queries.dialect import Database
from clankers.queries.filters import Filters
from clankers.queries.sessions import list_sessions
from clankers.queries.usage import count_all
from clankers.system.atomic_write import atomic_write
from clankers.system.locks import try_lock

FILE = "spending.json"
_REPORTED = "budgets-reported.json"
_LOCK = "budgets.lock"
_KEPT = 1000  # periods of budgets whose report is remembered
_SESSIONS = 100  # whose cost the status line can know
_OPEN = timedelta(days=7)  # for which a session without activity may be open


class Spending(Struct, frozen=True, kw_only=True):
    """What is spent.

    Attributes:
        day: local.
        today: US dollars, as far as costs are known.
        sessions: the costs of sessions that were active in the last days, subagents included, by id: one that is still
            open may have cost something before today.
        block_end: of the 5-hour block that is open, epoch milliseconds.
        budgets: of which a level is passed.
        problem: why there are no budgets, although there is a file of them.
    """

    day: str
    today: float
    sessions: dict[str, float]
    block_end: int | None
    budgets: list[BudgetState]
    problem: str | None


def update_spending(db: Database, root: str, now: datetime) -> tuple[Budgets, list[BudgetState]]:
    """Write the file for the status line; returns the budgets, and those that have passed a level unreported.

    Each level that a budget passes is returned once, to one process; of several at once, the highest.

    Args:
        db: the database.
        root: the data root.
        now: local time, without a zone.

    Raises:
        OSError: the root cannot be written.
    """
    problem, budgets = None, Budgets()
    try:
        budgets = load_budgets(root)
    except ClankersError as e:
        problem = str(e)
    states = budget_states(db, budgets.budget, now)
    since = epoch_ms(start_of_day(now))
    costs = {
        one.id: sum_of_costs(((one.cost, one.cost_source), (one.subagent_cost, one.subagent_cost_source)))[0]
        for one in list_sessions(db, _SESSIONS, Filters(since=epoch_ms(now - _OPEN)))
        if not one.depth
    }
    spending = Spending(
        day=now.date().isoformat(),
        today=count_all(db, Filters(since=since)).cost or 0.0,
        sessions={id: cost for id, cost in costs.items() if cost is not None},
        block_end=open_block_end(db, epoch_ms(now)),
        budgets=[state for state in states if state.level],
        problem=problem,
    )
    with atomic_write(os.path.join(root, FILE), durable=False) as f:
        f.write(msgspec.json.encode(spending))
    return budgets, _unreported(root, states)


def _unreported(root: str, states: list[BudgetState]) -> list[BudgetState]:
    """Those of `states` whose level is higher than the last one that was reported; it is noted as reported."""
    if not any(state.level for state in states):
        return []
    path = os.path.join(root, _REPORTED)
    lock = open_private(os.path.join(root, _LOCK), os.O_RDWR)
    try:
        if not try_lock(lock):
            return []  # another process is reporting
        reported = _reported(path)
        passed = [state for state in states if state.level > reported.get(_key(state), 0)]
        if passed:
            for state in states:  # the current ones come last: the first are forgotten
                if level := max(state.level, reported.pop(_key(state), 0)):
                    reported[_key(state)] = level
            with atomic_write(path) as f:
                f.write(msgspec.json.encode(dict(list(reported.items())[-_KEPT:])))
        return passed
    finally:
        os.close(lock)


def _key(state: BudgetState) -> str:
    """Of a budget and its period: with another amount it is another budget."""
    return f"{state.period} {state.since} {state.dollars:g} {state.project or ''}"


def _reported(path: str) -> dict[str, int]:
    try:
        with open(path, "rb") as f:
            return msgspec.json.decode(f.read(), type=dict[str, int])
    except (FileNotFoundError, msgspec.MsgspecError):
        return {}
