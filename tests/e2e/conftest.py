"""Machines for the tests: one of the test's own, and one with a day's work behind it that tests share."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.machine import Done, Machine, Rows, machine


class Day(NamedTuple):
    """A day's work of a client.

    Attributes:
        said: what the client answered to each prompt.
        asked: the tools that the model asked for.
        rows: what was recorded.
    """

    machine: Machine
    said: list[Done]
    asked: list[str]
    rows: Rows


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A client's tests run one after the other where several run at once, so that its day is lived once."""
    for item in items:
        params = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        if client := params.get("client") or params.get("day"):
            item.add_marker(pytest.mark.xdist_group(client))


@pytest.fixture
def new_machine(tmp_path: Path) -> Iterator[Callable[[str], Machine]]:
    """A machine with the client of that name on it."""
    with ExitStack() as stack:
        yield lambda client: stack.enter_context(machine(client, tmp_path / client))


@pytest.fixture(scope="session")
def a_day_of(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Day]]:
    """A day of the client of that name, lived once; nobody may change its machine."""
    with ExitStack() as stack:

        @cache
        def live(client: str) -> Day:
            here = stack.enter_context(machine(client, tmp_path_factory.mktemp(client)))
            here.install()
            said = [
                here.run("go [[tools]]"),
                here.run("more [[again]]", "--continue"),
                here.run("please [[delegate]]"),
                here.run("no [[refused]]"),
            ]
            here.wait_for_rest()
            return Day(here, said, here.model.asked, here.rows())

        yield live
