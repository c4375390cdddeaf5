"""Which records the log holds already, by their ids: what an import compares with, so that twice adds nothing.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

from clankers.log import envelope
from clankers.log.segments import Day, listed
from clankers.log.writer import file_name

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def ids(root: str, prefix: str, since: str = "") -> Iterator[str]:
    """The ids that begin with `prefix`, of the whole lines in the log from the day `since` (`YYYY-MM-DD`) on.

    Raises:
        OSError: a file cannot be read.
    """
    head = envelope.HEAD + b'"' + prefix.encode()
    for name in listed(root):
        if name < file_name(since):
            continue
        with Day(root, name) as day:
            for lines in day.blocks():
                at = lines.find(head)
                while at >= 0:
                    start = at + len(envelope.HEAD) + 1
                    end = lines.find(b"\n", start)
                    if envelope.crc_holds(lines[at:end]):  # a torn record is not in the log
                        yield lines[start : lines.find(b'"', start)].decode("utf-8", "replace")
                    at = lines.find(head, start)
