"""What a person waits for who asks."""

import sys
from collections.abc import Iterator

from benchmarks.measure import Row, process, ratio
from benchmarks.place import Place


def rows(place: Place) -> Iterator[Row]:
    """The rows of the reading commands, on the large log, its database up to date."""
    sessions = place.clankers(place.root, "sessions")
    sessions()
    yield Row(
        "sessions/typer",
        f"clankers sessions, warm, {place.events:,} events",
        'python -c "import typer"',
        2.0,
        "x",
        ratio(sessions, process(sys.executable, "-c", "import typer"), place.size.short),
    )
