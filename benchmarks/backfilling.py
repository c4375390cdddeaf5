"""The past, taken in for the first time."""

import shutil
from collections.abc import Iterator

from benchmarks.data import make_transcripts
from benchmarks.measure import Row, after, process, ratio
from benchmarks.place import Place, elsewhere

BEHIND = 15  # the niceness that `backfill` gives itself


def rows(place: Place) -> Iterator[Row]:
    """The rows of `backfill`."""
    root = place.folder / "backfilled"
    files = elsewhere(make_transcripts, place.projects, place.size.transcripts)
    backfill = place.clankers(root, "backfill", "claude-code", "--all")
    yield Row(
        "backfill/jq",
        f"backfill, {place.size.transcripts} MB of transcripts in {len(files):,} files, database included",
        "jq -c .type",
        3.0,
        "x",
        ratio(
            after(lambda: shutil.rmtree(root, ignore_errors=True), backfill),
            process("jq", "-c", ".type", *files, niceness=BEHIND),
            place.size.long,
        ),
    )
