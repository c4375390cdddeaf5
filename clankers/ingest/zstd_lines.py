"""The lines of a file that is compressed with zstd. Imported only when one is met."""

import os
import stat
import sys
from collections.abc import Iterator

from clankers.ingest.jsonl_tail import CHUNK, MAX_LINE, READ_ONLY
from clankers.ingest.source import SourceError
from clankers.log.lines import LineBuffer

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd


def zstd_lines(path: str) -> Iterator[tuple[int, bytes]]:
    """The complete lines of a compressed file, each with its offset in the uncompressed one.

    Raises:
        OSError: it cannot be read.
        SourceError: it is not a regular file or not zstd, is cut off, or a line has no end in sight.
    """
    try:
        fd = os.open(path, READ_ONLY)
    except OSError as e:
        raise SourceError(f"{path!r} is a link or cannot be opened: {e.strerror}") from None
    with open(fd, "rb") as file:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            raise SourceError(f"{path!r} is not a regular file")
        offset, buffer = 0, LineBuffer()
        try:
            with zstd.open(file) as uncompressed:
                while chunk := uncompressed.read(CHUNK):
                    for text in buffer.lines(chunk):
                        yield offset, text + b"\n"
                        offset += len(text) + 1
                    if buffer.size > MAX_LINE:
                        raise SourceError(f"{path!r}: a line of over {MAX_LINE} bytes at byte {offset}")
        except (zstd.ZstdError, EOFError) as e:
            raise SourceError(f"{path!r} cannot be decompressed: {e}") from e
