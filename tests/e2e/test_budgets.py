"""A budget that a real session passes: each level is reported once, and the status line shows it."""

from collections.abc import Callable

import pytest

from clankers.queries.budgets import Budgets, SpendingBudget, save_budgets
from tests.e2e.machine import Machine
from tests.patience import wait_for

pytestmark = pytest.mark.e2e


def test_a_budget_that_is_passed_is_reported_once(new_machine: Callable[[str], Machine]) -> None:
    machine = new_machine("claude-code")
    machine.install()
    reported = machine.home / "reported"
    save_budgets(str(machine.root), Budgets([SpendingBudget("day", 1e-6)], ["/bin/sh", "-c", f"cat >> {reported}"]))
    assert machine.run("go [[again]]").code == 0
    wait_for(reported.exists, "the budget is reported")
    assert machine.run("more [[again]]", "--continue").code == 0
    machine.wait_for_rest()
    assert reported.read_text().count('"level":100') == len(reported.read_text().splitlines()) == 1
    assert " · day " in machine.clankers("statusline").out
