"""`clankers repair` and the in-place edits below it: nothing that can be read is lost."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from clankers.errors import EX_BUSY, BusyError
from clankers.log import envelope
from clankers.log.reader import log_files, read
from clankers.log.writer import file_name
from clankers.maintenance import in_place_edit
from clankers.maintenance.in_place_edit import JOURNAL, PatchError, Replacement, finish
from clankers.maintenance.repair import Repair, apply, plan
from clankers.maintenance.verify import verify
from projector.store.lock import ProjectorLock
from tests.commands import POSIX_ONLY, call, command, environment, run, work
from tests.feeding import append
from tests.patience import DEADLINE
from tests.test_log import WRITER
from tests.test_verify import FOREIGN, NAME, NOW, flips, line, put, some_lines

pytestmark = POSIX_ONLY


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


@pytest.fixture
def no_sync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thousands of small files: what a power loss would take is not the question."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


def glue(data: bytes, number: int = 0) -> bytes:
    """`data`, whose newline at the end of line `number`, counted from 0, is another byte now."""
    lines = data.splitlines(keepends=True)
    lines[number] = lines[number][:-1] + b"?"
    return b"".join(lines)


def mend(root: Path) -> list[Repair]:
    """What `clankers repair` does to the log, one file."""
    repairs = plan(str(root), verify(str(root)).bad)
    if repairs:
        apply(str(root), NAME, repairs)
    return repairs


def ids_of(root: Path) -> list[str]:
    return [one.event.id for file in log_files(str(root)) for one in read(str(root), file) if one.event]


# A changed byte


def test_a_changed_byte_is_left_unless_it_was_a_newline(root: Path, no_sync: None) -> None:
    data = b"".join(some_lines())
    path = put(root, data)
    for at, damaged in flips(data, 1000, seed=7):
        path.write_bytes(damaged)
        repairs = mend(root)
        assert bool(repairs) == (data[at : at + 1] == b"\n"), at
        assert path.read_bytes() == (data if repairs else damaged), (at, damaged[at])
        for copy in root.glob("*.damaged-*"):
            assert copy.read_bytes() == damaged
            copy.unlink()


# Newlines


@pytest.mark.parametrize("byte", [0, 0x0B, 0x20, 0x2A, 0x8A])
def test_a_damaged_newline_between_two_whole_lines_is_put_back(root: Path, byte: int) -> None:
    data = line("a") + line("b") + line("c") + line("d")
    at = len(line("a"))
    damaged = bytearray(data)
    damaged[2 * at - 1] = damaged[3 * at - 1] = byte
    path = put(root, bytes(damaged))
    assert {one.line for one in mend(root)} == {2}
    assert path.read_bytes() == data


@pytest.mark.parametrize(
    "glued",
    [
        line("a")[:-1] + line("b"),  # nothing stands between them that could become a newline
        line("a")[:60] + b"x" + line("b"),  # the first is not whole
        line("a")[:-1] + b"xy" + line("b"),
        line("a").replace(b"caf", b"CAF")[:-1] + b" " + line("b").replace(b"caf", b"CAF"),
        FOREIGN[:-1] % (1, b"1") + b"x" + FOREIGN % (2, b"2"),  # no CRC says that they are whole
        line("a")[:-1] + b"x" + FOREIGN % (2, b"2"),  # nor here that the second one is
    ],
)
def test_what_is_glued_and_not_proved_is_left_as_it_is(root: Path, glued: bytes) -> None:
    path = put(root, line("y") + glued + line("z"))
    before = ids_of(root)
    assert mend(root) == []
    assert path.read_bytes() == line("y") + glued + line("z")
    assert ids_of(root) == before
    assert [one.name for one in root.iterdir()] == [NAME]


def test_a_last_line_that_lacks_only_its_newline_gets_it(root: Path) -> None:
    path = put(root, line("a") + line("b")[:-1])
    (one,) = mend(root)
    assert (one.line, one.close) == (2, True)
    assert path.read_bytes() == line("a") + line("b")


def test_a_file_that_was_cut_is_left_as_it_is(root: Path, no_sync: None) -> None:
    data = line("a") + line("b")
    for cut in range(len(line("a")) + 1, len(data) - 1):
        path = put(root, data[:cut])
        assert mend(root) == []
        assert path.read_bytes() == data[:cut]


# What holds nothing


@pytest.mark.parametrize(
    ("damaged", "mended"),
    [
        (b"\0" * 50 + line("b"), b" " * 49 + b"\n" + line("b")),
        (line("a")[:-1] + b"\0" * 50 + line("b"), line("a") + b" " * 48 + b"\n" + line("b")),
        (line("a") + b"\0" * 50, line("a") + b" " * 49 + b"\n"),
        (line("a") + b"\0" * 50 + b"\n" + line("b"), line("a") + b" " * 50 + b"\n" + line("b")),
        (line("a")[:-1] + b"\0" * 50 + b"\n", line("a") + b" " * 49 + b"\n"),
        (FOREIGN[:-1] % (1, b"1") + b"\0\0" + line("b"), FOREIGN % (1, b"1") + b"\n" + line("b")),
        (b"\0\0" + line("a")[:-1] + b"\0\0" + line("b") + b"\0", b" \n" + line("a") + b"\n" + line("b") + b"\n"),
    ],
)
def test_nul_bytes_beside_whole_lines_are_blanked(root: Path, damaged: bytes, mended: bytes) -> None:
    path = put(root, damaged)
    assert mend(root)
    assert path.read_bytes() == mended
    assert verify(str(root)).bad == []


def test_nul_bytes_between_a_whole_line_and_a_torn_one_are_blanked_and_the_torn_one_stays(root: Path) -> None:
    path = put(root, line("a")[:60] + b"\0" * 9 + line("b") + line("c")[:70] + b"\0" * 9 + line("d")[100:])
    before = ids_of(root)
    (one,) = mend(root)
    assert one.line == 1
    assert path.read_bytes() == (
        line("a")[:60] + b"\n" + b" " * 7 + b"\n" + line("b") + line("c")[:70] + b"\0" * 9 + line("d")[100:]
    )
    assert ids_of(root) == before == ["b"]
    assert [one.line for one in verify(str(root)).bad] == [1, 4]


def test_a_torn_piece_of_a_line_that_stands_whole_elsewhere_is_blanked(root: Path, no_sync: None) -> None:
    torn, again = line("t"), line("t", at=NOW + 7 * 10**9)
    for elsewhere in (torn, again):
        for cut in range(len(b'{"v":1,"id":"t",'), len(torn) - 1, 3):
            put(root, elsewhere, file_name("2026-11-21"))
            for data, mended in (
                (line("a") + torn[:cut] + b"\n" + line("b"), line("a") + b" " * cut + b"\n" + line("b")),
                (line("a") + torn[:cut] + line("b"), line("a") + b" " * (cut - 1) + b"\n" + line("b")),
                (line("a") + torn[:cut], line("a") + b" " * (cut - 1) + b"\n"),
            ):
                path = put(root, data)
                whole = plan(str(root), verify(str(root)).bad)
                apply(str(root), NAME, whole)
                assert path.read_bytes() == mended, cut
    assert verify(str(root)).bad == []


def test_a_torn_piece_that_says_something_else_than_the_whole_line_stays(root: Path) -> None:
    for torn in (
        line("t", b'{"other":1}')[:-9],
        line("t")[10:90],
        line("t")[:14],
        line("t")[:80].replace(b"test", b"rest"),
    ):
        path = put(root, line("t") + torn + b"\n" + line("b"))
        assert mend(root) == []
        assert torn in path.read_bytes()


def test_a_torn_line_whose_payload_is_a_line_itself_is_blanked_whole(root: Path) -> None:
    outer = line("outer", line("inner")[:-1])
    torn = outer[: outer.index(b"inner") + len(line("inner")) - len(b'{"v":1,"id":"') - 1]
    assert torn.endswith(line("inner")[:-1])
    path = put(root, torn + b"\n" + outer)
    assert mend(root)
    assert path.read_bytes() == b" " * len(torn) + b"\n" + outer
    assert ids_of(root) == ["outer"]


@pytest.mark.parametrize("seed", range(60))
def test_whatever_is_damaged_no_line_that_could_be_read_is_lost(root: Path, no_sync: None, seed: int) -> None:
    rng = random.Random(seed)
    data = bytearray(b"".join(rng.choices(some_lines(seed), k=15)))
    for _ in range(rng.randrange(1, 8)):
        at = rng.randrange(len(data))
        size = rng.choice([1, 1, 3, 40, 400])
        match rng.randrange(4):
            case 0:
                data[at : at + size] = bytes(len(data[at : at + size]))
            case 1:
                data[at : at + size] = rng.randbytes(len(data[at : at + size]))
            case 2:
                del data[at : at + size]
            case 3:
                data[at:at] = data[: rng.randrange(300)]
    path = put(root, bytes(data))
    before = ids_of(root)
    bad = len(verify(str(root)).bad)
    mend(root)
    after = ids_of(root)
    assert len(path.read_bytes()) - len(data) in (0, 1)
    for id in set(before):
        assert after.count(id) >= before.count(id)
    assert len(verify(str(root)).bad) <= bad


# The command


def test_a_log_is_repaired_copied_and_projected_anew(root: Path) -> None:
    append(root, work(0, 3))
    (log,) = root.glob("*.jsonl")
    data = log.read_bytes()
    damaged = glue(data, 5)
    log.write_bytes(damaged)
    assert call(root, "project").code == 0
    dry = call(root, "repair", "--dry-run")
    assert dry.code == 1
    assert log.read_bytes() == damaged
    assert sorted(p.suffix for p in root.glob("clankers-*")) == [".jsonl"]
    done = call(root, "repair")
    assert (done.code, done.err) == (0, "")
    at = damaged.index(b"?{")
    said, kept, total = done.out.splitlines()
    assert said == f"{log.name}:6: the newline at byte {at} restored"
    assert dry.out.splitlines() == [
        said.replace(": the", ": would be done: the"),
        "1 repair to be done, 0 bad places left",
    ]
    assert kept == f"{log.name}: the previous file is kept as {log.name}.damaged-1"
    assert total == "1 repair, 0 bad places left"
    assert log.read_bytes() == data
    assert (root / f"{log.name}.damaged-1").read_bytes() == damaged
    assert call(root, "verify").code == 0
    log.write_bytes(damaged)
    assert call(root, "repair").code == 0
    assert (root / f"{log.name}.damaged-2").read_bytes() == damaged
    assert {oct(p.stat().st_mode & 0o777) for p in root.iterdir()} - {oct(log.stat().st_mode & 0o777)} <= {"0o600"}
    assert call(root, "repair").out == "0 repairs, 0 bad places left\n"


def test_what_cannot_be_proved_is_listed_and_left(root: Path) -> None:
    path = put(root, line("a") + b"no line\n" + line("b").replace(b"caf", b"CAF"))
    data = path.read_bytes()
    done = call(root, "repair")
    assert done.code == 1
    *left, total = done.out.splitlines()
    assert [one.split(": ")[0] for one in left] == [f"{NAME}:2", f"{NAME}:3"]
    assert all(one.endswith("; left unchanged") for one in left)
    assert total == (
        "0 repairs, 2 bad places left: restore these files from a backup, if there is one, "
        "then run `clankers project --rebuild`"
    )
    assert path.read_bytes() == data


def test_a_day_that_is_a_link_is_left_with_a_word(root: Path, tmp_path: Path) -> None:
    path = put(root, glue(line("a") + line("b")))
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    done = call(root, "repair")
    assert (done.code, done.err) == (
        1,
        f"clankers: {NAME} is a symbolic link, which clankers does not write through; replace it by the file\n",
    )
    assert path.read_bytes() == glue(line("a") + line("b"))
    assert not list(root.glob("*.damaged-*"))


def test_beside_another_projector_nothing_is_changed(root: Path) -> None:
    path = put(root, glue(line("a") + line("b")))
    with ProjectorLock(str(root / "clankers.db"), "project --watch"):
        done = run(root, "repair")
    assert done.code == EX_BUSY
    assert "project --watch" in done.err
    assert path.read_bytes() == glue(line("a") + line("b"))


def test_writers_lose_nothing_while_their_file_is_repaired(root: Path) -> None:
    day = envelope.day_of(time.time_ns())
    lines = some_lines(count=300)
    damaged = [text[:-1] + b"?" if n % 3 else text for n, text in enumerate(lines)]
    path = put(root, b"".join(damaged), file_name(day))
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(root), day, str(me)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        for me in range(2)
    ]
    for writer in writers:
        assert writer.stdin
        assert writer.stdout
        assert writer.stdout.readline() == b"ready\n"
    for writer in writers:
        writer.stdin.write(b"go\n")  # type: ignore[union-attr]
        writer.stdin.flush()  # type: ignore[union-attr]
    repairs = 0
    while not repairs or any(writer.poll() is None for writer in writers):
        planned = plan(str(root), [one for one in verify(str(root)).bad if one.line <= 300][:40])
        if planned:
            apply(str(root), path.name, planned)
        repairs += len(planned)
    for writer in writers:
        writer.communicate(timeout=DEADLINE)
        assert writer.returncode == 0
    while planned := plan(str(root), verify(str(root)).bad):
        apply(str(root), path.name, planned)
    assert path.read_bytes().startswith(b"".join(lines))
    assert verify(str(root)).bad == []
    assert sorted(ids_of(root)[300:]) == sorted(f"{me}-{at}" for me in range(2) for at in range(200))


# The patcher

BEFORE = bytes(range(256)) * 40
CHANGES = [(5, b"x"), (300, b"\n"), (301, b"y" * 40), (1000, b"spaces" * 300), (10_239, b"!")]
AFTER = bytearray(BEFORE)
for _at, _new in CHANGES:
    AFTER[_at : _at + len(_new)] = _new
SPANS = [Replacement(at, BEFORE[at : at + len(new)], new) for at, new in CHANGES]
CALLS = ("open", "pread", "pwrite", "fsync", "replace", "unlink")


def dying(action: Callable[[], Any], at: int, how: str) -> bool:
    """Run `action` in a process that dies at its `at`-th call of the system; whether it came that far."""
    pid = os.fork()
    if pid == 0:
        count = 0

        def wrap(name: str) -> None:
            real = getattr(os, name)

            def called(*args: Any, **more: Any) -> Any:
                nonlocal count
                count += 1
                if count == at and how == "before":
                    os.kill(os.getpid(), signal.SIGKILL)
                if count == at and how == "within" and name == "pwrite":
                    fd, data, offset = args
                    real(fd, data[: len(data) // 2], offset)
                    os.kill(os.getpid(), signal.SIGKILL)
                try:
                    return real(*args, **more)
                finally:  # a call that fails is one, too
                    if count == at:
                        os.kill(os.getpid(), signal.SIGKILL)

            setattr(os, name, called)

        for name in CALLS:
            wrap(name)
        try:
            action()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("how", ["before", "within", "after"])
def test_a_kill_at_any_call_of_the_system_leaves_the_old_file_or_one_that_is_finished(root: Path, how: str) -> None:
    path = put(root, BEFORE)
    at = 1
    while True:
        path.write_bytes(BEFORE)
        killed = dying(lambda: in_place_edit.patch(str(root), NAME, SPANS), at, how)
        again = 1
        while dying(lambda: finish(str(root)), again, how):  # which is killed as well, at one call after the other
            again += 3
        finish(str(root))
        assert path.read_bytes() in (BEFORE, AFTER), at
        assert finish(str(root)) is None
        assert not (root / JOURNAL).exists()
        if path.read_bytes() == BEFORE:
            in_place_edit.patch(str(root), NAME, SPANS)
        assert path.read_bytes() == AFTER
        if not killed:
            break
        at += 1
    assert at > 15


@pytest.fixture
def begun(root: Path) -> Path:
    """The file of a patch that was killed when its journal was written."""
    path = put(root, BEFORE)
    at = 1
    while not (root / JOURNAL).exists():
        dying(lambda: in_place_edit.patch(str(root), NAME, SPANS), at, "after")
        at += 1
    return path


def test_what_was_begun_is_finished_by_the_next_patch_too(root: Path, begun: Path) -> None:
    in_place_edit.patch(str(root), NAME, [Replacement(0, b"\0", b"z")])
    assert begun.read_bytes() == b"z" + AFTER[1:]


def test_any_mixture_of_blocks_is_finished_and_lines_appended_meanwhile_stay(root: Path, begun: Path) -> None:
    journal = (root / JOURNAL).read_bytes()
    for seed in range(50):
        rng = random.Random(seed)
        (root / JOURNAL).write_bytes(journal)
        mixed = bytearray(BEFORE)
        for at in range(0, len(BEFORE), 512):
            if rng.random() < 0.5:
                mixed[at : at + 512] = AFTER[at : at + 512]
        begun.write_bytes(mixed + b"appended\n")
        assert finish(str(root)) == NAME
        assert begun.read_bytes() == AFTER + b"appended\n"


@pytest.mark.parametrize(
    "replaced",
    [b"", BEFORE[:-1], bytes(len(BEFORE)), BEFORE[1:] + b"\n", BEFORE[:500] + b"?" + BEFORE[501:][:-1] + b"?", None],
)
def test_a_file_that_was_replaced_is_refused_and_left(root: Path, begun: Path, replaced: bytes | None) -> None:
    if replaced is None:
        begun.unlink()
    else:
        begun.write_bytes(replaced)
    with pytest.raises(PatchError, match="then remove"):
        finish(str(root))
    with pytest.raises(PatchError, match="then remove"):
        in_place_edit.patch(str(root), NAME, [])
    assert replaced is None or begun.read_bytes() == replaced
    assert (root / JOURNAL).exists()
    done = call(root, "repair")
    assert (done.code, done.out) == (1, "")
    assert JOURNAL in done.err


def test_a_file_with_two_torn_blocks_is_refused(root: Path, begun: Path) -> None:
    """A kill stops one write: at most one block is neither old nor new."""
    torn = bytearray(BEFORE)
    for at in (1024, 1536):
        torn[at : at + 2] = AFTER[at : at + 1] + b"?"
    begun.write_bytes(torn)
    with pytest.raises(PatchError, match="then remove"):
        finish(str(root))
    assert begun.read_bytes() == torn


def test_a_damaged_journal_changes_nothing(root: Path, begun: Path) -> None:
    journal = bytearray((root / JOURNAL).read_bytes())
    journal[60] ^= 1
    (root / JOURNAL).write_bytes(journal)
    with pytest.raises(PatchError, match="is damaged"):
        finish(str(root))
    assert begun.read_bytes() == BEFORE


def test_a_file_that_does_not_hold_the_old_bytes_is_not_changed(root: Path) -> None:
    path = put(root, BEFORE)
    with pytest.raises(PatchError, match="try again"):
        in_place_edit.patch(str(root), NAME, [SPANS[0], Replacement(300, b"?", b"!")])
    assert path.read_bytes() == BEFORE
    assert not (root / JOURNAL).exists()


def test_the_journal_is_its_owners_alone_and_holds_nothing_of_what_was(root: Path) -> None:
    old = os.umask(0)
    try:
        put(root, b"a secret of sixteen" * 10)
        replacements = [Replacement(0, b"a secret", b"********")]
        at = 1
        while not (root / JOURNAL).exists():
            dying(lambda: in_place_edit.patch(str(root), NAME, replacements), at, "after")
            at += 1
    finally:
        os.umask(old)
    assert (root / JOURNAL).stat().st_mode & 0o777 == 0o600
    assert b"secret" not in (root / JOURNAL).read_bytes()


def test_two_patchers_take_turns(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = put(root, BEFORE)
    script = (
        "import sys; from clankers.maintenance.in_place_edit import Replacement, patch\n"
        "root, name, start = sys.argv[1:]\n"
        "for at in range(int(start), 60, 2): patch(root, name, [Replacement(at, bytes([at]), b'#')])"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", script, str(root), NAME, str(start)], env=environment(root))
        for start in (0, 1)
    ]
    assert [one.wait(timeout=DEADLINE) for one in both] == [0, 0]
    assert path.read_bytes() == b"#" * 60 + BEFORE[60:]
    monkeypatch.setattr("clankers.maintenance.in_place_edit._PATIENCE", 0.05)
    with in_place_edit.lock(str(root), "archive"), pytest.raises(BusyError, match="clankers archive"):
        in_place_edit.patch(str(root), NAME, [])


def test_a_repair_that_was_killed_is_finished_by_the_next(root: Path) -> None:
    append(root, work(0, 3))
    (log,) = root.glob("*.jsonl")
    data = log.read_bytes()
    log.write_bytes(glue(data, 5))
    assert call(root, "project").code == 0
    (one,) = plan(str(root), verify(str(root)).bad)
    at = 1
    while not (root / JOURNAL).exists():
        dying(lambda: in_place_edit.patch(str(root), log.name, one.replacements), at, "after")
        at += 1
    with subprocess.Popen(command("verify"), env=environment(root), stdout=subprocess.PIPE) as verifying:
        assert b"`clankers repair` finishes it" in verifying.communicate()[0]
    done = call(root, "repair")
    assert done.code == 0
    assert done.out.startswith(f"{log.name}: finished a repair that was killed\n")
    assert log.read_bytes() == data
    assert call(root, "verify").code == 0
