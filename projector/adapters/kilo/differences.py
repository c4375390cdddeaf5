"""Where Kilo's messages and parts differ from OpenCode's.

- The `cost` of a message that ran a subagent includes what the subagent cost, which its own messages report too. The
  message's `step-finish` part has the cost of the response alone; a message has at most one.
- While a response begins, a part with `"kilocode.lifecycle": "transient"` shows a progress text. It is removed soon,
  and no store has it. Such parts make no rows, and neither do removals, which do not say whose they are.
"""

from msgspec import Raw
from msgspec.json import Decoder

from clankers.log.reader import Event
from projector.adapters.base import Case, Meaning
from projector.adapters.decode import LenientDecoder
from projector.adapters.opencode import ADAPTER as OPENCODE
from projector.adapters.wire import ABSENT, Dollars, Wire, as_object
from projector.model.changes import Change, MessageSeen, PartSeen, ValueIgnored


class _Step(Wire):
    cost: Dollars | None = None


class _Properties(Wire):
    part: Raw = ABSENT


class _PartEvent(Wire):
    properties: _Properties


_decode_step = LenientDecoder(_Step).decode
_part_event = Decoder(_PartEvent).decode


def _message(adapt: Case) -> Case:
    """`adapt`, without what the message cost: a part has it."""

    def adapted(event: Event) -> Meaning:
        found = adapt(event)
        for change in found:
            if isinstance(change, MessageSeen):
                change.cost = 0.0 if change.cost == 0 else None
                change.counted_at = None  # the cost comes from another event: the largest counts are the last
        return found

    return adapted


def _part(adapt: Case) -> Case:
    """`adapt`, with the cost of a step as that of its message."""

    def adapted(event: Event) -> Meaning:
        costs: list[Change] = []
        ignored: list[ValueIgnored] = []
        found = adapt(event)
        for change in found:
            if isinstance(change, PartSeen) and change.type == "step-finish" and change.data:
                step, ignored = _decode_step(change.data.encode())
                if step.cost is not None:
                    costs.append(MessageSeen(change.message_id, change.session_id, change.source, cost=step.cost))
        return [*costs, *found, *ignored]

    return adapted


def _live_part(adapt: Case) -> Case:
    """`adapt` for a part that is not transient."""
    lasting = _part(adapt)
    return lambda event: [] if _is_transient(event) else lasting(event)


def _is_transient(event: Event) -> bool:
    part = as_object(_part_event(event.payload).properties.part)
    metadata = part.get("metadata")
    return isinstance(metadata, dict) and metadata.get("kilocode.lifecycle") == "transient"


def _nothing(_: Event) -> Meaning:
    return []


_OF_OPENCODE = OPENCODE.cases
CASES: dict[str, Case] = {
    **_OF_OPENCODE,
    **{kind: _message(_OF_OPENCODE[kind]) for kind in ("message.updated", "storage.message", "db.message")},
    **{kind: _part(_OF_OPENCODE[kind]) for kind in ("storage.part", "db.part")},
    "message.part.updated": _live_part(_OF_OPENCODE["message.part.updated"]),
    "message.part.removed": _nothing,
    "session.drained": OPENCODE.fallback,  # a turn has ended
}
