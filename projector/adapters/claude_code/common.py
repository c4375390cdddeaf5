"""What Claude Code's hooks and transcripts share."""

import re
from collections.abc import Callable
from typing import Any

from msgspec import Raw
from msgspec.json import Decoder, decode

from clankers.log.reader import Event
from projector.adapters.wire import json_text
from projector.model.changes import Change, Todo, TodosSeen

SOURCE = "claude-code"
# Ids that the Anthropic API gives, and uuids that the client gives, are unique everywhere. Other servers count, or give
# all responses the same id: theirs are taken to be unique within a request or session.
_UNIQUE = re.compile(r"(?:msg|toolu|srvtoolu)_(?:bdrk_|vrtx_)?01\w{10,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_EXIT_CODE = re.compile(r"Exit code (\d{1,10})\b")
# How text begins that the client made up, in the user's place.
SYNTHETIC = (
    "<command-name>",
    "<command-message>",
    "<command-args>",
    "<local-command-",
    "<bash-stdout>",
    "<bash-stderr>",
    "<task-notification>",
    "<system-reminder>",
    "[Request interrupted by user",
)


def unique(id: str, within: str) -> str:
    """A row's id: the server's own where it is unique everywhere, else with what it is unique `within`."""
    return id if _UNIQUE.fullmatch(id) else f"{within}/{id}"


def todos_in(session: str, at: int, rank: int, response: dict[str, object]) -> list[Change]:
    """TodoWrite answers with the list as it now stands."""
    todos = response.get("newTodos")
    if not isinstance(todos, list):
        return []
    items = [t for t in todos if isinstance(t, dict) and isinstance(t.get("content"), str)]
    return [TodosSeen(session, SOURCE, at, rank, [Todo(t["content"], _text(t.get("status"))) for t in items])]


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def exit_code_in(error: str | None) -> int | None:
    """The exit code that the report of a failed command begins with."""
    m = _EXIT_CODE.match(error or "")
    return int(m[1]) if m else None


def text_of(raw: Raw) -> str | None:
    """What a tool's result says to the model: a string, or the texts of its blocks."""
    value = decode(raw)
    if isinstance(value, list):
        texts = [b["text"] for b in value if isinstance(b, dict) and isinstance(b.get("text"), str)]
        return "\n".join(texts)
    return value if isinstance(value, str) or value is None else json_text(raw)


def case(wire: type[Any], adapt: Callable[[Event, Any], list[Change]]) -> Callable[[Event], list[Change]]:
    """What an event type means: its payload decoded as `wire`, then adapted."""
    decoder = Decoder(wire)
    return lambda event: adapt(event, decoder.decode(event.payload))
