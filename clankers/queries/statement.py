"""One SQL statement that a person wrote, run on a database that it cannot change."""

import difflib
import math
import re
import time
from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import apsw

from clankers.errors import ClankersError
from clankers.queries import tables

_MISSING = re.compile(r"no such (table|column|function): (.+)")
_STEPS = 10_000  # of SQLite's virtual machine between two looks at the clock; some tenths of a millisecond


class QueryError(ClankersError):
    """The statement cannot be run; the message says why and what was perhaps meant."""


class TookTooLongError(QueryError):
    """The statement took longer than it may."""


class NotReadingError(QueryError):
    """The statement would do more than read."""


class QueryResult(NamedTuple):
    """What a statement answered.

    Attributes:
        more: whether rows were left out, because of a limit.
    """

    columns: list[str]
    rows: list[tuple[object, ...]]
    more: bool = False

    @property
    def names(self) -> list[str]:
        """The column names, those of a repeated one numbered: `id`, `id_2`."""
        seen: Counter[str] = Counter()
        found = []
        for name in self.columns:
            seen[name] += 1
            found.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
        return found


def plain(value: object) -> object:
    """A value that JSON and CSV can hold."""
    if isinstance(value, float) and not math.isfinite(value):
        return None  # JSON has no such number
    return value.hex() if isinstance(value, bytes) else value


def run_statement(
    db: apsw.Connection,
    sql: str,
    *,
    limit: int | None = None,
    room: int | None = None,
    timeout: float | None = None,
) -> QueryResult:
    """The answer to the one statement in `sql`. Ctrl-C stops it, also while SQLite computes.

    Args:
        db: opened by `connect` or `scoped_tables`, so that nothing can change it.
        sql: the statement.
        limit: rows that are read, at most.
        room: characters and bytes after which no further row is read.
        timeout: seconds that it may take.

    Raises:
        QueryError: it cannot be run.
        NotReadingError: it would change something.
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
        rows, more = _read(cursor.execute(sql), limit, room)
    except apsw.InterruptError:
        raise TookTooLongError(f"stopped after {timeout:g} s") from None
    except apsw.AuthError:
        raise NotReadingError("this would do more than read; `clankers query` only reads") from None
    except apsw.ReadOnlyError as e:
        raise NotReadingError(f"this would change the database; `clankers query` only reads ({e})") from None
    except apsw.ExecutionCompleteError:
        rows, more = [], False
    except UnicodeDecodeError:
        raise QueryError("a value is text that is not UTF-8; CAST(... AS BLOB) shows it") from None
    except apsw.Error as e:
        raise QueryError(f"{e}{_nearest(db, str(e))}") from None
    finally:
        db.set_progress_handler(None)
        cursor.close(True)  # else it would keep what it has read, if not all was
    if not statements:
        raise QueryError("there is no statement; write one like: select * from sessions limit 5")
    return QueryResult(columns, rows, more)


def _read(found: Iterable[Any], limit: int | None, room: int | None) -> tuple[list[tuple[object, ...]], bool]:
    """The rows for which there is room, and whether there are more."""
    rows: list[tuple[object, ...]] = []
    taken = 0
    for row in found:
        if (limit is not None and len(rows) >= limit) or (room is not None and taken > room):
            return rows, True
        rows.append(row)
        if room is not None:
            taken += sum(len(value) for value in row if isinstance(value, str | bytes))
    return rows, False


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
