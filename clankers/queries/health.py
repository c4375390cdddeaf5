"""What the database says of itself: how much is in it, what could not be used, and what has no price."""

from typing import NamedTuple

from msgspec import Struct

from clankers.queries.dialect import Database, last_active
from clankers.queries.models import price_table


class Totals(NamedTuple):
    """How many rows there are; `errors` without those after which the client tried again."""

    sessions: int
    messages: int
    tools: int
    errors: int


class Rejects(NamedTuple):
    """What of the log could not be used.

    Attributes:
        lines: that could not be used.
        last_file: of the last of them; None for none.
        values: of an unexpected form, that were left out of lines.
    """

    lines: int
    last_file: str | None
    values: int


class UnknownEvents(Struct, frozen=True):
    """Events whose type no adapter knows; the version is the client's, empty where it is not known."""

    source: str
    type: str
    client_version: str
    events: int


class OtherClient(NamedTuple):
    """Events of a client that runs the hooks of another, whose `source` they have; they make no rows."""

    source: str
    client: str
    client_version: str
    events: int


class SourceActivity(Struct, frozen=True):
    """What is recorded of one source.

    Attributes:
        last_at: when one of its sessions was last active, in epoch milliseconds; None: not known.
        events: in the log.
        unknown_events: of types that no adapter knows.
    """

    source: str
    sessions: int
    subagents: int
    last_at: int | None
    events: int
    unknown_events: int


class UnusedValue(Struct, frozen=True):
    """A line of the log that could not be used, or with a `field` one value in it."""

    file: str
    line: int
    field: str
    reason: str


class Unpriced(NamedTuple):
    """Models without a price.

    Attributes:
        table: the version of the price table.
        messages: without a cost, by model and, where it is known, its provider: another's prices are not taken.
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
    """The lines and values that could not be used."""
    lines = db.execute("SELECT count(*), max(file) FROM rejects").fetchone()
    return Rejects(*lines, *db.execute("SELECT count(*) FROM ignored_values").fetchone())


def recorded_sources(db: Database) -> list[str]:
    """The sources that events were read of, in their order."""
    return [source for (source,) in db.execute("SELECT DISTINCT source FROM event_types ORDER BY 1")]


def source_activity(db: Database) -> list[SourceActivity]:
    """All sources, the last active first."""
    events: dict[str, tuple[int, int]] = {
        source: (events, unknown)
        for source, events, unknown in db.execute(
            "SELECT source, sum(events), coalesce(sum(events) FILTER (WHERE known = 0), 0) FROM event_types GROUP BY 1"
        )
    }
    rows = db.execute(
        f"SELECT source, count(*) FILTER (WHERE parent_id IS NULL), count(parent_id), max({last_active('s')}) "
        "FROM sessions AS s GROUP BY 1 ORDER BY 4 DESC, 1"
    )
    return [
        SourceActivity(source, sessions, subagents, last, *events.get(source, (0, 0)))
        for source, sessions, subagents, last in rows
    ]


def last_rejects(db: Database, limit: int) -> tuple[list[UnusedValue], list[UnusedValue]]:
    """The lines that could not be used, and values that were left out of others: the last `limit` of each."""
    lines, values = (
        [
            UnusedValue(*row)
            for row in db.execute(
                f"SELECT file, line, field, reason FROM {table} ORDER BY file DESC, line DESC, field LIMIT :limit",
                {"limit": limit},
            )
        ]
        for table in ("rejects", "ignored_values")
    )
    return lines, values


def unknown_events(db: Database) -> list[UnknownEvents]:
    """The events of unknown types, the most frequent first."""
    rows = db.execute(
        "SELECT source, type, client_version, events FROM event_types WHERE known = 0 ORDER BY events DESC, 1, 2, 3"
    )
    return [UnknownEvents(*row) for row in rows]


def other_clients(db: Database) -> list[OtherClient]:
    """The clients that run the hooks of other clients, with the number of their events."""
    rows = db.execute(
        "SELECT source, other_client, client_version, sum(events) FROM event_types WHERE other_client != '' "
        "GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )
    return [OtherClient(*row) for row in rows]


def unpriced(db: Database) -> Unpriced | None:
    """The models without a price; None: no cost was worked out from a price table yet."""
    table = price_table(db)
    if table is None:
        return None
    models = db.execute(
        "SELECT coalesce(model, '(no name)') || coalesce(' of ' || provider, ''), sum(messages) FROM v_unpriced"
        " GROUP BY 1 ORDER BY 2 DESC"
    )
    return Unpriced(table, {str(model): count for model, count in models})
