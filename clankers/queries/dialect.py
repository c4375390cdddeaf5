"""Where SQL is SQLite's own: an expression each, so that another engine needs another module like this one.

The other queries on our tables use standard SQL, named parameters (`:name`) and what `Database` says. Two modules stay
SQLite's: `search`, which asks an index of FTS5, and `statement`, which runs what a person wrote.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

Values = Mapping[str, str | int | float | None]

# A join whose left side is read first, row by row. SQLite would else look at every row of the larger table.
JOIN_IN_THIS_ORDER = "CROSS JOIN"


class Rows(Protocol):
    """The answer to a statement, as DB-API cursors give it."""

    def fetchone(self) -> Any:
        """The next row as a tuple; None: there is none."""

    def fetchall(self) -> list[Any]:
        """All rows that are left, as tuples."""

    def __iter__(self) -> Iterator[Any]:
        """The rows that are left, one at a time."""


class Database(Protocol):
    """What the queries need of a connection that is open for reading: `apsw.Connection` is one."""

    def execute(self, statement: str, values: Values | None = None, /) -> Rows:
        """Run one statement, whose parameters are named."""

    def close(self) -> None:
        """Close the connection."""


def listed(name: str) -> str:
    """The texts of a JSON array in the parameter `name`, as what IN asks."""
    return f"(SELECT value FROM json_each(:{name}))"


def contains(text: str, part: str) -> str:
    """Whether `part` stands in `text`; not NULL where neither is."""
    return f"instr({text}, {part}) > 0"


def greatest(one: str, other: str) -> str:
    """The larger of two numbers."""
    return f"max({one}, {other})"


def least(one: str, other: str) -> str:
    """The smaller of two numbers."""
    return f"min({one}, {other})"


def percentile(value: str, percent: int) -> str:
    """The value below which `percent` of the values of a group are; interpolated, NULL without any."""
    return f"percentile({value}, {percent})"


def month(ms: str) -> str:
    """The month of milliseconds since 1970, as 2026-11."""
    return f"strftime('%Y-%m', {ms} / 1000, 'unixepoch')"


def sortable(number: str) -> str:
    """A natural number as a text of 20 digits, which sorts as the number does."""
    return f"printf('%020d', {number})"


def last_active(s: str) -> str:
    """The last activity of the row `s` of `sessions`, epoch milliseconds: the expression of its index."""
    return f"max(coalesce({s}.updated_at, {s}.ended_at, {s}.created_at), ifnull({s}.ended_at, 0))"
