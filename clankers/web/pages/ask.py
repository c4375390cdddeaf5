"""Questions in SQL, answered within a deadline by a database that no statement can change."""

import csv
import io
from dataclasses import dataclass, field
from typing import Any

import apsw

from clankers.errors import UsageError
from clankers.queries.statement import NotReadingError, QueryError, QueryResult, TookTooLongError, plain, run_statement
from clankers.queries.tables import TableOutline, outline
from clankers.web.page import Asked, Page

SECONDS = 5.0
_SHOWN = 200  # rows, unless more are asked for
_MOST = 10_000  # rows
_ROOM = 8 << 20  # characters of all values
_LONGEST = 1 << 20  # bytes of one value, also of one that SQLite only makes on its way
_COLUMNS = 200


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
            result = _run(asked.db, data.sql, asked.number("limit", _SHOWN, 1, _MOST))
        except NotReadingError:
            data.problem = "This would do more than read. Only questions are answered here."
        except TookTooLongError:
            data.problem = f"This takes longer than {SECONDS:g} seconds. Ask for less, such as one month."
        except QueryError as e:
            data.problem = str(e)
        else:
            data.columns, data.more = result.names, result.more
            data.rows = [[plain(value) for value in row] for row in result.rows]
    return data


def as_csv(asked: Asked) -> str:
    """The answer to the statement `sql` as CSV, with a header line.

    Raises:
        UsageError: the statement cannot be run.
    """
    try:
        result = _run(asked.db, asked.one("sql"), _MOST)
    except QueryError as e:
        raise UsageError(str(e)) from None
    made = io.StringIO()
    writer = csv.writer(made, lineterminator="\n")
    writer.writerow(result.columns)
    writer.writerows([plain(value) for value in row] for row in result.rows)
    return made.getvalue()


def _run(db: apsw.Connection, sql: str, limit: int) -> QueryResult:
    limits = {apsw.SQLITE_LIMIT_LENGTH: _LONGEST, apsw.SQLITE_LIMIT_COLUMN: _COLUMNS}
    before = {which: db.limit(which, most) for which, most in limits.items()}
    try:
        return run_statement(db, sql, limit=limit, room=_ROOM, timeout=SECONDS)
    finally:
        for which, value in before.items():
            db.limit(which, value)


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
