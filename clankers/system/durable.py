"""Syncing files and directories to the disk. Imported on the append path: nothing heavy here."""

import os
import sys


def sync_file(fd: int) -> None:
    """Sync the file behind `fd` to the disk, past the cache of the disk.

    Raises:
        OSError: the disk failed; a second call may falsely succeed.
    """
    if sys.platform == "darwin":  # whose fsync(2) stops at that cache
        from errno import EINVAL, ENOTSUP, ENOTTY
        from fcntl import F_FULLFSYNC, fcntl

        try:
            fcntl(fd, F_FULLFSYNC)
        except OSError as e:
            if e.errno not in (EINVAL, ENOTSUP, ENOTTY):  # from file systems that do not support it
                raise
        else:
            return
    os.fsync(fd)


def sync_directory(path: str) -> None:
    """Sync the names in the directory at `path` to the disk."""
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync_file(fd)
    finally:
        os.close(fd)


def sync_parents(path: str) -> None:
    """Sync the names of the directory at `path` and of the directories above it, as far as they may be new.

    Those of another owner or on another file system are not ours to make.
    """
    path = os.path.realpath(path)
    ours = os.stat(path)
    while (parent := os.path.dirname(path)) != path:
        status = os.stat(parent)
        if (status.st_uid, status.st_dev) != (ours.st_uid, ours.st_dev):
            return
        sync_directory(parent)
        path = parent
