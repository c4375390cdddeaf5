"""Any ground: file systems that lack an operation, users without a home, variables that hold no path, root's hands."""

import errno
import fcntl
import os
import pwd
import stat
import subprocess
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from clankers import append as append_module
from clankers import paths
from clankers.errors import EX_CONFIG, EX_IO, EX_OK, NoHomeError
from clankers.log.writer import Log
from clankers.system import detached, durable, locks
from clankers.system.atomic_write import atomic_write
from tests.commands import POSIX_ONLY, call, command, environment, work
from tests.feeding import append
from tests.patience import DEADLINE
from tests.test_transcripts import Client, fire, user

pytestmark = POSIX_ONLY
SOMEBODY = 54321  # a user id
LINE = b'{"v":1,"payload":{}}\n'
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "data"


def failing(number: int) -> OSError:
    return OSError(number, os.strerror(number))


# What a file system does not have


@pytest.mark.parametrize("number", durable.UNSUPPORTED)
def test_events_are_recorded_where_directories_cannot_be_synced_and_that_is_noted_once(
    number: int, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = os.fsync

    def fsync(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode):
            raise failing(number)
        really(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    notes: list[str] = []
    for _ in range(2):
        with Log(str(root), note=notes.append) as log:
            log.write("2026-11-20", [LINE])
    assert (root / "clankers-2026-11-20.jsonl").read_bytes() == LINE * 2
    assert notes == [f"the directory {root} cannot be synced: a power loss may take a new file"]


def test_a_directory_that_cannot_be_synced_for_another_reason_is_an_error(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(_: int) -> None:
        raise failing(errno.EIO)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(OSError, match=os.strerror(errno.EIO)), Log(str(root)) as log:
        log.write("2026-11-20", [LINE])


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_without_file_locks_everything_is_recorded_and_shown(
    number: int, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def flock(_: int, how: int) -> None:
        raise failing(number)

    monkeypatch.setattr(fcntl, "flock", flock)
    append(root, work(0, 2))
    for args in (("sessions",), ("backfill",), ("project", "--rebuild"), ("verify",), ("archive",)):
        done = call(root, *args)
        assert (done.code, done.err) == (EX_OK, ""), args
    assert "cannot be locked" in call(root, "doctor").out


def test_a_lock_is_seen_from_a_file_that_is_open_for_reading_only(root: Path) -> None:
    """Network file systems refuse an exclusive lock there."""
    path = str(root / "x.lock")
    assert not locks.is_locked(path)
    with locks.NamedLock(path, "test", "taken"):
        assert locks.is_locked(path)
    assert not locks.is_locked(path)


def test_a_file_system_without_permissions_takes_a_file_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fchmod(*_: object) -> None:
        raise failing(errno.EPERM)

    monkeypatch.setattr(os, "fchmod", fchmod)
    with atomic_write(str(tmp_path / "file")) as f:
        f.write(b"x")
    assert (tmp_path / "file").read_bytes() == b"x"


def test_a_stream_whose_pipe_does_not_block_is_read_to_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    r, w = os.pipe()
    os.set_blocking(r, False)
    really = append_module._readable

    def readable(fd: int, seconds: float) -> bool:
        if not seconds:
            return really(fd, 0)
        os.write(w, b"late\n")  # after a read that found nothing
        os.close(w)
        return True

    monkeypatch.setattr(append_module, "_readable", readable)
    assert b"".join(append_module._lines(r)) == b"late\n"
    os.close(r)


def test_a_stream_that_cannot_be_read_is_no_success(root: Path, tmp_path: Path) -> None:
    fd = os.open(tmp_path / "input", os.O_WRONLY | os.O_CREAT)
    done = subprocess.run(
        command("append", "opencode", "--stream"),
        stdin=fd,
        env=environment(root),
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    os.close(fd)
    assert done.returncode == EX_IO
    assert done.stderr == "clankers append: stdin cannot be read: Bad file descriptor; what came before is recorded\n"


# Where the data is


def nobody(_: int) -> Any:
    raise KeyError("uid not found")


def test_the_home_directory_is_that_of_the_list_of_users_where_home_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "")
    assert paths.home() == pwd.getpwuid(os.getuid()).pw_dir


@pytest.mark.parametrize("home", ["", "relative", "~"])
def test_without_a_home_there_is_no_place_for_the_log_and_nothing_is_made(
    home: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    monkeypatch.setenv("HOME", home)
    for name in (paths.DATA_ENV, paths.DB_ENV, "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(NoHomeError, match="set HOME"):
        paths.data_root()
    assert append_module.main(["x"]) == EX_IO
    assert not list(tmp_path.iterdir())


def test_a_tilde_in_a_variable_is_the_home_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    monkeypatch.setenv(paths.DATA_ENV, "~/logs")
    monkeypatch.setenv(paths.DB_ENV, "~")
    assert (paths.data_root(), paths.database_path()) == ("/home/me/logs", "/home/me")


@pytest.mark.parametrize(
    "value",
    [
        "https://me:secret@example.org/db",
        "sqlite:///x.db",
        "file:x.db?mode=ro",
        ":memory:",
        "~other/x",
        "$HOME/x",
        '"/quoted"',
        "/x\n",
        " /x",
        "/a\x1b[2Jb",
    ],
)
@pytest.mark.parametrize("variable", [paths.DATA_ENV, paths.DB_ENV])
def test_a_variable_that_holds_no_path_is_refused_and_not_repeated(
    variable: str, value: str, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call(root, "sessions", **{variable: value})
    assert done.code == EX_CONFIG
    assert done.err.startswith(f"clankers: {variable} ")
    assert done.err.count("\n") == 1
    assert "unset it" in done.err
    assert "secret" not in done.err
    assert not [path for path in tmp_path.iterdir() if path != root]


@pytest.mark.parametrize("command", ["sessions", "doctor", "project"])
def test_a_database_whose_path_is_not_utf8_is_refused(command: str, root: Path, tmp_path: Path) -> None:
    done = call(root, command, **{paths.DB_ENV: f"{tmp_path}/\udcff.db"})
    assert (done.code, done.out) == (EX_CONFIG, "")
    assert done.err == f"clankers: the path of the database is not UTF-8; set {paths.DB_ENV} to a path that is\n"


# What root makes in a user's directory


@as_root
def test_what_root_makes_belongs_to_the_owner_of_the_directory(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    os.chown(home, SOMEBODY, SOMEBODY)
    root = home / "share" / "clankers"
    append(root, work(0, 1))
    for args in (("sessions",), ("search", "prompt"), ("scrub",), ("config", "set", "SESSION_SYNC_DEBUG", "true")):
        assert call(root, *args).code == EX_OK, args
    with mock.patch.object(detached, "start"):
        assert call(root, "install", "claude-code", CLAUDE_CONFIG_DIR="").code == EX_OK
    client = Client(tmp_path / "elsewhere")
    client.say(user(1))
    fire(root, client.hook())
    foreign = [path for path in home.rglob("*") if path.lstat().st_uid != SOMEBODY]
    assert foreign == []
    assert len(list(home.rglob("*"))) > 10


@as_root
def test_a_file_that_is_there_keeps_its_owner(tmp_path: Path) -> None:
    """Else a link that a user puts there would make him the owner of any file."""
    os.chown(tmp_path, SOMEBODY, SOMEBODY)
    (tmp_path / "file").write_bytes(b"")
    os.close(paths.open_private(str(tmp_path / "file"), os.O_RDWR))
    assert (tmp_path / "file").stat().st_uid == 0
    with pytest.raises(FileExistsError):
        paths.create_private(str(tmp_path / "file"))
    (tmp_path / "link").symlink_to("file")
    with pytest.raises(OSError, match=os.strerror(errno.ELOOP)):
        paths.open_private(str(tmp_path / "link"), os.O_RDWR)
