"""Reading ahead by several processes: the same rows as by one, whatever the log holds, and whoever dies."""

import gzip
import random
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import apsw
import pytest

from clankers.log import envelope
from clankers.log.reader import log_files
from projector.replay import workers
from projector.replay.fold import LogRange
from projector.replay.rebuild import build
from tests.feeding import OPENCODE, opencode_records
from tests.patience import wait_for

_SHARE = 30_000  # bytes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Four days: with torn, foreign and blank lines, one archived, one whose last line is still in flight."""
    chance = random.Random(7)
    root = tmp_path / "root"
    root.mkdir()
    days: list[list[bytes]] = [[], [], [], []]
    for name in OPENCODE:
        for source, kind, payload in opencode_records(name):
            day = chance.choice(days)
            line = envelope.line(source, kind, payload, now_ns=1)
            if chance.random() < 0.03:
                day.append(chance.choice([b"\n", b"   \n", b"no JSON\n", line[: len(line) // 2], b"x" * 9000 + b"\n"]))
            day.append(line)
    for number, lines in enumerate(days):
        (root / f"clankers-2026-11-0{number + 1}.jsonl").write_bytes(b"".join(lines))
    packed = root / "clankers-2026-11-02.jsonl"
    (root / "clankers-2026-11-02.jsonl.gz").write_bytes(gzip.compress(packed.read_bytes()))
    packed.unlink()
    with (root / "clankers-2026-11-04.jsonl").open("ab") as last:
        last.write(b'{"v":1,"id":"in fl')
    return root


def everything(root: Path, database: Path) -> dict[str, Any]:
    build(str(database), str(root))
    db = apsw.Connection(str(database), flags=apsw.SQLITE_OPEN_READONLY)
    names = [name for (name,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
    tables = [name for name in names if name not in ("meta", "changes")]  # an id; how the log was cut up
    found = {table: sorted(db.execute(f"SELECT * FROM {table}"), key=repr) for table in tables}
    db.close()
    return found


@pytest.fixture
def by_one(root: Path, tmp_path: Path) -> dict[str, Any]:
    found = everything(root, tmp_path / "one.db")
    assert len(found["rejects"]) > 10
    return found


@pytest.fixture
def many(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Three processes read every log, in small chunks_of_log; the list holds their ids."""
    started: list[int] = []
    begin = workers._Worker.__init__

    def init(self: Any, work: Any) -> None:
        begin(self, work)
        started.append(self.process.pid)

    monkeypatch.setattr(workers, "ENOUGH", 0)
    monkeypatch.setattr(workers, "BATCH_BYTES", _SHARE)
    monkeypatch.setattr(workers, "_cores", lambda: 8)
    monkeypatch.setattr(workers._Worker, "__init__", init)
    return started


def test_several_processes_make_the_rows_that_one_makes(
    root: Path, tmp_path: Path, by_one: dict[str, Any], many: list[int]
) -> None:
    assert everything(root, tmp_path / "many.db") == by_one
    assert len(many) == 3


@pytest.mark.parametrize("heard", [0, 1, 5])
def test_what_a_killed_process_did_not_send_is_read_here(
    root: Path, tmp_path: Path, by_one: dict[str, Any], many: list[int], heard: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = 0
    listen = workers._Worker._next

    def kill_and_listen(self: Any) -> Any:
        nonlocal words
        words += 1
        if words > heard:
            self.process.kill()
        return listen(self)

    monkeypatch.setattr(workers._Worker, "_next", kill_and_listen)
    assert everything(root, tmp_path / "many.db") == by_one


def test_a_process_that_sends_half_a_message_is_not_believed(
    root: Path, tmp_path: Path, by_one: dict[str, Any], many: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    half = [sys.executable, "-c", "import sys; sys.stdout.buffer.write((1000).to_bytes(8, 'big') + b'half')"]
    monkeypatch.setattr(workers, "command", lambda **_: half)
    assert everything(root, tmp_path / "many.db") == by_one


def test_chunks_are_complete_lines_without_gaps(root: Path, many: list[int]) -> None:
    for file in log_files(str(root)):
        chunks_of_log = list(workers._chunks(str(root), LogRange(file, 0, 0), workers._lengths()))
        assert [share.offset for share in chunks_of_log[1:]] == [share.end for share in chunks_of_log[:-1]]
        assert chunks_of_log[-1].end is None
        if (plain := root / file.name).exists():
            text = plain.read_bytes()
            assert all(text[share.offset - 1 : share.offset] == b"\n" for share in chunks_of_log[1:])
            assert len(chunks_of_log) > 3
        else:
            assert len(chunks_of_log) == 1  # an archive


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_processes_end_with_the_one_that_started_them(root: Path) -> None:
    program = (
        "import sys, time\nfrom projector.replay import workers\nfrom clankers.log.reader import log_files\n"
        "workers.BATCH_BYTES, workers._cores = 1000, lambda: 8\n"
        "root = sys.argv[1]\n"
        "found = workers.fold_in_parallel(root, [workers.LogRange(file, 0, 0) for file in log_files(root)], None)\n"
        "begin = workers._Worker.__init__\n"
        "def init(self, work):\n    begin(self, work)\n    print(self.process.pid, flush=True)\n"
        "workers._Worker.__init__ = init\n"
        "next(found)\ntime.sleep(600)\n"  # until it is killed below
    )
    with subprocess.Popen([sys.executable, "-c", program, str(root)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout
        pids = [int(parent.stdout.readline()) for _ in range(3)]
        parent.send_signal(signal.SIGKILL)
    for worker in pids:
        wait_for(lambda worker=worker: not _alive(worker), f"the end of process {worker}, whose parent is gone,")  # type: ignore[misc]


def _alive(process: int) -> bool:
    """A process that ended and that nobody waited for is still listed."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
