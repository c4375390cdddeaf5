"""What the tests of faults share: two sizes of each, logs read by their bytes alone, processes killed at a moment."""

import itertools
import json
import os
import random
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple, Self
from zlib import crc32

import apsw

from tests.commands import call, environment, event, session
from tests.feeding import Record
from tests.patience import DEADLINE, wait_for
from tests.test_project_cli import assert_whole, reading

SEED = 20261121
INJECTED = Path(__file__).with_name("injected.py")
FIGURES: list[str] = []  # what the long tests found, printed behind the summary
CRC_KEY = b',"crc":"'


def figures(text: str) -> None:
    FIGURES.append(text)


class Logged(NamedTuple):
    """A log as its bytes say: the lines whose CRC holds, and the pieces between newlines that are none."""

    lines: list[dict[str, Any]]
    torn: list[bytes]


def logged(root: Path) -> Logged:
    found = Logged([], [])
    for path in sorted(root.glob("clankers-*.jsonl")):
        for text in path.read_bytes().split(b"\n"):
            body, key, rest = text.rpartition(CRC_KEY)
            if key and rest == b'%08x"}' % crc32(body):
                line = json.loads(text)
                assert path.name >= f"clankers-{line['ts'][:10]}.jsonl"  # later, where a client's backlog came in late
                found.lines.append(line)
            elif text:
                found.torn.append(text)
    return found


def numbered(n: int, pad: int = 0) -> bytes:
    """The `n`-th event: it makes a session of its own."""
    return session(f"ses_{n:06}", title="x" * pad)[2]


def sessions_in(root: Path, path: Path | None = None) -> list[str]:
    with reading(path or root / "clankers.db") as db:
        return [id for (id,) in db.execute("SELECT id FROM sessions ORDER BY id")]


def assert_acknowledged_once(root: Path, tried: Counter[str], acknowledged: set[str], *, torn: int) -> None:
    """Of the numbered events: each acknowledged one is in log and database, none more often than it was tried."""
    found = logged(root)
    in_log = Counter(line["payload"]["properties"]["info"]["id"] for line in found.lines)
    lost = acknowledged - in_log.keys()
    assert not lost, f"acknowledged and not in the log: {sorted(lost)[:5]}"
    double = {id: n for id, n in in_log.items() if n > tried[id]}
    assert not double, f"more often in the log than they were appended: {double}"
    assert len(found.torn) <= torn
    done = call(root, "project")
    assert done.code == 0, done.err
    assert sessions_in(root) == sorted(in_log)
    with reading(root / "clankers.db") as db:
        assert db.execute("SELECT coalesce(sum(events), 0) FROM event_types").get == len(found.lines)
        assert db.execute("SELECT count(*) FROM rejects").get == len(found.torn)
    assert_whole(root / "clankers.db")


def clankers(*args: str, **plan: Any) -> list[str]:
    """The command line of `clankers`, with a fault where `plan` says one."""
    if not plan:
        return [sys.executable, "-m", "clankers", *args]
    return [sys.executable, str(INJECTED), json.dumps(plan), *args]


class Ended(NamedTuple):
    code: int
    out: bytes
    err: bytes


def run(root: Path, argv: list[str], data: bytes = b"", *, seconds: float = DEADLINE, **env: str) -> Ended:
    done = subprocess.run(
        argv, input=data, capture_output=True, env=environment(root, **env), timeout=seconds, check=False
    )
    return Ended(done.returncode, done.stdout, done.stderr)


