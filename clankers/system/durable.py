"""Bringing files and directories to the disk. Imported on the append path: nothing heavy here."""

import os
import sys


def sync_file(fd: int) -> None:
    """Bring the file behind `fd` to the disk, past the disk's own cache.

    Raises:
        OSError: the disk did not take it; a second try may say that it did.
    """
    if sys.platform == "darwin":  # whose fsync(2) stops at that cache
        from errno import EINVAL, ENOTSUP, ENOTTY
        from fcntl import F_FULLFSYNC, fcntl

        try:
            fcntl(fd, F_FULLFSYNC)
        except OSError as e:
            if e.errno not in (EINVAL, ENOTSUP, ENOTTY):  # what file systems say that do not know it
                raise
        else:
            return
    os.fsync(fd)


def sync_directory(path: str) -> None:
    """Bring the names in the directory at `path` to the disk."""
    if not hasattr(os, "O_DIRECTORY"):
        return  # Windows has no handle of a directory to sync
    fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        sync_file(fd)
    finally:
        os.close(fd)
