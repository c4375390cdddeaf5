"""`clankers query "SQL"`: one statement on the database, which it cannot change."""

import contextlib
import csv
import sys
from typing import Annotated

import typer

from clankers.cli.database import open_current
from clankers.cli.options import MOST
from clankers.cli.output import print_json, print_table, say
from clankers.cli.pager import paging
from clankers.errors import UsageError
from clankers.formatting import clean
from clankers.queries.statement import QueryError, TookTooLongError, plain, run_statement


def command(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SQL statement.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON: an array of objects.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV with a header line.")] = False,
    limit: Annotated[int | None, typer.Option(help="Most rows to print.", min=0, max=MOST)] = None,
    timeout: Annotated[
        float | None, typer.Option(metavar="SECONDS", help="Stop the statement after so many seconds.", min=0.001)
    ] = None,
) -> None:
    """Run a read-only SQL statement on the database.

    `clankers docs tables` lists tables and columns. Ctrl-C stops the statement.

    Examples:
        clankers query "select * from v_daily order by day desc limit 7"
        clankers query --csv "select id, cost from sessions" > sessions.csv
    """
    if as_json and as_csv:
        raise UsageError("--json and --csv exclude each other; use one")
    with contextlib.closing(open_current()) as db:
        try:
            result = run_statement(db, sql, limit=limit, timeout=timeout)
        except TookTooLongError as e:
            raise QueryError(f"{e}; --timeout gives it longer") from None
    columns, rows, more = result
    if as_json:
        print_json([dict(zip(result.names, map(plain, row), strict=True)) for row in rows])
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_for_csv(value) for value in row] for row in rows)
    elif columns:
        numbers = [c for i, c in enumerate(columns) if any(isinstance(r[i], int | float) for r in rows)]
        shown = [[value.hex() if isinstance(value, bytes) else value for value in row] for row in rows]
        with paging():
            print_table(columns, shown, right=numbers)
    if more:
        say(f"there are more rows than --limit {limit:,}")


def _for_csv(value: object) -> object:
    """A value that a CSV file holds as it is, and a terminal without its control characters."""
    found = plain(value)
    return clean(found) if isinstance(found, str) and sys.stdout.isatty() else found
