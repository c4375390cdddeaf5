"""Where a benchmark runs, and what it runs."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple, ParamSpec, TypeVar

from benchmarks.measure import Run, process

P = ParamSpec("P")
T = TypeVar("T")


class Size(NamedTuple):
    """How much is measured; megabytes are 10^6 bytes."""

    log: int  # megabytes of log; its events are about a thousand times as many
    transcripts: int  # megabytes of transcripts for `backfill`
    sessions: int  # transcripts of 20 KB for a `backfill` with little or nothing new
    day: int  # megabytes that were logged today before a session's first hook
    transcript: int  # megabytes of the one that a Stop hook looks at
    stream: int  # events for `append --stream`
    appends: int  # that `--watch` is timed by
    idle: float  # seconds that an idle `--watch` is looked at
    short: int  # rounds of what takes milliseconds
    long: int  # rounds of what takes seconds


SIZES = {
    "small": Size(
        log=10, transcripts=5, sessions=500, day=20, transcript=10, stream=5000, appends=25, idle=4, short=9, long=3
    ),
    "full": Size(
        log=1000,
        transcripts=100,
        sessions=5100,
        day=300,
        transcript=50,
        stream=50_000,
        appends=300,
        idle=20,
        short=41,
        long=3,
    ),
}


class Place(NamedTuple):
    """A directory to measure in, with nothing of the user's in sight.

    Attributes:
        folder: an empty one for whatever an area needs.
        size: how much is measured.
        events: how many the large log holds.
    """

    folder: Path
    size: Size
    events: int

    @property
    def root(self) -> Path:
        """The data root with the large log."""
        return self.folder / "large"

    @property
    def further(self) -> Path:
        """The lines that go on where the large log ends."""
        return self.folder / "further.jsonl"

    @property
    def projects(self) -> Path:
        """Where Claude Code keeps its transcripts."""
        return self.folder / "home" / ".claude" / "projects"

    def environment(self, root: Path) -> dict[str, str]:
        """What a command sees: its data in `root`, a home without anything but `projects`."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("CLANKERS_", "CLAUDE_", "XDG_"))}
        return kept | {"CLANKERS_DATA_PATH": str(root), "HOME": str(self.folder / "home")}

    def clankers(self, root: Path, *arguments: str, stdin: Path | None = None) -> Run:
        """A run of `clankers ARGUMENTS` on the data in `root`."""
        return process(clankers(), *arguments, stdin=stdin, env=self.environment(root))


def clankers() -> str:
    """The `clankers` of this environment."""
    return str(Path(sys.executable).with_name("clankers"))


def elsewhere(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `function` returns, called in another process: the memory that it needs is not this one's."""
    return _worker().submit(function, *args, **kwargs).result()


@cache
def _worker() -> ProcessPoolExecutor:
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))
