"""OpenCode's plugin events, of versions 1.0, 1.1, 1.2 and 1.18.

Sessions, messages and parts come as complete snapshots, many times while they grow. Up to 1.2 the payload's
`properties` hold `{info}` or `{part}` alone; later versions repeat the session beside it. The ids inside serve for all.

Known events without a row: tool.execute.*, chat.message and the other named hooks, which repeat message.part.updated;
session.diff; file.edited, which names no session; the deltas of reasoning.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from clankers.log.reader import Event
from projector.adapters.base import Case, Meaning, case
from projector.adapters.opencode.messages import delta, message, message_removed, part, part_removed
from projector.adapters.opencode.sessions import failed, idle, project, session, status_changed, todos
from projector.adapters.opencode.unknown import is_of_version_2
from projector.adapters.opencode.wire import (
    DeltaProperties,
    ErrorProperties,
    MessageProperties,
    NamedProperties,
    PartProperties,
    ProjectInfo,
    RemovedProperties,
    SessionProperties,
    StatusProperties,
    TodoProperties,
)
from projector.adapters.wire import as_object
from projector.model.changes import Change, SessionSeen


def _named(event: Event, properties: NamedProperties) -> list[Change]:
    session = properties.sessionID
    for raw in (properties.info, properties.part):
        session = session or _id(as_object(raw).get("sessionID"))
    if event.type.startswith("session."):  # elsewhere an id is something else's
        session = session or properties.id or _id(as_object(properties.info).get("id"))
    return [SessionSeen(session, event.source)] if session else []


def _id(value: object) -> str | None:
    return value if isinstance(value, str) and 0 < len(value) <= 512 else None


def _named_hook(event: Event) -> list[Change]:
    """A plugin hook's {input, output}: events report the same, but it names its session."""
    given = as_object(event.payload).get("input")
    session = _id(given.get("sessionID")) if isinstance(given, dict) else None
    return [SessionSeen(session, event.source)] if session else []


def _case(wire: type[Any], adapt: Callable[[Event, Any], Meaning]) -> Case:
    """A case for an event whose payload has `properties` like `wire`.

    2.x has `data` instead, whose form was not observed: such an event makes no row (`unknown` counts it).
    """
    envelope = msgspec.defstruct(f"{wire.__name__}Event", [("properties", wire)])
    known = case(envelope, lambda event, payload: adapt(event, payload.properties))

    def adapted(event: Event) -> Meaning:
        try:
            return known(event)
        except msgspec.ValidationError:
            if is_of_version_2(event):
                return []
            raise

    return adapted


_any = _case(NamedProperties, _named)

CASES: dict[str, Case] = {
    "session.created": _case(SessionProperties, session),
    "session.updated": _case(SessionProperties, session),
    "session.deleted": _case(SessionProperties, session),
    "session.status": _case(StatusProperties, status_changed),
    "session.idle": _case(SessionProperties, idle),
    "session.error": _case(ErrorProperties, failed),
    "message.updated": _case(MessageProperties, message),
    "message.removed": _case(RemovedProperties, message_removed),
    "message.part.updated": _case(PartProperties, part),
    "message.part.delta": _case(DeltaProperties, delta),
    "message.part.removed": _case(RemovedProperties, part_removed),
    "todo.updated": _case(TodoProperties, todos),
    "project.updated": _case(ProjectInfo, project),
    **dict.fromkeys(
        (
            "session.diff",
            "session.compacted",
            "permission.asked",
            "permission.updated",
            "permission.replied",
            "question.asked",
            "question.replied",
            "question.rejected",
            "command.executed",
            "file.edited",
            "file.watcher.updated",
            "plugin.added",
            "catalog.updated",
            "reference.updated",
            "integration.updated",
            "server.connected",
            "server.instance.disposed",
            "vcs.branch.updated",
        ),
        _any,
    ),
    **dict.fromkeys(
        (
            "tool.execute.before",
            "tool.execute.after",
            "chat.message",
            "experimental.text.complete",
            "experimental.session.compacting",
            "command.execute.before",
            "dispose",
        ),
        _named_hook,
    ),
}


def fallback(event: Event) -> Meaning:
    """An event of an unknown type may still name its session.

    Raises:
        msgspec.ValidationError: it has no properties.
    """
    return _any(event)
