"""Which records the log holds, by their ids: an import compares with them, so that importing twice adds nothing.

Imported on the append path: nothing heavy here.
"""

from __future__ import annotations  # typing is a third of what a hook would import

from clankers.log.envelope import HEAD
from clankers.log.segments import lines_with

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_START = len(HEAD) + 1  # of the id in a line


def ids(root: str, prefix: str, since: str = "") -> Iterator[str]:
    """The ids that begin with `prefix`, of the complete lines in the log; `since` as for `lines_with`.

    Raises:
        OSError: a file cannot be read.
    """
    return map(id_of, lines_with(root, (head(prefix),), since))


def head(prefix: str) -> bytes:
    """How the lines begin whose ids begin with `prefix`."""
    return HEAD + b'"' + prefix.encode()


def id_of(line: bytes) -> str:
    """The id of a line of the log."""
    return line[_START : line.find(b'"', _START)].decode("utf-8", "replace")
