"""The past, taken in for the first time."""

from collections.abc import Iterator
from itertools import count

from benchmarks.data import make_transcripts
from benchmarks.measure import Cost, Row, process, ratio
from benchmarks.place import Place, elsewhere

BEHIND = 15  # the niceness that `backfill` gives itself


def rows(place: Place) -> Iterator[Row]:
    """The rows of `backfill`."""
    roots = (place.folder / f"backfilled-{n}" for n in count())
    files = elsewhere(make_transcripts, place.projects, place.size.transcripts)

    def backfill() -> Cost:
        # A new place each time: removing the last one's many files would slow the making of others for some seconds.
        return place.clankers(next(roots), "backfill", "claude-code", "--all")()

    yield Row(
        "backfill/jq",
        f"backfill, {place.size.transcripts} MB of transcripts in {len(files):,} files, database included",
        "jq -c .type",
        3.0,
        "x",
        ratio(
            backfill,
            process("jq", "-c", ".type", *files, niceness=BEHIND),
            place.size.long,
        ),
    )
