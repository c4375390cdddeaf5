"""The tool `query`: SQL on the tables, cut to the scope. Only with `--allow-sql`."""

import contextlib
import math
from typing import Annotated

from msgspec import Meta, Struct

from clankers.mcp.paging import LIMIT, Room, ToolError
from clankers.mcp.tool import Answer, Lookup, Tool
from clankers.queries.scoped_tables import open_scoped
from clankers.queries.statement import TookTooLongError, run_statement

_SECONDS = 10.0
_VALUE = 2_000  # characters


class QueryInput(Struct, kw_only=True, forbid_unknown_fields=True):
    """What to ask."""

    sql: Annotated[str, Meta(min_length=1, max_length=20_000, description="One SELECT, in SQLite's SQL.")]
    limit: Annotated[int, Meta(ge=1, le=1_000, description="Rows, at most.")] = 100


class QueryRow(Struct, kw_only=True):
    """A row; its values are in the order of the columns."""

    values: list[str | int | float | None]


class QueryAnswer(Answer, kw_only=True):
    """The rows.

    Attributes:
        more: there are more rows; ask with LIMIT and OFFSET for them.
    """

    columns: list[str]
    rows: list[QueryRow]
    more: bool


def _query(lookup: Lookup, asked: QueryInput) -> QueryAnswer:
    with contextlib.closing(open_scoped(lookup.path, lookup.scope.sessions, lookup.recorded.text)) as db:
        try:
            columns, rows, more = run_statement(db, asked.sql, limit=asked.limit, room=LIMIT, timeout=_SECONDS)
        except TookTooLongError as e:
            raise ToolError(f"{e}; ask for less, such as one session or one day") from e
    room = Room()
    shown: list[QueryRow] = []
    for row in rows:
        answer = QueryRow(values=[_plain(lookup, value) for value in row])
        if not room.takes(answer):
            more = True
            break
        shown.append(answer)
    return QueryAnswer(columns=[name[:_VALUE] for name in columns[:100]], rows=shown, more=more)


def _plain(lookup: Lookup, value: object) -> str | int | float | None:
    """A value that JSON can hold, not too long."""
    if isinstance(value, bytes):
        return value[:_VALUE].hex()
    if isinstance(value, str):
        return lookup.recorded.text(value)[:_VALUE]
    return value if isinstance(value, int | float) and math.isfinite(value) else None


TOOL = Tool(
    "query",
    "SQL",
    "Ask the database of past sessions in SQL, read-only: tables sessions, messages, parts, tools, session_errors, "
    "file_edits, compaction_events, todos, projects; views v_sessions, v_daily, v_tools, v_files. Times are epoch "
    "milliseconds, costs US dollars. The resource clankers://tables describes them; `pragma table_info(sessions)` "
    "lists columns. Only the sessions in the scope are there, credentials masked. 10 seconds at most.",
    QueryInput,
    QueryAnswer,
    _query,
)
