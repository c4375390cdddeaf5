"""`clankers repair` of compressed days: a line in one, and the archive itself."""

import gzip
import random
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from clankers.log.segments import COMPRESSED
from clankers.maintenance import gzip_rewrite, in_place_edit
from clankers.maintenance.archive import archive
from clankers.maintenance.gzip_writer import ArchiveError, write_gzip
from clankers.maintenance.in_place_edit import PatchError
from clankers.maintenance.repair import apply, plan
from clankers.maintenance.verify import verify
from tests.commands import POSIX_ONLY, call, session
from tests.feeding import append
from tests.test_repair import dying, glue, ids_of, mend
from tests.test_verify import NAME, line, put, some_lines

pytestmark = POSIX_ONLY
LINES = [one for seed in range(4) for one in some_lines(seed, 40)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def pack(root: Path, data: bytes) -> Path:
    put(root, data)
    with in_place_edit.lock(str(root), "test"):
        archive(str(root), NAME, progress=lambda _: None)
    return root / f"{NAME}{COMPRESSED}"


def content(path: Path) -> bytes:
    return gzip.decompress(path.read_bytes())


def changed(data: bytes, *places: int, by: int = 1) -> bytes:
    made = bytearray(data)
    for at in places:
        made[at] ^= by
    return bytes(made)


# Lines in a sound archive


@pytest.mark.parametrize(
    ("damaged", "mended"),
    [
        (glue(line("a") + line("b") + line("c"), 1), line("a") + line("b") + line("c")),
        (line("a")[:-1] + b"\0" * 50 + line("b"), line("a") + b" " * 48 + b"\n" + line("b")),
        (line("a") + line("b")[:70] + b"\n" + line("b"), line("a") + b" " * 70 + b"\n" + line("b")),
        (line("a") + line("b")[:-1], line("a") + line("b")),
        (b"\0" * 3 + line("a") + line("b")[:-1], b"  \n" + line("a") + line("b")),
    ],
)
@pytest.mark.parametrize("ours", [True, False])
def test_a_line_in_an_archive_is_mended_as_in_a_plain_day(
    root: Path, damaged: bytes, mended: bytes, ours: bool
) -> None:
    path = pack(root, damaged)
    if not ours:
        path.write_bytes(gzip.compress(damaged))
    before = path.read_bytes()
    assert mend(root)
    assert content(path) == mended
    assert verify(str(root)).bad == []
    assert sorted(one.name for one in root.iterdir()) == [path.name, f"{path.name}.damaged-1", "patch.lock"]
    assert (root / f"{path.name}.damaged-1").read_bytes() == before
    assert {one.stat().st_mode & 0o777 for one in root.glob("*.damaged-1")} == {0o600}


def test_what_is_not_proved_in_an_archive_is_left(root: Path) -> None:
    path = pack(root, line("a") + b"no line\n" + line("b"))
    before = path.read_bytes()
    assert mend(root) == []
    assert path.read_bytes() == before


def test_an_archive_that_was_changed_since_it_was_looked_at_is_left(root: Path) -> None:
    path = pack(root, glue(line("a") + line("b")))
    planned = plan(str(root), verify(str(root)).bad)
    path.write_bytes(gzip.compress(line("other")))
    with pytest.raises(PatchError, match="try again"):
        apply(str(root), NAME, planned)
    assert content(path) == line("other")


# The archive itself


def test_a_damaged_archive_is_left_with_the_advice_to_restore_it(root: Path) -> None:
    path = pack(root, b"".join(LINES))
    good = path.read_bytes()
    for damaged in (
        good[:-1],
        good[:-9],
        changed(good, 1000),
        changed(good, -3),
        good[: len(good) // 2],
        good[:30],
        changed(good, 2000, 2001, 2500),
        b"",
        b"x" * 500,
    ):
        path.write_bytes(damaged)
        done = call(root, "repair")
        assert done.code == 1
        assert "left unchanged" in done.out
        assert f"{path.name} is damaged" in done.out
        assert "restore that file from a backup, then run `clankers project --rebuild`" in done.out
        assert path.read_bytes() == damaged
        assert not list(root.glob("*.damaged-*"))


@pytest.mark.parametrize("seed", range(12))
def test_whatever_is_damaged_in_an_archive_no_line_that_could_be_read_is_lost(root: Path, seed: int) -> None:
    rng = random.Random(seed)
    path = pack(root, b"".join(LINES))
    damaged = changed(path.read_bytes(), *(rng.randrange(path.stat().st_size) for _ in range(rng.randrange(1, 4))))
    path.write_bytes(damaged[: rng.choice([len(damaged), rng.randrange(len(damaged))])])
    before = set(ids_of(root))
    mend(root)
    assert set(ids_of(root)) >= before


def test_killed_at_any_call_of_the_system_the_old_archive_or_the_new_one_is_there(root: Path) -> None:
    path = pack(root, glue(line("a") + line("b")))
    before = path.read_bytes()
    at, seen = 1, set()
    while True:
        planned = plan(str(root), verify(str(root)).bad)
        ended = not dying(lambda todo=planned: apply(str(root), NAME, todo), at, "before")  # type: ignore[misc]
        now = path.read_bytes()
        seen.add(now == before)
        assert now == before or content(path) == line("a") + line("b")
        if ended:
            break
        if planned and plan(str(root), verify(str(root)).bad):
            mend(root)
        assert verify(str(root)).bad == []
        for copy in root.glob(f"{NAME}*"):
            copy.unlink()
        path.write_bytes(before)
        at += 1
    assert seen == {True, False}


def test_a_day_in_several_files_is_repaired_once_it_is_one_file(root: Path) -> None:
    path = pack(root, line("a"))
    put(root, glue(line("y") + line("z")))
    done = call(root, "repair")
    assert done.code == 1
    assert "this day is in several files; run `clankers archive`, then `clankers repair` again" in done.out
    assert call(root, "archive", "--before", "2026-11-21").code == 0
    assert call(root, "repair").code == 0
    assert content(path) == line("a") + line("y") + line("z")
    assert len(list(root.glob("*.damaged-*"))) == 1


def test_the_command_says_what_it_does_and_the_database_follows(root: Path) -> None:
    append(root, [session(f"ses_{n}") for n in range(20)])
    (log,) = root.glob("*.jsonl")
    data = log.read_bytes()
    log.unlink()
    path = pack(root, glue(data))
    dry = call(root, "repair", "--dry-run")
    assert dry.code == 1
    assert dry.out.splitlines()[-1] == "1 repair to be done, 0 bad places left"
    done = call(root, "repair")
    assert done.code == 0, done.out + done.err
    said, kept, total = done.out.splitlines()
    assert said == f"{NAME}:1: the newline at byte {data.index(10)} restored"
    assert kept == f"{NAME}: the previous file is kept as {path.name}.damaged-1"
    assert total == "1 repair, 0 bad places left"
    assert call(root, "verify").code == 0
    assert call(root, "query", "select count(*) from sessions", "--csv").out.split() == ["count(*)", "20"]


def test_an_archive_that_the_disk_does_not_keep_does_not_replace_the_old_one(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = pack(root, glue(line("a") + line("b")))
    before = path.read_bytes()
    real = write_gzip

    def write(out: BinaryIO, *args: Any) -> int:
        size = real(out, *args)
        out.truncate(40)
        return size

    monkeypatch.setattr(gzip_rewrite, "write_gzip", write)
    with pytest.raises(ArchiveError, match="check the disk"):
        mend(root)
    assert path.read_bytes() == before
    assert not list(root.glob("*.tmp"))
