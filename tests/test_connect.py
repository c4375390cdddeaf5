"""What a reading command does before it reads: as little as can be, and all that is needed."""

import os
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from projector.store.sqlite_file import VERSION, is_current, is_ours
from tests.commands import call, environment, session, work
from tests.feeding import append
from tests.patience import DEADLINE

HEAVY = (
    "msgspec",
    "projector.replay.replay",
    "projector.store.sqlite_writer",
    "anyio",
    "rich.console",
    "rich.text",
    "rich.table",
)
SAY_IMPORTS = """
import sys
from clankers.__main__ import main
code = main()
print(*sorted(sys.modules), file=sys.stderr)
sys.exit(code)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root whose database is up to date."""
    root = tmp_path / "data"
    append(root, work(0, 3))
    assert call(root, "sessions").code == 0
    return root


def listed(root: Path) -> int:
    return call(root, "sessions", "--json").out.count('"id"')


def day(root: Path) -> Path:
    (found,) = root.glob("clankers-*.jsonl")
    return found


@pytest.mark.parametrize("args", [("sessions",), ("stats",), ("query", "SELECT 1")])
def test_with_nothing_new_what_replays_is_not_even_imported(root: Path, args: tuple[str, ...]) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SAY_IMPORTS, *args],
        env=environment(root),
        capture_output=True,
        encoding="utf-8",
        check=True,
        timeout=DEADLINE,
    )
    imported = set(done.stderr.split())
    assert "apsw" in imported
    assert imported.isdisjoint(HEAVY)


def test_with_nothing_new_nothing_is_written(root: Path) -> None:
    def files() -> dict[str, tuple[int, bytes]]:
        return {p.name: (p.stat().st_mtime_ns, p.read_bytes()) for p in root.glob("*") if p.suffix != ".db-shm"}

    before = files()
    assert "clankers.db" in before
    for args in (("sessions",), ("stats",), ("query", "SELECT 1")):
        assert call(root, *args).code == 0
    after = files()
    after.pop("clankers.db-shm", None)
    before.pop("clankers.db-shm", None)
    assert after == before


def test_what_is_new_is_read(root: Path) -> None:
    append(root, work(3, 2))
    assert listed(root) == 5
    assert listed(root) == 5


def test_a_last_line_in_flight_waits_for_its_end(root: Path) -> None:
    append(root, [session("ses_late")])
    whole = day(root).read_bytes()
    day(root).write_bytes(whole[:-20])
    assert listed(root) == 3
    day(root).write_bytes(whole)
    assert listed(root) == 4


def test_a_log_of_the_same_size_that_is_another_is_read_anew(root: Path) -> None:
    text = day(root).read_bytes()
    assert b"ses_000002" in text
    day(root).write_bytes(text.replace(b"ses_000002", b"ses_000001").replace(b'"crc":"', b'"cRc":"'))
    assert listed(root) == 2


def test_a_log_that_lost_its_end_is_read_anew(root: Path) -> None:
    lines = day(root).read_bytes().splitlines(keepends=True)
    day(root).write_bytes(b"".join(lines[:3]))
    assert listed(root) == 1


def test_a_day_that_is_gone_is_noticed(root: Path) -> None:
    day(root).unlink()
    assert listed(root) == 0


def test_a_database_of_an_older_version_is_made_anew(root: Path) -> None:
    with closing(apsw.Connection(str(root / "clankers.db"))) as db:
        db.pragma("user_version", VERSION - 1)
        db.execute("DELETE FROM messages")
        db.execute("DELETE FROM sessions")
        assert not is_ours(db)
        assert is_current(db, str(root))
    assert listed(root) == 3


def test_a_database_that_is_none_is_told(root: Path) -> None:
    for suffix in ("-wal", "-shm"):
        (root / f"clankers.db{suffix}").unlink(missing_ok=True)
    (root / "clankers.db").write_bytes(os.urandom(8192))
    done = call(root, "sessions")
    assert done.code == 1
    assert "clankers project --rebuild" in done.err
    assert done.out == ""


def test_a_rebuild_leaves_no_long_wal_behind(root: Path) -> None:
    append(root, work(3, 5000))
    wal = root / "clankers.db-wal"
    with closing(apsw.Connection(str(root / "clankers.db"))) as reader:
        reader.execute("BEGIN; SELECT count(*) FROM sessions")
        assert call(root, "project", "--rebuild").code == 0
        assert wal.stat().st_size > 4 << 20  # it is the reader's yet
        assert reader.execute("SELECT count(*) FROM sessions").get == 3
    assert call(root, "project", "--rebuild").code == 0
    assert wal.stat().st_size == 0
    assert int(call(root, "query", "--csv", "SELECT count(*) FROM sessions").out.split()[-1]) == 5003
