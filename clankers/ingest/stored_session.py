"""A session of a store that is read whole each time, as a source, and its records.

A record's id is made of what it is and of its content, so the same content imported twice bears the same id:

    storage.<kind>:<id>#<crc>   a file of the JSON tree, unchanged
    db.<kind>:<id>#<crc>        a row of the database, its JSON columns as JSON
    evt_...                     an event that the database kept of what was removed since, under its own type

What is not a letter, digit, `_`, `-`, `.` or `~` in an id is percent-encoded.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote
from zlib import crc32

from clankers.ingest.source import Record, Source
from clankers.log import envelope, strict_json

_LAST_TIME = 253_402_300_799_999  # epoch milliseconds: the end of the year 9999


class StoredSession(Source):
    """A session of a store. It has no marks: rows and documents are read completely, and compared by their ids.

    Args:
        harness: whose store it is.
        prefixes: how the ids of its records begin.
        id: of the session.
        created: when it was created, in epoch milliseconds, as the store says it.
        records: its records; what cannot be read is raised once they are out.
    """

    __slots__ = ("_created", "_records")

    def __init__(
        self, harness: str, prefixes: tuple[str, ...], id: str, created: object, records: Iterator[Record]
    ) -> None:
        super().__init__(harness, id, "", prefixes)
        self._created = created if isinstance(created, int) and 0 <= created <= _LAST_TIME else None
        self._records = records

    def read(
        self, _offsets: Mapping[str, int], _versions: Mapping[str, str]
    ) -> Iterator[tuple[Record | None, str, int | str]]:
        """As `Source.read`."""
        for record in self._records:
            yield record, "", 0

    def created(self) -> str:
        """As `Source.created`."""
        return "" if self._created is None else envelope.stamp(self._created * 10**6)

    def changed_at(self) -> float:
        """As `Source.changed_at`: not known."""
        return time.time()


def make_record(
    level: Callable[[str, Any], str],
    prefix: str,
    kind: str,
    id: str,
    payload: bytes,
    *,
    head: bytes = b"",
    tail: bytes = b"",
) -> Record:
    """A record with `payload` between `head` and `tail`, which are ours and do not count for its id.

    Args:
        level: `Harness.level`.
        prefix: of its type and its id.
        kind: the rest of its type.
        id: the client's id.
        payload: JSON; anything else makes a record of type `invalid`.
        head: put before it.
        tail: put behind it.
    """
    payload = strict_json.trim(payload)
    name = f"{prefix}{kind}:{quoted(id)}#{crc32(payload):08x}"
    payload = head + payload + tail
    try:
        document = strict_json.parse(payload)
    except strict_json.NotJSONError as e:
        return Record(name, envelope.INVALID, envelope.ERROR, envelope.invalid(payload, f"{prefix}{kind} {id}: {e}"))
    return Record(name, prefix + kind, level(prefix + kind, document), payload)


def quoted(id: str) -> str:
    """`id` as part of a record's id."""
    return quote(id, safe="", errors="surrogateescape")  # a file's name may be of any bytes
