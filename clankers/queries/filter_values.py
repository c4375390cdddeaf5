"""What the filters can be: the harnesses, projects and models that are recorded."""

from msgspec import Struct

from clankers.queries.dialect import Database


class FilterValues(Struct, frozen=True):
    """The values that sessions have, each once, sorted."""

    sources: list[str]
    projects: list[str]
    models: list[str]


def filter_values(db: Database) -> FilterValues:
    """The values of the filters."""
    rows = db.execute("SELECT DISTINCT source, project_name, model FROM sessions").fetchall()
    columns = zip(*rows, strict=True) if rows else ((), (), ())
    return FilterValues(*(sorted({str(value) for value in column if value}) for column in columns))
