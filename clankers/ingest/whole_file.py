"""Files that are read at once. Imported on the append path: nothing heavy here."""

from __future__ import annotations  # typing is a third of what a hook would import

import os
import stat

from clankers.ingest.jsonl_tail import READ_ONLY
from clankers.ingest.source import SourceError


def content(path: str, most: int) -> bytes:
    """The bytes of a file.

    Args:
        path: of the file.
        most: bytes that it may have.

    Raises:
        OSError: it cannot be read.
        SourceError: it is not a regular file, or is larger.
    """
    found = beginning(path, most + 1)
    if len(found) > most:
        raise SourceError(f"{path!r} has more than {most:,} bytes")
    return found


def beginning(path: str, size: int) -> bytes:
    """The first `size` bytes of a file.

    Raises:
        OSError: it cannot be read.
        SourceError: it is not a regular file.
    """
    try:
        fd = os.open(path, READ_ONLY)
    except OSError as e:
        raise SourceError(f"{path!r} is a link or cannot be opened: {e.strerror}") from None
    try:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise SourceError(f"{path!r} is not a regular file")
        found = b""
        while len(found) < size and (chunk := os.read(fd, min(size - len(found), status.st_size + 1))):
            found += chunk
        return found
    finally:
        os.close(fd)


def signature(path: str) -> str:
    """What changes with a file, without `#`; empty where there is none."""
    try:
        status = os.lstat(path)
    except OSError:
        return ""
    return f"{status.st_mtime_ns}.{status.st_size}"
