"""Syncing files and directories to the disk. Imported on the append path: nothing heavy here."""

import os
import sys
from errno import EINVAL, ENOSYS, ENOTSUP, ENOTTY, EOPNOTSUPP

# From file systems that do not have an operation, as network and FUSE file systems: it has not failed there.
UNSUPPORTED = (EINVAL, ENOSYS, ENOTSUP, EOPNOTSUPP, ENOTTY)


def sync_file(fd: int) -> bool:
    """Sync the file behind `fd` to the disk, past the cache of the disk; False if its file system cannot do that.

    Raises:
        OSError: the disk failed; a second call may falsely succeed.
    """
    if sys.platform == "darwin":  # whose fsync(2) stops at that cache
        from fcntl import F_FULLFSYNC, fcntl

        try:
            fcntl(fd, F_FULLFSYNC)
        except OSError as e:
            if e.errno not in UNSUPPORTED:
                raise
        else:
            return True
    try:
        os.fsync(fd)
    except OSError as e:
        if e.errno not in UNSUPPORTED:
            raise
        return False
    return True


def sync_directory(path: str) -> bool:
    """Sync the names in the directory at `path` to the disk; False if that cannot be done there.

    Raises:
        OSError: as `sync_file`.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except PermissionError:  # one may write into a directory that one may not read
        return False
    try:
        return sync_file(fd)
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
