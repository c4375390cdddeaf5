"""SIGKILL of `project`, `--rebuild` and `--watch`, while others read: the rows are whole, in the end all are there."""

import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.commands import POSIX_ONLY, call, environment
from tests.faults.common import (
    SEED,
    Readers,
    clankers,
    figures,
    killed,
    killed_after,
    run,
    sizes,
    three_a_session,
    touches,
    usual_duration,
)
from tests.feeding import append
from tests.test_project_cli import assert_whole, count, fresh_rows, rows, wait_for

pytestmark = POSIX_ONLY
A_ROOT = 50  # points in one log: then a new one is begun
PLACES = (
    "",
    "clankers.db-wal",
    "clankers.db",
)  # a touch of any file, of the WAL: commit and swap, of the database: checkpoint


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


def kill_all_along(size: int, folder: Path, seed: int, point: Callable[[Place], int]) -> tuple[int, int]:
    """`size` times `point`, which kills a projector, while two readers look; returns the kills and the looks."""
    chance = random.Random(SEED + seed)
    codes: list[int] = []
    looks = 0
    for first in range(0, size, A_ROOT):
        place = Place(folder / f"place-{first}", chance)
        with Readers(place.database) as readers:
            for _ in range(min(A_ROOT, size - first)):
                place.grow(chance.randrange(1, 40))
                codes.append(point(place))
                if chance.random() < 0.7:  # else the next one meets what a killed one left
                    place.check()
            place.check()
        looks += readers.looks
    assert set(codes) <= {0, -9}
    assert killed(codes) > size // 4
    return killed(codes), looks


@sizes(8, 300)
def test_projectors_killed_at_a_touch_of_the_disk_leave_whole_rows_and_lose_none(size: int, tmp_path: Path) -> None:
    chance = random.Random(SEED)
    counted: dict[tuple[str, ...], Counter[str]] = {}
    where: Counter[str] = Counter()

    def measured(place: Place, args: tuple[str, ...]) -> Counter[str]:
        """How often a run touches each of `PLACES`, about."""
        if args not in counted:
            made = touches(place.root, lambda **plan: clankers(*args, **plan), b"", sqlite=True)
            paths = [text.split(" ")[1] for text in made if text.split(" ")[1].startswith(str(place.root))]
            counted[args] = Counter({end: sum(path.endswith(end) for path in paths) for end in PLACES})
            place.grow(10)
        return counted[args]

    def point(place: Place) -> int:
        args = chance.choice([("project",), ("project", "--rebuild")])
        only = chance.choice(PLACES)
        at = chance.randint(1, max(1, measured(place, args)[only]))
        argv = clankers(*args, fault=chance.choice(["kill", "torn"]), at=at, only=only, sqlite=True)
        code = run(place.root, argv).code
        if code == -9:
            where[f"{args[-1].strip('-')} at {only or 'any file'}"] += 1
        return code

    begun = time.monotonic()
    kills, looks = kill_all_along(size, tmp_path, 1, point)
    figures(
        f"project, rebuild: {size} touches, {kills} killed ({dict(where)}), {looks} looks by readers, 0 lost, "
        f"0 errors, {time.monotonic() - begun:.0f} s"
    )


@sizes(3, 100)
def test_projectors_killed_at_any_moment_leave_whole_rows_and_lose_none(size: int, tmp_path: Path) -> None:
    chance = random.Random(SEED + 1)
    place = Place(tmp_path / "usual", chance)
    usual = {
        args: usual_duration(lambda args=args: run(place.root, clankers(*args)), times=3)  # type: ignore[misc]
        for args in (("project",), ("project", "--rebuild"))
    }

    def point(place: Place) -> int:
        args = chance.choice(list(usual))
        return killed_after(usual[args] * chance.uniform(0.5, 1.1), clankers(*args), place.root)

    begun = time.monotonic()
    kills, looks = kill_all_along(size, tmp_path, 2, point)
    figures(
        f"project, rebuild: {size} moments, {kills} killed, {looks} looks by readers, 0 lost, 0 errors, "
        f"{time.monotonic() - begun:.0f} s"
    )


@sizes(4, 100)
def test_watchers_killed_at_any_moment_leave_whole_rows_and_lose_none(size: int, tmp_path: Path) -> None:
    chance = random.Random(SEED + 2)

    def point(place: Place) -> int:
        told = place.root.parent / "watcher.out"
        with (
            told.open("wb") as out,
            subprocess.Popen(
                clankers("project", "--watch"), stdout=out, stderr=out, env=environment(place.root)
            ) as process,
        ):
            if chance.random() < 0.7:  # else it is killed while it begins
                wait_for(lambda: b"new events" in told.read_bytes())
                for _ in range(chance.randrange(1, 4)):
                    place.grow(chance.randrange(1, 60))
            try:
                process.wait(timeout=chance.uniform(0, 0.5))
            except subprocess.TimeoutExpired:
                process.kill()
            code = process.wait()
        assert b"Traceback" not in told.read_bytes()
        return code

    begun = time.monotonic()
    kills, looks = kill_all_along(size, tmp_path, 3, point)
    figures(
        f"watch: {size} moments, {kills} killed, {looks} looks by readers, 0 lost, 0 errors, "
        f"{time.monotonic() - begun:.0f} s"
    )
