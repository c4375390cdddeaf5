"""What the adapters of Gemini CLI's hooks and chat files share."""

import re
from typing import NamedTuple

from msgspec import Raw
from msgspec.json import decode

from clankers.log.reader import Event
from projector.adapters.base import Tools
from projector.adapters.wire import any_millis, json_text
from projector.model.changes import Change, Todo, TodosSeen
from projector.model.naming import scoped_id

SOURCE = "gemini"
PROVIDER = "google"
TOOLS = Tools(
    editing=frozenset({"write_file", "replace", "edit"}),
    subtask=frozenset({"invoke_agent", "delegate_to_agent", "codebase_investigator"}),
    path_keys=("file_path", "absolute_path", "filePath"),
)
TODO_TOOL = "write_todos"
# How text begins that the client puts in the user's place.
SYNTHETIC = ("<session_context>", "<state_snapshot>", "<scratchpad>", "<hook_context>", "[Session Context")

_UNIQUE = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
# How the id of a record from a file begins (`clankers.harnesses.gemini.chat_files`), and its place in the file.
_PLACE = re.compile(r"([^/@\[#]+)/([^@\[#]+)(?:@(\d+)|\[(\d+)\])?")
_MINUTE = re.compile(r"session-(\d{4}-\d\d-\d\d)T(\d\d)-(\d\d)-")
_MINUTE_MS = 60_000
_WITHIN = 36  # bits of a position that are the place within a file


class Place(NamedTuple):
    """Where a record of a file is.

    Attributes:
        session: the session that it belongs to: a subagent is one of its own.
        parent: of a subagent; else None.
        position: orders the records of a session: by the minute in the file's name, then by the place in it.
    """

    session: str
    parent: str | None
    position: int


def place_of(event: Event) -> Place | None:
    """Where the record `event` is; None for an event that is not of a file."""
    if (found := _PLACE.match(event.id)) is None:
        return None
    session, file = found[1], found[2]
    minute = _minute(file)
    if minute is not None:  # of lines, after what an older document of the same minute says
        within = (1 << (_WITHIN - 1)) + int(found[3]) if found[3] else 0
        return Place(session, None, (minute // _MINUTE_MS << _WITHIN) + within)
    parents, _, agent = f"{session}/{file}".rpartition("/")
    return Place(agent, parents.rpartition("/")[2], int(found[3] or 0))


def document_position(event: Event, at: int | None) -> int:
    """The position of what a document said at the time `at`: it is rewritten, so its ordinals order nothing."""
    found = _PLACE.match(event.id)
    minute = (_minute(found[2]) if found else None) or 0
    within = min(max((at or 0) - minute, 0), (1 << (_WITHIN - 1)) - 1)
    return (minute // _MINUTE_MS << _WITHIN) + within


def _minute(file: str) -> int | None:
    found = _MINUTE.match(file)
    return any_millis(f"{found[1]}T{found[2]}:{found[3]}:00Z") if found else None


def message_id(id: str, session: str) -> str:
    """The row id of a message: the client gives each session's first context the same id."""
    return id if _UNIQUE.fullmatch(id) else scoped_id(id, session)


def call_id(id: str, session: str) -> str:
    """The row id of a call: the client makes ids of the tool's name and the time, which two sessions may share."""
    return scoped_id(id, session)


def todos_in(session: str, at: int, rank: int, args: Raw) -> list[Change]:
    """The to-do list that a call of `write_todos` sets."""
    value = decode(args)
    todos = value.get("todos") if isinstance(value, dict) else None
    if not isinstance(todos, list):
        return []
    entries = [
        Todo(todo["description"], status if isinstance(status := todo.get("status"), str) else None)
        for todo in todos
        if isinstance(todo, dict) and isinstance(todo.get("description"), str)
    ]
    return [TodosSeen(session, SOURCE, at, rank, entries)]


def text_of(raw: Raw) -> str | None:
    """The text of what a tool gives to the model: a string, or the texts of its parts."""
    value = decode(raw)
    if isinstance(value, list):
        return "\n".join(p["text"] for p in value if isinstance(p, dict) and isinstance(p.get("text"), str)) or None
    return value if isinstance(value, str) or value is None else json_text(raw)
