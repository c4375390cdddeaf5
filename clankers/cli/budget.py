"""`clankers budget`: what may be spent, and how much of it is."""

import os
from contextlib import closing
from datetime import datetime
from typing import Annotated

import msgspec
import typer

from clankers import paths
from clankers.cli.database import open_current
from clankers.cli.output import print_json, print_table
from clankers.errors import UsageError
from clankers.formatting import clean, short_cost
from clankers.queries.budgets import (
    MOST,
    PERIODS,
    BudgetState,
    SpendingBudget,
    budget_states,
    load_budgets,
    save_budgets,
)

Which = Annotated[
    str, typer.Argument(metavar="PERIOD", help="day, week, month or session.", autocompletion=lambda: list(PERIODS))
]
Project = Annotated[
    str | None, typer.Option(metavar="DIR", help="Only sessions in this directory and below; '.' for here.")
]

commands = typer.Typer(
    no_args_is_help=True,
    help="Show or set what may be spent.\n\n"
    "When 50, 80 and 100 % are spent, you are notified once: on the desktop, in\n"
    "`clankers statusline`, and by a command of yours (`clankers docs budgets`).\n"
    "Nothing is stopped.",
)


@commands.command("list")
def list_all(as_json: Annotated[bool, typer.Option("--json", help="Print JSON: an array of objects.")] = False) -> None:
    """List the budgets, and how much of each is spent now."""
    budgets = load_budgets(paths.data_root()).budget
    with closing(open_current()) as db:
        states = budget_states(db, budgets, datetime.now())  # noqa: DTZ005 - days are local
    if as_json:
        print_json(msgspec.to_builtins(states))
    elif states:
        heads = ("period", "since", "project", "budget", "spent", "%")
        print_table(heads, map(_row, states), right=("budget", "spent", "%"))
    elif budgets:
        typer.echo("No session was active today.")
    else:
        typer.echo("No budget is set; set one with `clankers budget set day 20`.")


@commands.command("set")
def set_one(
    period: Which,
    dollars: Annotated[str, typer.Argument(metavar="DOLLARS", help="US dollars.")],
    project: Project = None,
) -> None:
    """Set a budget.

    Examples:
        clankers budget set day 20
        clankers budget set session 5 --project .
    """
    amount, place = _amount(dollars), _directory(project)
    period = _period(period)
    _save([*_others(period, place), SpendingBudget(period, amount, place)])
    typer.echo(f"A {period} budget of {short_cost(amount)} is set{_within(place)}")


@commands.command()
def remove(period: Which, project: Project = None) -> None:
    """Remove a budget."""
    place = _directory(project)
    period = _period(period)
    kept = _others(period, place)
    if len(kept) == len(load_budgets(paths.data_root()).budget):
        raise UsageError(f"there is no {period} budget{_within(place)}; `clankers budget list` shows those there are")
    _save(kept)
    typer.echo(f"The {period} budget is removed{_within(place)}")


def _period(text: str) -> str:
    if text.lower() not in PERIODS:
        raise UsageError(f"{text!r} is not a period; use one of {', '.join(PERIODS)}")
    return text.lower()


def _amount(text: str) -> float:
    try:
        dollars = float(text.removeprefix("$"))
    except ValueError:
        dollars = 0.0
    if not 0 < dollars <= MOST:
        raise UsageError(f"{text!r} is not an amount; use US dollars, more than 0")
    return dollars


def _others(period: str, project: str | None) -> list[SpendingBudget]:
    """All budgets but the one of this period and project."""
    budgets = load_budgets(paths.data_root()).budget
    return [one for one in budgets if (one.period, one.project) != (period, project)]


def _save(budgets: list[SpendingBudget]) -> None:
    root = paths.data_root()
    save_budgets(root, msgspec.structs.replace(load_budgets(root), budget=budgets))


def _directory(project: str | None) -> str | None:
    return None if project is None else os.path.abspath(os.path.expanduser(project))


def _within(project: str | None) -> str:
    return f" for {clean(project)}" if project else ""


def _row(state: BudgetState) -> tuple[object, ...]:
    spent = short_cost(state.spent) + "+" * state.incomplete
    percent = f"{100 * state.spent / state.dollars:.0f}"
    return state.period, state.since, state.project, short_cost(state.dollars), spent, percent
