"""Complete JSON objects within a damaged line of a file of lines: a writer was killed, or two wrote at once.

Imported only when such a line is met.
"""

from __future__ import annotations

from clankers.log import strict_json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

_MOST = 64 << 20  # bytes that are scanned for one line, over all attempts: each may read to the line's end
_HEAD = b'{"'


def embedded_records(
    raw: bytes, is_record: Callable[[dict[str, Any]], bool]
) -> Iterator[tuple[int, bytes, dict[str, Any]]]:
    """The complete objects in `raw` that are records, each with its offset in it, in bytes, and its value.

    Args:
        raw: a line that is not one JSON document.
        is_record: whether an object is a record, and not a part of a torn one.
    """
    at, budget = raw.find(_HEAD), _MOST
    while at >= 0 and budget > 0:
        budget -= len(raw) - at
        found = strict_json.first_object(raw[at:])
        if found is not None and is_record(found[1]):
            yield at, *found
            at = raw.find(_HEAD, at + len(found[0]))
        else:
            at = raw.find(_HEAD, at + 1)
