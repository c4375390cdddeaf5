"""Which records the log holds already, by their ids: what an import compares with, so that twice adds nothing.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

import os

from clankers import envelope
from clankers.log import file_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def ids(root: str, prefix: str, since: str = "") -> Iterator[str]:
    """The ids that begin with `prefix`, of the whole lines in the log from the day `since` (`YYYY-MM-DD`) on.

    Raises:
        OSError: a file cannot be read.
    """
    import mmap

    head = envelope.HEAD + b'"' + prefix.encode()
    for name in sorted(os.listdir(root)):
        if not (name.startswith("clankers-") and name.endswith(".jsonl") and name >= file_name(since)):
            continue
        with open(os.path.join(root, name), "rb") as f:
            if not os.fstat(f.fileno()).st_size:
                continue
            with mmap.mmap(f.fileno(), 0, access=mmap.ACCESS_READ) as data:
                at = data.find(head)
                while at >= 0:
                    start = at + len(envelope.HEAD) + 1
                    end = data.find(b"\n", start)
                    if end >= 0 and envelope.crc_holds(data[at:end]):  # a torn record is not in the log
                        yield data[start : data.find(b'"', start)].decode("utf-8", "replace")
                    at = data.find(head, start)
