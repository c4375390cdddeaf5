"""Importing past sessions: for the first time, and again with little or nothing new."""

import random
import time
from collections.abc import Iterator
from contextlib import suppress
from itertools import count

from benchmarks.data import make_short_transcript, make_short_transcripts, make_transcripts
from benchmarks.measure import Cost, Row, Skipped, Turns, after, process, ratio
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
    yield from _again(place._replace(folder=place.folder / "short"))


def _again(place: Place) -> Iterator[Row]:
    """The rows of many short sessions, which both sides have imported.

    The peer is AgentsView (`pip install agentsview==0.46.1`), without its daemon and its telemetry.
    """
    root, empty = place.folder / "imported", place.folder / "empty"
    number = place.size.sessions
    elsewhere(make_short_transcripts, place.projects, number)
    settings = {"AGENTSVIEW_NO_DAEMON": "1", "AGENTSVIEW_TELEMETRY_ENABLED": "false"}
    theirs = {**place.environment(root), **settings, "AGENTSVIEW_DATA_DIR": str(place.folder / "agentsview")}
    sync, backfill = process("agentsview", "sync", env=theirs), place.clankers(root, "backfill", "--all")
    rng = random.Random()

    def add() -> None:
        make_short_transcript(place.projects / "-home-dev-src-1", rng, time.time())

    for prepare in (backfill, backfill, sync):  # what has just been written is looked at once more
        with suppress(Skipped):
            prepare()
    same = Turns(place.size.short, ours=backfill, theirs=sync)
    yield Row(
        "backfill/nothing-new",
        f"`backfill` with nothing new, {number:,} files",
        "`agentsview sync`",
        0.5,
        "x",
        same.ratio("ours", "theirs"),
    )
    grown = Turns(place.size.short, ours=after(add, backfill), theirs=sync)
    yield Row(
        "backfill/one-new",
        f"`backfill` after one new session, {number:,} files",
        "`agentsview sync`",
        0.5,
        "x",
        grown.ratio("ours", "theirs"),
    )
    sessions = Turns(place.size.short, ours=place.clankers(root, "sessions"), theirs=place.clankers(empty, "sessions"))
    yield Row(
        "sessions/imported",
        f"`sessions` after an import of {number:,} files that changed within the last day",
        "the same on an empty root",
        1.05,
        "x",
        sessions.ratio("ours", "theirs"),
    )
