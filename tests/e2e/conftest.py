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
        followed: what the database held after the first prompt, brought up to date by what the client announced alone.
        rows: what was recorded.
    """

    machine: Machine
    said: list[Done]
    asked: list[str]
    followed: Rows
    rows: Rows


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests of a client's day, by a parameter `day` or `client`, run in one process, so that it is lived once."""
    for item in items:
        if isinstance(item, pytest.Function) and "a_day_of" in item.fixturenames:
            params = item.callspec.params
            item.add_marker(pytest.mark.xdist_group(params.get("client") or params["day"]))


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
            said = [here.run("go [[tools]]")]
            here.wait_for_rest()
            followed = here.plain_rows()
            said += [
                here.run("more [[again]]", "--continue"),
                here.run("please [[delegate]]"),
                here.run("no [[refused]]"),
            ]
            here.wait_for_rest()
            return Day(here, said, here.model.asked, followed, here.rows())

        yield live