def killed_after(seconds: float, argv: list[str], root: Path, data: bytes = b"") -> int:
    """The exit code of a process that is killed after so long; -9 where the kill came first."""
    source = root.parent / "stdin"
    source.write_bytes(data)
    with (
        source.open("rb") as stdin,
        subprocess.Popen(
            argv, stdin=stdin, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment(root)
        ) as process,
    ):
        try:
            process.wait(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        return process.wait()


_MISSES = 3  # tries in a row that end before their kill


class Moments:
    """Moments of a process's life, or shortly behind it, in seconds: `moments()`. Its work is in the last third.

    How long it lives is measured again now and then, and when the last few had ended before their kill: the machine
    does other things too.

    Args:
        chance: what the moments are drawn with.
        live: lets such a process live.
    """

    def __init__(self, chance: random.Random, live: Callable[[], object]) -> None:
        self._chance = chance
        self._live = live
        self._drawn = 0

    def __call__(self, codes: Sequence[int] = ()) -> float:
        """The next moment, after tries that ended with `codes`."""
        if not self._drawn % 25 or list(codes[-_MISSES:]) == [0] * _MISSES:
            self._usual = self._measured()
        self._drawn += 1
        chance = self._chance
        return self._usual * (chance.uniform(0, 1.3) if chance.random() < 0.3 else chance.uniform(0.6, 1.2))

    def _measured(self) -> float:
        found = []
        for _ in range(3):
            begun = time.perf_counter()
            self._live()
            found.append(time.perf_counter() - begun)
        return statistics.median(found)


def until_killed(size: int, codes: list[int]) -> Iterator[int]:
    """Counts the tries, each of which puts its process's exit code into `codes`, until `size` of them were killed.

    A process that had ended before its kill is no point: another one is drawn.
    """
    for n in itertools.count():
        assert len(codes) == n
        assert set(codes) <= {0, -signal.SIGKILL}
        if killed(codes) == size:
            return
        assert n < 5 * size + 10, f"only {killed(codes)} of {n} were killed"
        yield n


def killed(codes: list[int]) -> int:
    return codes.count(-signal.SIGKILL)


def touches(root: Path, argv: Callable[..., list[str]], data: bytes = b"", **plan: Any) -> list[str]:
    """The touches of the disk that an undisturbed run makes, each as `injected` traces it."""
    trace = root.parent / "trace"
    trace.unlink(missing_ok=True)
    done = run(root, argv(trace=str(trace), **plan), data)
    assert done.code == 0, done.err
    return trace.read_text().splitlines()


def struck(trace: Path) -> tuple[str, str]:
    """Of a process that was killed at a touch of the disk: which touch, and of which file."""
    name, path, became = trace.read_text().splitlines()[-1].split(" ")
    assert became in {"kill", "torn"}
    return name, path


def keep_from_catching_up(root: Path) -> None:
    """As if a watcher followed the log: then the end of a turn starts nothing in the background."""
    root.mkdir(mode=0o700, exist_ok=True)
    (root / "clankers.db.lock").write_text(f"process {os.getpid()}, clankers project --watch")


def three_a_session(first: int, count: int, pad: int = 0) -> list[Record]:
    """`count` sessions of three lines each: the session, its message, its message's part."""
    records: list[Record] = []
    for n in range(first, first + count):
        id, message = f"ses_{n:06}", f"msg_{n:06}"
        records += [
            session(id),
            event("message.updated", info={"id": message, "sessionID": id, "role": "user", "time": {"created": n}}),
            event(
                "message.part.updated",
                part={
                    "id": f"prt_{n:06}",
                    "messageID": message,
                    "sessionID": id,
                    "type": "text",
                    "text": f"prompt {n} " + "x" * pad,
                },
            ),
        ]
    return records


READER = """
import sqlite3, sys, time
from contextlib import closing
from pathlib import Path

database, stop, kind = sys.argv[1:]

def connect():
    return closing(sqlite3.connect(database, timeout=30, isolation_level=None))

def look(db):
    db.execute("BEGIN")
    try:
        (lines,) = db.execute("SELECT coalesce(sum(lines), 0) FROM log_files").fetchone()
        found = [db.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("sessions", "messages", "parts")]
        (bare,) = db.execute(
            "SELECT count(*) FROM parts WHERE message_id NOT IN (SELECT id FROM messages)"
        ).fetchone()
    finally:
        db.execute("COMMIT")
    expected = [(lines + 2) // 3, (lines + 1) // 3, lines // 3]
    if found != expected or bare:
        sys.exit(f"a half-built state: after {lines} lines {found}, not {expected}; {bare} parts hang in the air")
    return lines

reads = last = 0
kept = connect().__enter__() if kind == "kept" else None
while not Path(stop).exists():
    if kept:
        lines = look(kept)
    else:
        with connect() as db:
            lines = look(db)
    if lines < last:
        sys.exit(f"rows went away: {last} lines, then {lines}")
    reads, last = reads + 1, lines
    print(reads, last, flush=True)
    time.sleep(0.002)  # polls: another process does it
"""


class Readers:
    """Two patient readers, one with a connection that it keeps, one with a new one each time.

    At each look the rows must be those of a beginning of the log, made by `three_a_session`, never of a shorter one.
    """

    def __init__(self, database: Path) -> None:
        self.database = database
        self.stop = database.with_name("stop-readers")
        self.looks = 0

    def __enter__(self) -> Self:
        self.stop.unlink(missing_ok=True)
        self._out = [self.database.with_name(f"reader-{kind}.out") for kind in ("kept", "fresh")]
        self._processes = []
        for kind, out in zip(("kept", "fresh"), self._out, strict=True):
            with out.open("wb") as told, out.with_suffix(".err").open("wb") as err:
                argv = [sys.executable, "-c", READER, str(self.database), str(self.stop), kind]
                self._processes.append(subprocess.Popen(argv, stdout=told, stderr=err))
        for out, process in zip(self._out, self._processes, strict=True):
            wait_for(lambda out=out, p=process: out.read_bytes() or p.poll() is not None)  # type: ignore[misc]
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.touch()
        for process in self._processes:
            process.wait(timeout=DEADLINE)
        errors = "".join(out.with_suffix(".err").read_text() for out in self._out)
        assert errors == "", errors
        assert all(p.returncode == 0 for p in self._processes)
        self.looks = sum(len(out.read_text().splitlines()) for out in self._out)
        assert self.looks > 0


def meta_rows(path: Path) -> Iterator[tuple[Any, ...]]:
    """What the database says of the log itself: how far it was read, its types, its rejects."""
    with closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as db:
        yield from db.execute('SELECT name, "offset", lines FROM log_files ORDER BY name').fetchall()
        yield from db.execute("SELECT source, type, known, events FROM event_types ORDER BY 1, 2, 3").fetchall()
        yield from db.execute('SELECT file, line, "offset", reason FROM rejects ORDER BY 1, 2, 3').fetchall()
