"""`clankers query "SQL"`: ask the database, without being able to change it."""

import csv
import difflib
import math
import re
import sys
from collections import Counter
from typing import Annotated

import apsw
import typer

from clankers.cli.database import open_current
from clankers.cli.output import print_json, print_table
from clankers.errors import ClankersError, UsageError
from clankers.formatting import clean

_MISSING = re.compile(r"no such (table|column|function): (.+)")


class QueryError(ClankersError):
    """The statement cannot be run; the message says why and what was perhaps meant."""


def command(
    sql: Annotated[str, typer.Argument(help="One statement, for example: select * from sessions limit 5")],
    as_json: Annotated[bool, typer.Option("--json", help="An array of objects.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="CSV, with a head line.")] = False,
) -> None:
    """Run one SQL statement on the database, read-only, and print the rows."""
    if as_json and as_csv:
        raise UsageError("--json and --csv are two different things; take one")
    db = open_current()
    try:
        columns, rows = run_query(db, sql)
    finally:
        db.close()
    if as_json:
        print_json([dict(zip(_unique(columns), map(_plain, row), strict=True)) for row in rows])
    elif as_csv:
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([_for_csv(value) for value in row] for row in rows)
    elif columns:
        numbers = [c for i, c in enumerate(columns) if any(isinstance(r[i], int | float) for r in rows)]
        shown = [[value.hex() if isinstance(value, bytes) else value for value in row] for row in rows]
        print_table(columns, shown, right=numbers)


def run_query(db: apsw.Connection, sql: str) -> tuple[list[str], list[tuple[object, ...]]]:
    """The column names and rows of the one statement in `sql`.

    Raises:
        QueryError: it cannot be run, or would change something.
    """
    columns: list[str] = []
    statements = 0

    def trace(cursor: apsw.Cursor, _: str, __: object) -> bool:
        nonlocal statements
        if not cursor.has_vdbe:  # a remark
            return True
        statements += 1
        if statements > 1:
            raise QueryError("one statement at a time; the first one ends at the semicolon")
        columns.extend(name for name, *_ in cursor.get_description())
        return True

    cursor = db.cursor()
    cursor.exec_trace = trace
    try:
        rows = list(cursor.execute(sql))
    except apsw.AuthError:
        raise QueryError("this would do more than read; `clankers query` only reads") from None
    except apsw.ReadOnlyError as e:
        raise QueryError(f"this would change the database; `clankers query` only reads ({e})") from None
    except apsw.ExecutionCompleteError:
        rows = []
    except UnicodeDecodeError:
        raise QueryError("a value is text that is not UTF-8; CAST(... AS BLOB) shows it") from None
    except apsw.Error as e:
        raise QueryError(f"{e}{_nearest(db, str(e))}") from None
    if not statements:
        raise QueryError("there is no statement to run; write one, as: select * from sessions limit 5")
    return columns, rows


def _nearest(db: apsw.Connection, message: str) -> str:
    """For a table or column that does not exist: those with names like it."""
    m = _MISSING.search(message)
    if not m or m[1] == "function":
        return ""
    tables = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")]
    names = tables
    if m[1] == "column":
        names = sorted(
            {c for t in tables for (c,) in db.execute("SELECT name FROM pragma_table_info(?)", (t,))} | set(tables)
        )
    wrong = m[2].rsplit(".", 1)[-1]
    near = difflib.get_close_matches(wrong.lower(), names, n=3, cutoff=0.5)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return f"; there are {', '.join(names)}" if m[1] == "table" else ""


def _plain(value: object) -> object:
    """A value that JSON and CSV can hold."""
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no such number
    return value.hex() if isinstance(value, bytes) else value


def _for_csv(value: object) -> object:
    """A value that a CSV file holds as it is, and a terminal without its control characters."""
    plain = _plain(value)
    return clean(plain) if isinstance(plain, str) and sys.stdout.isatty() else plain


def _unique(columns: list[str]) -> list[str]:
    """The column names, those of a repeated one numbered: `id`, `id_2`."""
    seen: Counter[str] = Counter()
    names = []
    for name in columns:
        seen[name] += 1
        names.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return names
