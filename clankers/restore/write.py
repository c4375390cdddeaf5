"""Writes the files of a session below a directory: nothing outside it, and nothing over a file that differs.

What the log names is untrusted, and so is what lies in the directory: every directory below it is opened from the one
above, and no link is followed.
"""

import contextlib
import enum
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from clankers.paths import give_to_owner, make_directory
from clankers.restore.files import RestoredFiles, RestoreError
from clankers.system.atomic_write import temporary_path
from clankers.system.durable import sync_file

_CHUNK = 1 << 20  # bytes
_MAX_GAP = 1 << 20  # bytes
_INSIDE = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Found(enum.Enum):
    """What is in the place of a file that is to be written."""

    NOTHING = enum.auto()
    SAME = enum.auto()
    OTHER = enum.auto()


class Target(NamedTuple):
    """A file to be written.

    Attributes:
        path: its path below the directory.
        content: its bytes.
        found: what is there.
        shown: its path, for people.
    """

    path: tuple[str, ...]
    content: bytes
    found: Found
    shown: str


def targets(files: RestoredFiles, folder: str) -> list[Target]:
    """The files to be written below `folder`, and what is there now; nothing is written.

    Raises:
        RestoreError: a directory on the way is a link, or no directory.
        OSError: a file cannot be read.
    """
    made = []
    for path, content in files.files.items():
        shown = os.path.join(folder, *path)
        with _opened(folder, path[:-1], None) as fd:
            found = Found.NOTHING if fd is None else _found(fd, path[-1], content)
        made.append(Target(path, content, found, shown))
    return made


def write(files: RestoredFiles, folder: str, wanted: Sequence[Target]) -> None:
    """Write those of the files `wanted` that are not there below `folder`, and add the session to its lists.

    Raises:
        RestoreError: a directory on the way is a link, or a file has come to be there.
        OSError: the disk.
    """
    directory_mode = 0o700 if files.private else 0o777
    if not os.path.isdir(folder):
        make_directory(folder, directory_mode)
    for target in wanted:
        if target.found is Found.NOTHING:
            with _opened(folder, target.path[:-1], directory_mode) as fd:
                assert fd is not None
                _create(fd, target, folder, private=files.private)
    for path, (at, line) in files.list_lines.items():
        with _opened(folder, path[:-1], directory_mode) as fd:
            assert fd is not None
            _append(fd, path[-1], at, line, folder, private=files.private)


@contextlib.contextmanager
def _opened(folder: str, names: Sequence[str], mode: int | None) -> Iterator[int | None]:
    """The directory `names` below `folder`; missing ones are made with `mode`. None where there is none to make.

    Raises:
        RestoreError: one of them is a link, or no directory.
    """
    try:
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except FileNotFoundError:
        yield None
        return
    try:
        for n, name in enumerate(names):
            try:
                inner = _inside(fd, name, mode, folder)
            except FileNotFoundError:
                yield None
                return
            except OSError as e:
                if e.errno not in (errno.ELOOP, errno.ENOTDIR):
                    raise
                shown = os.path.join(folder, *names[: n + 1])
                raise RestoreError(f"{shown} is a link or no directory: nothing is written through it") from None
            os.close(fd)
            fd = inner
        yield fd
    finally:
        os.close(fd)


def _inside(above: int, name: str, mode: int | None, folder: str) -> int:
    if mode is not None:
        try:
            os.mkdir(name, mode, dir_fd=above)
        except FileExistsError:
            pass
        else:
            fd = os.open(name, _INSIDE, dir_fd=above)
            give_to_owner(fd, folder)
            return fd
    return os.open(name, _INSIDE, dir_fd=above)


def _found(folder: int, name: str, content: bytes) -> Found:
    try:
        fd = os.open(name, _READ, dir_fd=folder)
    except FileNotFoundError:
        return Found.NOTHING
    except OSError as e:
        if e.errno == errno.ELOOP:
            return Found.OTHER
        raise
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_size != len(content):
            return Found.OTHER
        at = 0
        while chunk := os.read(fd, _CHUNK):
            if content[at : at + len(chunk)] != chunk:
                return Found.OTHER
            at += len(chunk)
        return Found.SAME
    finally:
        os.close(fd)


def _create(folder: int, target: Target, root: str, *, private: bool) -> None:
    """Make the file under a temporary name, and give it its own only if there is none of that name."""
    name = target.path[-1]
    temporary = temporary_path(name[:128])
    fd = os.open(temporary, _NEW, 0o600 if private else 0o666, dir_fd=folder)
    try:
        try:
            give_to_owner(fd, root)
            with open(fd, "wb", closefd=False) as file:
                file.write(target.content)
            sync_file(fd)
        finally:
            os.close(fd)
        try:
            os.link(temporary, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
        except FileExistsError:
            raise RestoreError(f"{target.shown} was made by another program just now; it is left as it is") from None
    finally:
        os.unlink(temporary, dir_fd=folder)
    sync_file(folder)


def _append(folder: int, name: str, at: int, line: bytes, root: str, *, private: bool) -> None:
    """Append `line` to a file of lines, if it has none that is equal; at the offset `at`, if that is beyond its end."""
    flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    fd = os.open(name, flags, 0o600 if private else 0o666, dir_fd=folder)
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            return
        if not status.st_size:
            give_to_owner(fd, root)
        with open(fd, "rb", closefd=False) as file:
            lines = file.read()
        if line not in lines.split(b"\n"):
            end = b"\n" * bool(lines and not lines.endswith(b"\n"))
            gap = min(at - len(lines) - len(end), _MAX_GAP)
            os.write(fd, end + (b" " * (gap - 1) + b"\n" if gap > 0 else b"") + line + b"\n")
            sync_file(fd)
    finally:
        os.close(fd)
