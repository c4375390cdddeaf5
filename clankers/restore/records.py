"""What the log holds of one session: the records of its files, and the events of its hooks."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple
from zlib import crc32

from clankers.ingest.cursor import last_place
from clankers.log import strict_json
from clankers.log.envelope import CRC_TAIL, HEAD, crc_holds
from clankers.log.segments import Segment, list_segments

_STRING = rb'"(?:[^"\\]|\\.)*"'
_LINE = re.compile(
    re.escape(HEAD) + rb'(%b),"ts":%b,"level":%b,"source":(%b),"type":(%b),"payload":' % ((_STRING,) * 5), re.DOTALL
)
_PLACE = re.compile(r"(?P<owner>[^@#]*)@(?P<offset>\d{1,15})#[0-9a-f]{8}", re.ASCII)
_LIVE = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)  # the id of an event


class LoggedRecord(NamedTuple):
    """A record of a client's file, as the log has it.

    Attributes:
        id: says which file of the session it is from, where it was in it, and the CRC of its bytes there.
        kind: its type.
        payload: its bytes, or what was recorded of them.
    """

    id: str
    kind: str
    payload: bytes

    @property
    def place(self) -> tuple[str, int] | None:
        """The owner of the file and the byte offset in it; None where the id has none."""
        found = _PLACE.fullmatch(self.id)
        return (found["owner"], int(found["offset"])) if found else None

    def is_intact(self, content: bytes) -> bool:
        """Whether the record was made of `content`, by the CRC in its id."""
        return self.id.endswith(f"#{crc32(content):08x}")

    def value(self) -> Any:
        """The payload as a value, whose numbers are bytes; None where it is not JSON."""
        try:
            return strict_json.parse(self.payload)
        except strict_json.NotJSONError:
            return None


class LoggedSession(NamedTuple):
    """What the log holds of one session.

    Attributes:
        id: of the session.
        records: of its files, each once, in the order of the log.
        events: the payloads of its hooks that are objects, in the order of the log; numbers are bytes.
        lines: the events and all records that name the session, those of other sessions too, in the order of the log.
        place: where its files were when they were last read on this machine; empty if that is not known.
        parts: its files of lines there by name, and the bytes of each that were read; None where that is not known.
    """

    id: str
    records: list[LoggedRecord]
    events: list[dict[str, Any]]
    lines: Sequence[LoggedRecord] = ()
    place: str = ""
    parts: Mapping[str, int | None] = MappingProxyType({})

    def paths(self, *members: str) -> Iterator[str]:
        """The absolute paths that events have in these members, the last event's first; then the place."""
        for event in reversed(self.events):
            for name in members:
                if isinstance(path := event.get(name), str) and path.startswith("/"):
                    yield path
        if self.place:
            yield self.place


def read_sessions(root: str, harness: str, sessions: Sequence[str]) -> list[LoggedSession]:
    """What the log in `root` holds of the sessions with these ids, in one reading of it.

    Raises:
        OSError: a file cannot be read.
    """
    found = [_Collected(session) for session in sessions]
    for line in _lines(root, harness, [one.mark for one in found]):
        for one in found:
            one.add(*line)
    return [
        LoggedSession(one.id, [*one.records.values()], one.events, one.lines, *last_place(root, one.id))
        for one in found
    ]


class _Collected:
    """What was found of one session so far."""

    def __init__(self, id: str) -> None:
        self.id = id
        self.mark = id.encode("utf-8", "surrogateescape")
        self.records: dict[str, LoggedRecord] = {}
        self.events: list[dict[str, Any]] = []
        self.lines: list[LoggedRecord] = []
        self._own = re.compile(rf"{re.escape(id)}[:@/#\[]")

    def add(self, record: LoggedRecord, raw: bytes) -> None:
        """Add the `record` of the line `raw`, if it names the session."""
        if self.mark not in raw:
            return
        self.lines.append(record)
        if self._own.match(record.id):
            self.records.setdefault(record.id, record)
        elif _LIVE.fullmatch(record.id) and isinstance(value := record.value(), dict):
            self.events.append(value)


def _lines(root: str, harness: str, marks: Sequence[bytes]) -> Iterator[tuple[LoggedRecord, bytes]]:
    """The undamaged lines of `harness` that contain one of `marks`."""
    try:
        names = list_segments(root)
    except FileNotFoundError:
        return
    for name in names:
        with Segment(root, name) as segment:
            for block in segment.blocks():
                inside = [mark for mark in marks if mark in block]
                for line in block.split(b"\n") if inside else ():  # most blocks have none: cutting them takes longer
                    if any(mark in line for mark in inside) and (found := _LINE.match(line)) and crc_holds(line):
                        id, source, kind = (json.loads(text) for text in found.groups())
                        if source == harness:
                            yield LoggedRecord(id, kind, line[found.end() : -CRC_TAIL]), line
