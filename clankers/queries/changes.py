"""What changed in the database, by batch: whoever keeps a copy of it finds what the copy lacks."""

from collections.abc import Iterator
from typing import NamedTuple

from clankers.queries.dialect import Database

_PAGE = 500  # sessions
_LAST_ID = "\U0010ffff"  # sorts after every id


class LogEnd(NamedTuple):
    """How much of the log is in the database.

    Attributes:
        file: the last file.
        offset: bytes of it.
        lines: of the complete log up to there.
    """

    file: str
    offset: int
    lines: int


def database_id(db: Database) -> str:
    """The id of the database: another one after each rebuild."""
    return str(db.execute("SELECT value FROM meta WHERE key = 'database_id'").fetchone()[0])


def last_batch(db: Database) -> int:
    """The number of the last batch; 0: none."""
    return int(db.execute("SELECT coalesce(max(batch), 0) FROM changes").fetchone()[0])


def log_end(db: Database) -> LogEnd | None:
    """How much of the log is in the database; None: nothing."""
    found = db.execute(
        'SELECT name, "offset", (SELECT sum(lines) FROM log_files) FROM log_files ORDER BY name DESC LIMIT 1'
    ).fetchone()
    return LogEnd(*found) if found else None


def changed_sessions(db: Database) -> int:
    """How many sessions ever changed."""
    return int(db.execute("SELECT count(*) FROM changes").fetchone()[0])


def changes_after(db: Database, batch: int) -> Iterator[tuple[str, int]]:
    """The sessions that changed after `batch`, each with the last batch that changed it; the oldest change first.

    No statement stays open in between: one would keep the database's WAL from being emptied.
    """
    query = (
        "SELECT session_id, batch FROM changes WHERE (batch, session_id) > (:batch, :id) "
        "ORDER BY batch, session_id LIMIT :page"
    )
    id = _LAST_ID
    while page := db.execute(query, {"batch": batch, "id": id, "page": _PAGE}).fetchall():
        yield from page
        id, batch = page[-1]


def row_counts(db: Database, session: str) -> dict[str, int]:
    """How many messages, parts and tool calls a session has, by table."""
    counted = ("messages", "parts", "tools")
    counts = ", ".join(f"(SELECT count(*) FROM {table} WHERE session_id = :id)" for table in counted)
    return dict(zip(counted, db.execute(f"SELECT {counts}", {"id": session}).fetchone(), strict=True))
