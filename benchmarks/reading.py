"""What a person waits for who asks."""

import statistics
import sys
from collections.abc import Iterator

from benchmarks.data import make_transcript
from benchmarks.measure import Measured, Row, first_output, process, ratio, seconds
from benchmarks.place import Place, clankers, elsewhere

SCREEN = 8000  # bytes


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
    yield Row(
        "show-first",
        f"clankers show, first screen of a session of {place.size.transcript} MB",
        "",
        0.5,
        "s",
        lambda: _first_screen(place),
    )


def _first_screen(place: Place) -> Measured:
    """`show` of one long session."""
    alone = long_session(place)
    command, env = [clankers(), "show", "last"], alone.environment(alone.root)
    first = statistics.median(first_output(command, env, SCREEN) for _ in range(place.size.long))
    return Measured(seconds(first), "", first)


def long_session(place: Place) -> Place:
    """One long session, which stands in a root and a home of its own; made once."""
    alone = place._replace(folder=place.folder / "alone")
    if not alone.projects.exists():
        elsewhere(make_transcript, alone.projects, place.size.transcript)
        alone.clankers(alone.root, "backfill", "claude-code", "--all")()
    return alone
