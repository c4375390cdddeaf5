"""Notes what is spent whenever the database was updated in the background, and reports budgets that pass a level."""

from datetime import datetime

import apsw
import msgspec

from clankers import paths
from clankers.cli.output import say
from clankers.errors import ClankersError
from clankers.formatting import clean, short_cost
from clankers.queries.budgets import BudgetState, may_run_command
from clankers.queries.spending import update_spending
from clankers.system.notify import show_notification, start


def note_spending(db: apsw.Connection) -> None:
    """Write what is spent for the status line, and report each budget that has passed a level, once.

    Never fails: nobody who could do something about it looks on.
    """
    root = paths.data_root()
    try:
        budgets, passed = update_spending(db, root, datetime.now())  # noqa: DTZ005 - days are local
        command = budgets.command if passed and budgets.command and may_run_command(db, root) else []
    except (ClankersError, OSError, ValueError, apsw.Error) as e:
        say(f"what is spent was not noted: {e}")
        return
    for state in passed:  # they are noted as reported: one that fails must not keep the others back
        try:
            show_notification("clankers", sentence(state))
        except (OSError, ValueError) as e:
            say(f"a passed budget was not shown: {e}")
        try:
            if command:
                start(command, msgspec.json.encode(state) + b"\n")
        except (OSError, ValueError) as e:
            say(f"the command for a passed budget was not started: {e}")


def sentence(state: BudgetState) -> str:
    """What a person reads of a budget."""
    where = f" in {clean(state.project)}" if state.project else ""
    which = f"session {clean(state.since)}" if state.period == "session" else f"this {state.period}"
    which = "today" if state.period == "day" else which
    return f"{state.level} % of {short_cost(state.dollars)} is spent {which}{where}: {short_cost(state.spent)}"
