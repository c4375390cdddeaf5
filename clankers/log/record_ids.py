"""Which records the log holds, by their ids: an import compares with them, so that importing twice adds nothing.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

from clankers.log.envelope import HEAD
from clankers.log.segments import lines_with

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def ids(root: str, prefix: str, since: str = "") -> Iterator[str]:
    """The ids that begin with `prefix`, of the complete lines in the log from the day `since` (`YYYY-MM-DD`) on.

    Raises:
        OSError: a file cannot be read.
    """
    start = len(HEAD) + 1
    for line in lines_with(root, HEAD + b'"' + prefix.encode(), since):
        yield line[start : line.find(b'"', start)].decode("utf-8", "replace")
