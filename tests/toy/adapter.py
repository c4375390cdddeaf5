"""What the toy's events mean: each line of its files is a message."""

from clankers.log.reader import Event
from projector.adapters.base import Adapter, case
from projector.adapters.wire import Wire
from projector.model.changes import Change, MessageSeen, PartSeen, SessionSeen


class Line(Wire):
    role: str
    text: str


def message(event: Event, line: Line) -> list[Change]:
    session, _, place = event.id.partition("#")[0].partition("@")
    id = f"{session}-{place}"
    part = PartSeen(f"{id}-text", id, session, "toy", type="text", text=line.text)
    return [SessionSeen(session, "toy"), MessageSeen(id, session, "toy", role=line.role), part]


ADAPTER = Adapter("toy", {"toy.line": case(Line, message), "Begun": lambda _: []}, lambda _: [])
