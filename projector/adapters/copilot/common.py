"""What the adapters of GitHub Copilot CLI's event logs and hooks share."""

import re
from typing import NamedTuple

from clankers.log.reader import Event
from projector.adapters.base import Tools
from projector.model.naming import scoped_id

SOURCE = "copilot"
TOOLS = Tools(
    editing=frozenset({"create", "edit", "apply_patch", "str_replace_editor"}),
    subtask=frozenset({"task"}),
    path_keys=("path", "file_path", "filePath"),
)
EVENT = "event."  # of the types of an event log's lines
# How the id of a record begins (`clankers.harnesses.copilot.event_log`): the session, and of a line its offset.
_RECORD = re.compile(r"([^/@#]+)(?:@(\d{1,15})#|/)")

_OTHERS = ("workspace", "tool-output", "db.usage")  # types of records that are not lines
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


def session_of(event: Event) -> str | None:
    """The session in whose directory a record is; None for a hook's event."""
    of_files = event.type.startswith(EVENT) or event.type in _OTHERS
    found = _RECORD.match(event.id) if of_files else None
    return found[1] if found else None


def agent_session(agent: str, session: str) -> str:
    """The session of a subagent: its id, but in version 1.0.60, which names it by the call that started it."""
    return agent if is_uuid(agent) else scoped_id(agent, session)


def is_uuid(id: str) -> bool:
    """Whether `id` is unique everywhere."""
    return _UUID.fullmatch(id) is not None


def offset_of(event: Event) -> int:
    """How many bytes of its log come before a line; 0 for a record that is not a line."""
    found = _RECORD.match(event.id)
    return int(found[2] or 0) if found else 0


class EventPlace(NamedTuple):
    """Where and when an event happened.

    Attributes:
        log: the session in whose log it is.
        session: that one, or the subagent's.
        id: of the event.
        offset: bytes before it in the log.
        at: epoch milliseconds; None if it does not say.
    """

    log: str
    session: str
    id: str
    offset: int
    at: int | None
