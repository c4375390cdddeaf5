"""What the log holds of one session: the records of its files, and the events of its hooks."""

import json
import re
from collections.abc import Iterator, Sequence
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
        parts: the names of its files of lines there.
    """

    id: str
    records: list[LoggedRecord]
    events: list[dict[str, Any]]
    lines: Sequence[LoggedRecord] = ()
    place: str = ""
    parts: Sequence[str] = ()

    def paths(self, *members: str) -> Iterator[str]:
        """The absolute paths that events have in these members, the last event's first; then the place."""
        for event in reversed(self.events):
            for name in members:
                if isinstance(path := event.get(name), str) and path.startswith("/"):
                    yield path
        if self.place:
            yield self.place


def read_session(root: str, harness: str, session: str) -> LoggedSession:
    """What the log in `root` holds of the session with the id `session`.

    Raises:
        OSError: a file cannot be read.
    """
    ours = re.compile(rf"{re.escape(session)}[:@/#\[]")
    records: dict[str, LoggedRecord] = {}
    events: list[dict[str, Any]] = []
    lines: list[LoggedRecord] = []
    for id, source, kind, payload in _lines(root, session.encode("utf-8", "surrogateescape")):
        if source != harness:
            continue
        line = LoggedRecord(id, kind, payload)
        lines.append(line)
        if ours.match(id):
            records.setdefault(id, line)
        elif _LIVE.fullmatch(id) and isinstance(value := line.value(), dict):
            events.append(value)
    return LoggedSession(session, list(records.values()), events, lines, *last_place(root, session))


def _lines(root: str, mark: bytes) -> Iterator[tuple[str, str, str, bytes]]:
    """Id, source, type and payload of the undamaged lines that contain `mark`."""
    try:
        names = list_segments(root)
    except FileNotFoundError:
        return
    for name in names:
        with Segment(root, name) as segment:
            for block in segment.blocks():
                if mark not in block:  # most blocks: to cut them into lines takes longer
                    continue
                for line in block.split(b"\n"):
                    if mark in line and (found := _LINE.match(line)) and crc_holds(line):
                        id, source, kind = (json.loads(text) for text in found.groups())
                        yield id, source, kind, line[found.end() : -CRC_TAIL]
