"""A line of a wire log: whose it is, and where it stands."""

from collections.abc import Callable
from typing import Any
from zlib import crc32

from msgspec import ValidationError

from clankers.log.reader import Event
from projector.adapters.base import Case, Meaning, case
from projector.adapters.kimi.common import SOURCE, owner, place
from projector.adapters.kimi.wire import Line
from projector.model.changes import Change, Rank, SessionSeen
from projector.model.evidence import ResponseLine
from projector.model.naming import scoped_id


class WireLine:
    """What is known of a line besides its content.

    Attributes:
        session: in whose file it is: a subagent has a session of its own.
        at: epoch milliseconds, if the line says so.
        offset: in the file, in bytes.
        record: the id of the record.
        id: of the line. A fork's copy has the same, in another record.
    """

    def __init__(self, event: Event, line: Line) -> None:
        session = owner(event)
        if session is None:
            raise ValidationError("the id of the record names no session")
        self.session = session
        self.at = line.time
        self.offset = place(event)
        self.record = event.id
        self.id = scoped_id(f"{crc32(event.payload):08x}", str(line.time))

    def facts(self, **facts: object) -> list[Change]:
        """What the line says of its session; None is left out."""
        known = {name: value for name, value in facts.items() if value is not None}
        return [SessionSeen(self.session, SOURCE, self.at or 0, Rank.RECORD, known)] if known else []

    def response_line(self, kind: str, **more: Any) -> ResponseLine:
        """What the line says of a response that it does not name."""
        return ResponseLine(self.record, self.session, SOURCE, self.offset, kind, self.at, **more)


def line_case(wire: Any, adapt: Callable[[WireLine, Any], Meaning]) -> Case:
    """A case for a line, which belongs to the session in whose file it is."""

    def located(event: Event, line: Line) -> Meaning:
        place = WireLine(event, line)
        facts: dict[str, Any] = {"updated_at": line.time} if line.time else {}
        return [SessionSeen(place.session, SOURCE, line.time or 0, Rank.RECORD, facts), *adapt(place, line)]

    return case(wire, located)
