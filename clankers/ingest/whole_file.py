"""Files that are read at once. Imported on the append path: nothing heavy here."""

from __future__ import annotations  # typing is a third of what a hook would import

import io
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
    with open_file(path) as file:
        if os.fstat(file.fileno()).st_size > most:
            raise SourceError(f"{path!r} has more than {most:,} bytes")
        return file.readall()


def beginning(path: str, size: int) -> bytes:
    """The first `size` bytes of a file.

    Raises:
        OSError: it cannot be read.
        SourceError: it is not a regular file.
    """
    with open_file(path) as file:
        return file.read(size)


def open_file(path: str) -> io.FileIO:
    """A file, open for reading.

    Raises:
        OSError: it cannot be looked at.
        SourceError: it is not a regular file, or cannot be opened.
    """
    try:
        fd = os.open(path, READ_ONLY)
    except OSError as e:
        raise SourceError(f"{path!r} is a link or cannot be opened: {e.strerror}") from None
    file = io.FileIO(fd)
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        file.close()
        raise SourceError(f"{path!r} is not a regular file")
    return file


def signature(path: str) -> str:
    """What changes with a file, without `#`; empty where there is none."""
    try:
        status = os.lstat(path)
    except OSError:
        return ""
    return f"{status.st_mtime_ns}.{status.st_size}"
