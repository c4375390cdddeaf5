"""One SQL statement that a person wrote, run on a database that it cannot change."""

import difflib
import re
import time
from itertools import islice
from typing import NamedTuple

import apsw

from clankers.errors import ClankersError
from clankers.queries import tables

_MISSING = re.compile(r"no such (table|column|function): (.+)")
_STEPS = 10_000  # of SQLite's virtual machine between two looks at the clock; some tenths of a millisecond


class QueryError(ClankersError):
    """The statement cannot be run; the message says why and what was perhaps meant."""


class TookTooLongError(QueryError):
    """The statement took longer than it may."""


class QueryResult(NamedTuple):
    """What a statement answered.

    Attributes:
        more: whether rows were left out, because of a limit.
    """

    columns: list[str]
    rows: list[tuple[object, ...]]
    more: bool = False


def run_statement(
    db: apsw.Connection, sql: str, *, limit: int | None = None, timeout: float | None = None
) -> QueryResult:
    """The answer to the one statement in `sql`. Ctrl-C stops it, also while SQLite computes.

    Args:
        db: opened by `connect` or `scoped_tables`, so that nothing can change it.
        sql: the statement.
        limit: rows that are read, at most.
        timeout: seconds that it may take.

    Raises:
        QueryError: it cannot be run, or would change something.
        TookTooLongError: it took too long.
        KeyboardInterrupt: the person stopped it.
    """
    columns: list[str] = []
    statements = 0
    begun = time.monotonic()

    def trace(cursor: apsw.Cursor, _: str, __: object) -> bool:
        nonlocal statements
        if not cursor.has_vdbe:  # a comment
            return True
        statements += 1
        if statements > 1:
            raise QueryError("one statement at a time; the first one ends at the semicolon")
        columns.extend(name for name, *_ in cursor.get_description())
        return True

    def too_long() -> bool:
        # That Python runs here at all lets it raise KeyboardInterrupt for a signal that came.
        return timeout is not None and time.monotonic() - begun > timeout

    cursor = db.cursor()
    cursor.exec_trace = trace
    db.set_progress_handler(too_long, _STEPS)
    try:
        found = cursor.execute(sql)
        rows = list(found if limit is None else islice(found, limit + 1))
    except apsw.InterruptError:
        raise TookTooLongError(f"stopped after {timeout:g} s") from None
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
    finally:
        db.set_progress_handler(None)
    if not statements:
        raise QueryError("there is no statement; write one like: select * from sessions limit 5")
    more = limit is not None and len(rows) > limit
    return QueryResult(columns, rows[:limit], more)


def _nearest(db: apsw.Connection, message: str) -> str:
    """For a table or column that does not exist: those with names like it."""
    m = _MISSING.search(message)
    if not m or m[1] == "function":
        return ""
    names, columns = tables.names(db)
    wrong = m[2].rsplit(".", 1)[-1]
    known = sorted({*names, *columns}) if m[1] == "column" else names
    near = difflib.get_close_matches(wrong.lower(), known, n=3, cutoff=0.5)
    if near:
        return f"; did you mean {' or '.join(near)}?"
    return f"; there are {', '.join(known)}" if m[1] == "table" else ""
