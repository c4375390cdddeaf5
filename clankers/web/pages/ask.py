"""Questions in SQL, answered within a deadline by a database that no statement can change."""

import csv
import io
from dataclasses import dataclass, field
from typing import Any

from clankers.errors import UsageError
from clankers.queries.statement import NotReadingError, QueryError, TookTooLongError
from clankers.queries.tables import TableOutline, outline
from clankers.web.page import Asked, Page
from clankers.web.statement_process import run_apart

SECONDS = 5.0
_SHOWN = 200  # rows, unless more are asked for
_MOST = 10_000  # rows


@dataclass
class AskData:
    """A statement and its answer.

    Attributes:
        problem: why there is no answer; empty where there is one, or nothing was asked.
        rows: their values in the order of `columns`; bytes are hexadecimal.
        more: whether there are rows behind the last one.
        tables: that can be asked.
    """

    sql: str
    problem: str = ""
    columns: list[str] = field(default_factory=list)
    rows: list[list[Any]] = field(default_factory=list)
    more: bool = False
    tables: list[TableOutline] = field(default_factory=list)


def find(asked: Asked) -> AskData:
    """The answer to the statement `sql`, if one is asked."""
    data = AskData(asked.one("sql").strip(), tables=outline(asked.db))
    if data.sql:
        try:
            result = run_apart(data.sql, limit=asked.number("limit", _SHOWN, 1, _MOST), seconds=SECONDS)
        except NotReadingError:
            data.problem = "This would do more than read. Only questions are answered here."
        except TookTooLongError:
            data.problem = f"This takes longer than {SECONDS:g} seconds. Ask for less, such as one month."
        except QueryError as e:
            data.problem = str(e)
        else:
            data.columns, data.more = result.names, result.more
            data.rows = [list(row) for row in result.rows]
    return data


def as_csv(asked: Asked) -> str:
    """The answer to the statement `sql` as CSV, with a header line.

    Raises:
        UsageError: the statement cannot be run.
    """
    try:
        result = run_apart(asked.one("sql"), limit=_MOST, seconds=SECONDS)
    except QueryError as e:
        raise UsageError(str(e)) from None
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(result.columns)
    writer.writerows(result.rows)
    return made.getvalue()


PAGE = Page(
    "/ask",
    "ask.html",
    find,
    "Ask",
    parameters={
        "sql": "One statement that only reads.",
        "limit": "Rows, at most; 200 unless given, never more than 10,000.",
    },
)
