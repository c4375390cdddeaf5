"""Files that are complete or not there: whoever else writes them, and whoever is killed."""

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from clankers.system.atomic_write import TEMPORARY, atomic_write, output_file, remove_leftovers, temporary_path
from clankers.system.config_files import Edit, apply


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_file_is_replaced_once_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with atomic_write(str(path), mode=0o640) as f:
        f.write(b"new")
        f.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert names(tmp_path) == ["file"]


def test_two_writers_at_once_do_not_share_a_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    with output_file(str(path)) as one, output_file(str(path)) as other:
        one.write(b"1" * 100_000)
        other.write(b"2" * 10)
    assert path.read_bytes() == b"1" * 100_000  # the outer block ends last
    assert names(tmp_path) == ["file"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(TypeError), atomic_write(str(path)) as f:
        f.writelines([b"half", None])  # type: ignore[list-item]
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_an_error_names_the_file_and_not_the_temporary_one(tmp_path: Path) -> None:
    path = str(tmp_path / "missing" / "file")
    with pytest.raises(FileNotFoundError) as e, atomic_write(path):
        pass
    assert e.value.filename == path


def test_the_file_is_on_the_disk_before_it_takes_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = []
    monkeypatch.setattr("clankers.system.atomic_write.sync_file", lambda _: done.append("file"))
    monkeypatch.setattr("clankers.system.atomic_write.sync_directory", done.append)
    real = os.replace

    def replace(source: str, target: str) -> None:
        done.append("rename")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with atomic_write(str(tmp_path / "file")) as f:
        f.write(b"x")
    assert done == ["file", "rename", str(tmp_path)]


def test_what_a_killed_writer_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    program = (
        "import os, signal, sys\nfrom clankers.system.atomic_write import atomic_write\n"
        "with atomic_write(sys.argv[1]) as f:\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", program, str(path)], check=False).returncode == -signal.SIGKILL
    (left,) = names(tmp_path)
    assert left.startswith("file.")
    assert left.endswith(TEMPORARY)
    others = ["file", "file.tmp", "file2" + left.removeprefix("file"), "notes" + TEMPORARY]
    for name in others:
        (tmp_path / name).write_bytes(b"")
    Path(temporary_path(str(path)) + "-wal").write_bytes(b"")
    Path(f"{path}.new").write_bytes(b"")  # of an older version
    remove_leftovers(str(path))
    assert names(tmp_path) == sorted(others)


def test_a_settings_file_that_is_a_mount_point_is_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(source: str, target: str) -> None:
        raise OSError(errno.EBUSY, os.strerror(errno.EBUSY), source, None, target)

    path = tmp_path / "settings.json"
    path.write_bytes(b"a longer text")
    monkeypatch.setattr(os, "replace", busy)  # as rename(2) fails for a file that a container mounts
    apply(Edit(path, b"a longer text", b"a text"))
    assert path.read_bytes() == b"a text"
    assert names(tmp_path) == ["settings.json"]
