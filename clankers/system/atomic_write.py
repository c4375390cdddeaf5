"""Files that are complete or not there, under temporary names that no two writers share."""

import contextlib
import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from clankers.paths import give_to_owner
from clankers.system.durable import UNSUPPORTED, sync_directory, sync_file

TEMPORARY = ".tmp"  # at the end of a file's name while it is written: PATH.<16 hex digits>.tmp

_FLAGS = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


@contextmanager
def atomic_write(path: str, *, mode: int | None = 0o600, durable: bool = True) -> Iterator[BinaryIO]:
    """A file to write, which replaces `path` when the block ends, and is removed when it raises.

    Args:
        path: of the file. A symbolic link is replaced, not followed.
        mode: the permissions, whatever the umask; None: those that the umask leaves of 0666.
        durable: sync the file before it takes its name, and the name after that.

    Raises:
        OSError: it cannot be written; names `path`.
    """
    temporary = temporary_path(path)
    try:
        with open(temporary, "wb", opener=lambda name, _: os.open(name, _FLAGS, 0o666 if mode is None else 0o600)) as f:
            if mode is not None:
                _set_mode(f.fileno(), mode)
                give_to_owner(f.fileno(), os.path.dirname(path))
            yield f
            f.flush()
            if durable:
                sync_file(f.fileno())
        os.replace(temporary, path)
    except BaseException as e:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(e, OSError) and e.errno and e.filename in (None, temporary):
            raise OSError(e.errno, os.strerror(e.errno), path) from e
        raise
    if durable:
        sync_directory(os.path.dirname(path) or os.curdir)


@contextmanager
def output_file(path: str) -> Iterator[BinaryIO]:
    """A file for a person: written atomically, or directly where `path` is no regular file, as a pipe.

    Raises:
        OSError: it cannot be written; names `path`.
    """
    if os.path.exists(path) and not os.path.isfile(path):
        with open(path, "wb") as f:
            yield f
    else:
        with atomic_write(os.path.realpath(path), mode=None, durable=False) as f:
            yield f


def _set_mode(fd: int, mode: int) -> None:
    try:
        os.fchmod(fd, mode)
    except OSError as e:  # a file system without permissions, as FAT: they are those of its mount
        if e.errno not in (errno.EPERM, *UNSUPPORTED):
            raise


def temporary_path(path: str) -> str:
    """A name beside `path` that nobody else uses, for what will replace it."""
    return f"{path}.{os.urandom(8).hex()}{TEMPORARY}"


def remove_leftovers(path: str) -> None:
    """Remove what killed writers of `path` left. Hold its lock: a live writer would lose its file."""
    folder, name = os.path.split(path)
    temporary = rf"\.[0-9a-f]{{16}}{re.escape(TEMPORARY)}|\.new"  # the latter in versions whose writers shared a name
    ours = re.compile(rf"{re.escape(name)}({temporary})(-wal|-shm|-journal)?")
    try:
        entries = os.listdir(folder or os.curdir)
    except FileNotFoundError:
        return
    for entry in entries:
        if ours.fullmatch(entry):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, entry))
