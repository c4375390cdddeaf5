"""What the database says of itself: how much is in it, what could not be used, and what has no price."""

from typing import NamedTuple

from clankers.queries.dialect import Database
from projector.derived.price_table import VERSION_KEY


class Totals(NamedTuple):
    """How many rows there are; `errors` without those after which the client tried again."""

    sessions: int
    messages: int
    tools: int
    errors: int


class Rejects(NamedTuple):
    """Lines of the log that could not be used, and the file of the last of them."""

    lines: int
    last_file: str | None


class Unpriced(NamedTuple):
    """Models without a price.

    Attributes:
        table: the version of the price table.
        messages: without a cost, by model, most first.
    """

    table: str
    messages: dict[str, int]


def totals(db: Database) -> Totals:
    """How much is in the database."""
    counts = ", ".join(f"(SELECT count(*) FROM {table})" for table in ("sessions", "messages", "tools"))
    return Totals(
        *db.execute(f"SELECT {counts}, (SELECT count(*) FROM session_errors WHERE will_retry = 0)").fetchone()
    )


def rejects(db: Database) -> Rejects:
    """The lines that could not be used."""
    return Rejects(*db.execute("SELECT count(*), max(file) FROM rejects").fetchone())


def unpriced(db: Database) -> Unpriced | None:
    """The models without a price; None: no cost was worked out from a price table yet."""
    table = db.execute("SELECT value FROM meta WHERE key = :key", {"key": VERSION_KEY}).fetchone()
    if table is None:
        return None
    models = db.execute("SELECT coalesce(model, '(no name)'), sum(messages) FROM v_unpriced GROUP BY 1 ORDER BY 2 DESC")
    return Unpriced(table[0], {str(model): count for model, count in models})
