"""What a person waits for who asks."""

import sys
from collections.abc import Iterator

from benchmarks.measure import Row, process, ratio
from benchmarks.place import Place


def rows(place: Place) -> Iterator[Row]:
    """The rows of the reading commands, on the large log, its database up to date."""
    typer = process(sys.executable, "-c", "import typer")
    for name in ("sessions", "stats"):
        command = place.clankers(place.root, name)
        command()
        yield Row(
            f"{name}/typer",
            f"clankers {name}, warm, {place.events:,} events",
            'python -c "import typer"',
            2.0,
            "x",
            ratio(command, typer, place.size.short),
        )
