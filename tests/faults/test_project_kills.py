"""SIGKILL of `project`, `--rebuild` and `--watch`, while others read: the rows are whole, in the end all are there."""

import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from tests.commands import POSIX_ONLY, call, environment
from tests.faults.common import (
    SEED,
    Moments,
    Readers,
    clankers,
    figures,
    killed_after,
    run,
    struck,
    three_a_session,
    touches,
    until_killed,
)
from tests.feeding import append
from tests.patience import wait_for
from tests.sizes import sizes
from tests.test_project_cli import assert_whole, count, fresh_rows, rows

pytestmark = POSIX_ONLY
A_ROOT = 50  # kills in one log: then a new one is begun
# What a projector does where it touches which file; "": all that it does, from its lock on.
PLACES = {
    ("project",): {"": "start", "clankers.db-wal": "commit", "clankers.db": "checkpoint"},
    ("project", "--rebuild"): {
        "": "start",
        "clankers.db.rebuild": "build",
        "clankers.db-wal": "swap",
        "clankers.db": "checkpoint of the swap",
    },
}


class Place:
    """A log that grows, and its database."""

    def __init__(self, folder: Path, chance: random.Random) -> None:
        folder.mkdir()
        self.root = folder / "root"
        self.database = self.root / "clankers.db"
        self.chance = chance
        self.sessions = 0
        self.grow(60)
        assert call(self.root, "project").code == 0

    def grow(self, sessions: int) -> None:
        append(self.root, three_a_session(self.sessions, sessions, pad=self.chance.randrange(2000)))
        self.sessions += sessions

    def check(self) -> None:
        """What a killed projector left is sound, and the next one brings in what is missing."""
        assert_whole(self.database)
        assert count(self.database, "messages") <= self.sessions
        done = call(self.root, "project")
        assert done.code == 0, done.err
        assert rows(self.database) == fresh_rows(self.root)
        assert count(self.database) == self.sessions
        assert_whole(self.database)
        assert not list(self.root.glob("*.rebuild*"))


def kill_all_along(name: str, size: int, folder: Path, seed: int, point: Callable[[Place], tuple[int, str]]) -> None:
    """While two readers look, `point` kills projectors until `size` are dead; it returns the exit code and where."""
    chance = random.Random(SEED + seed)
    where: Counter[str] = Counter()
    ended = looks = 0
    begun = time.monotonic()
    for first in range(0, size, A_ROOT):
        place = Place(folder / f"place-{first}", chance)
        codes: list[int] = []
        with Readers(place.database) as readers:
            for _ in until_killed(min(A_ROOT, size - first), codes):
                place.grow(chance.randrange(1, 40))
                code, struck_at = point(place)
                codes.append(code)
                if code:
                    where[struck_at] += 1
                if chance.random() < 0.7:  # else the next one meets what a killed one left
                    place.check()
            place.check()
        looks += readers.looks
        ended += codes.count(0)
    assert where.total() == size
    figures(
        f"{name}: {size} killed ({dict(sorted(where.items()))}), beside {ended} that ended, {looks} looks by readers, "
        f"0 lost, 0 errors, {time.monotonic() - begun:.0f} s"
    )


@sizes(6, 300)
def test_projectors_killed_at_a_touch_of_the_disk_leave_whole_rows_and_lose_none(size: int, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    counted: dict[tuple[str, ...], Counter[str]] = {}
    trace = tmp_path / "trace"

    def measured(place: Place, args: tuple[str, ...]) -> Counter[str]:
        """How often a run touches each of `PLACES`, about."""
        if args not in counted:
            made = touches(place.root, lambda **plan: clankers(*args, **plan), b"", sqlite=True)
            paths = [text.split(" ")[1] for text in made if text.split(" ")[1].startswith(str(place.root))]
            counted[args] = Counter({end: sum(path.endswith(end) for path in paths) for end in PLACES[args]})
            place.grow(10)
        return counted[args]

    def point(place: Place) -> tuple[int, str]:
        args = chance.choice(list(PLACES))
        only = chance.choice(list(PLACES[args]))
        at = chance.randint(1, max(1, measured(place, args)[only]))
        trace.unlink(missing_ok=True)
        plan = {"fault": chance.choice(["kill", "torn"]), "at": at, "only": only, "sqlite": True, "trace": str(trace)}
        code = run(place.root, clankers(*args, **plan)).code
        file = Path(struck(trace)[1]).name if code else ""
        return code, f"{args[-1].strip('-')}: {PLACES[args].get(file, 'start')}"

    kill_all_along("project, rebuild, at a touch of the disk", size, tmp_path, 1, point)


@sizes(2, 100)
def test_projectors_killed_at_any_moment_leave_whole_rows_and_lose_none(size: int, tmp_path: Path) -> None:
    chance = random.Random(SEED + 1)
    usual = Place(tmp_path / "usual", chance)
    moments = {args: Moments(chance, lambda args=args: run(usual.root, clankers(*args))) for args in PLACES}  # type: ignore[misc]

    def point(place: Place) -> tuple[int, str]:
        args = chance.choice(list(PLACES))
        return killed_after(moments[args](), clankers(*args), place.root), args[-1].strip("-")

    kill_all_along("project, rebuild, at a moment", size, tmp_path, 2, point)


@sizes(3, 100)
def test_watchers_killed_at_any_moment_leave_whole_rows_and_lose_none(size: int, tmp_path: Path) -> None:
    chance = random.Random(SEED + 2)

    def point(place: Place) -> tuple[int, str]:
        told = place.root.parent / "watcher.out"
        at_work = chance.random() < 0.7
        with (
            told.open("wb") as out,
            subprocess.Popen(
                clankers("project", "--watch"), stdout=out, stderr=out, env=environment(place.root)
            ) as process,
        ):
            try:
                if at_work:
                    wait_for(lambda: b"new events" in told.read_bytes())
                    for _ in range(chance.randrange(1, 4)):
                        place.grow(chance.randrange(1, 60))
                with suppress(subprocess.TimeoutExpired):
                    process.wait(timeout=chance.uniform(0, 0.5))
            finally:
                process.kill()  # also where it did not get to work in time: else it is waited for without end
            code = process.wait()
        assert b"Traceback" not in told.read_bytes()
        return code, "at work" if at_work else "while it begins"

    kill_all_along("watch", size, tmp_path, 3, point)
