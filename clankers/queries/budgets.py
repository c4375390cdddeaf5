"""Budgets: what may be spent in a day, a week, a month or a session, and how much of that is spent.

They are in `budgets.toml` in the data root, which only its owner can read.
"""

import json
import os
import pwd
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct

from clankers.errors import EX_CONFIG, ClankersError
from clankers.formatting import sum_of_costs
from clankers.paths import make_private
from clankers.queries.dialect import Database
from clankers.queries.filters import filters
from clankers.queries.projects import project_places
from clankers.queries.sessions import list_sessions
from clankers.queries.usage import count_all
from clankers.system.config_files import Edit, apply, content, exposure

FILE = "budgets.toml"
PERIODS = ("day", "week", "month", "session")
LEVELS = (50, 80, 100)  # percent at which a budget is reported
_SESSIONS = 100  # of today that a budget for sessions looks at
MOST = 1e9  # US dollars


class BudgetsError(ClankersError):
    """The file of budgets cannot be used; the message says what is wrong in it."""

    exit_code = EX_CONFIG


class SpendingBudget(Struct, frozen=True, forbid_unknown_fields=True):
    """What may be spent.

    Attributes:
        period: one of `PERIODS`; days, weeks (from Monday) and months are local.
        dollars: more than 0.
        project: the directory whose sessions count, with those below it; None: all sessions.
    """

    period: str
    dollars: float
    project: str | None = None


class Budgets(Struct, frozen=True, forbid_unknown_fields=True):
    """The file.

    Attributes:
        command: a program, by its absolute path, and its arguments: it runs when a budget passes a level.
    """

    budget: list[SpendingBudget] = []
    command: list[str] = []


class BudgetState(Struct, frozen=True, kw_only=True):
    """How much of a budget is spent.

    Attributes:
        period: one of `PERIODS`.
        project: None: all sessions.
        dollars: that may be spent.
        spent: US dollars, as far as costs are known.
        incomplete: whether messages used tokens whose cost is not known.
        since: when the period began, local: a date; of a session its id.
        level: the highest of `LEVELS` that is passed; 0: none.
    """

    period: str
    project: str | None
    dollars: float
    spent: float
    incomplete: bool
    since: str
    level: int


def budgets_path(root: str) -> Path:
    """The file of budgets of the data root `root`."""
    return Path(root, FILE)


def load_budgets(root: str) -> Budgets:
    """The budgets of the data root `root`; none where there is no file.

    Raises:
        ClankersError: it cannot be read, is not what it has to be, or others can change it or read a command in it.
    """
    path = budgets_path(root)
    if (data := content(path)) is None:
        return Budgets()
    if exposed := exposure(path.stat().st_mode):
        raise BudgetsError(f"{path} {exposed}: `chmod 600` it, if everything in it is yours")
    try:
        found = msgspec.convert(tomllib.loads(data.decode("utf-8-sig")), Budgets)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, msgspec.ValidationError, RecursionError) as e:
        raise BudgetsError(f"{path}: {e}; fix it, or remove it and run `clankers budget set`") from None
    for one in found.budget:
        if one.period not in PERIODS:
            raise BudgetsError(f"{path}: {one.period!r} is not a period; use one of {', '.join(PERIODS)}")
        if not 0 < one.dollars <= MOST:
            raise BudgetsError(f"{path}: {one.dollars} is no amount of US dollars; write more than 0")
        if "\0" in (one.project or ""):
            raise BudgetsError(f"{path}: {one.project!r} is no directory; a path has no NUL in it")
    if found.command and not os.path.isabs(found.command[0]):
        raise BudgetsError(f"{path}: the command is {found.command[0]!r}; name the program by its absolute path")
    return found


def save_budgets(root: str, budgets: Budgets) -> None:
    """Write the file, for its owner alone (0600); comments in it are lost.

    Raises:
        ClankersError: it cannot be written.
    """
    lines = [f"command = [{', '.join(map(_quoted, budgets.command))}]"] * bool(budgets.command)
    for one in budgets.budget:
        lines += ["", "[[budget]]", f"period = {_quoted(one.period)}", f"dollars = {one.dollars}"]
        lines += [f"project = {_quoted(one.project)}"] if one.project is not None else []
    text = "\n".join(lines).lstrip("\n") + "\n"
    path = budgets_path(root)
    make_private(root)
    apply(Edit(path, content(path), text.encode("utf-8", "replace"), mode=0o600))


def budget_states(db: Database, budgets: Iterable[SpendingBudget], now: datetime) -> list[BudgetState]:
    """How much is spent of each budget; of one for sessions, of each session that was active today.

    Args:
        db: the database.
        budgets: what may be spent.
        now: local time, without a zone.
    """
    return [state for one in budgets for state in _states(db, one, now)]


def may_run_command(db: Database, root: str) -> bool:
    """Whether the command in the file of the data root `root` may run.

    Not where the root is in a project or its git repository: that could have brought the file, and by its settings for
    the harness the environment variable that leads to the root.
    """
    here = os.path.realpath(root)
    if here == _usual_root():
        return True
    return not any(here.startswith(os.path.join(_top(project), "")) for project in project_places(db).values())


def _usual_root() -> str | None:
    """The data root of a person who set no variable, without links; the home directory is the list of users'."""
    try:
        home = pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return None
    parts = ("Library", "Application Support") if sys.platform == "darwin" else (".local", "share")
    return os.path.realpath(os.path.join(home, *parts, "clankers"))


def _top(project: str) -> str:
    """The top of the git repository that a directory is in, else the directory."""
    for place in (project, *map(str, Path(project).parents)):
        if os.path.lexists(os.path.join(place, ".git")):
            return place
    return project


def start_of_day(now: datetime) -> datetime:
    """When the day of `now` began."""
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


def epoch_ms(moment: datetime) -> int:
    """A local time without a zone as epoch milliseconds."""
    return round(moment.timestamp() * 1000)


def _states(db: Database, budget: SpendingBudget, now: datetime) -> Iterator[BudgetState]:
    chosen = filters(project=budget.project)
    day = start_of_day(now)
    if budget.period == "session":
        for one in list_sessions(db, _SESSIONS, replace(chosen, since=epoch_ms(day))):
            if not one.depth:
                spent, source = sum_of_costs(
                    ((one.cost, one.cost_source), (one.subagent_cost, one.subagent_cost_source))
                )
                yield _state(budget, spent, source == "unknown", one.id)
        return
    begin = {"day": day, "week": day - timedelta(days=day.weekday()), "month": day.replace(day=1)}[budget.period]
    total = count_all(db, replace(chosen, since=epoch_ms(begin)))
    yield _state(budget, total.cost, total.unpriced_messages > 0, begin.date().isoformat())


def _state(budget: SpendingBudget, spent: float | None, incomplete: bool, since: str) -> BudgetState:
    percent = 100 * (spent or 0.0) / budget.dollars
    return BudgetState(
        period=budget.period,
        project=budget.project,
        dollars=budget.dollars,
        spent=round(spent or 0.0, 8),
        incomplete=incomplete,
        since=since,
        level=max((level for level in LEVELS if level <= percent), default=0),
    )


def _quoted(text: str) -> str:
    """A text as a basic string of TOML."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
