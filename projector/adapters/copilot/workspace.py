"""A session's description (workspace.yaml): its title, and when it was made."""

import re
from typing import Any

from msgspec import DecodeError
from msgspec.json import decode

from clankers.log.reader import Event
from projector.adapters.copilot.common import SOURCE
from projector.adapters.copilot.wire import Workspace
from projector.adapters.wire import any_millis
from projector.model.changes import Change, Rank, SessionSeen

_KEY = re.compile(r"(\w+):[ \t]*(.*)")
_BLOCK = re.compile(r"[|>][-+]?\d?")  # begins a value of several lines


def workspace(_: Event, found: Workspace) -> list[Change]:
    """What the description of a session says of it."""
    values = _values(found.text or "")
    facts: dict[str, Any] = {}
    if title := values.get("name"):
        facts["title"] = title
    if created := any_millis(values.get("created_at")):
        facts["created_at"] = created
    return [SessionSeen(found.sessionId, SOURCE, any_millis(values.get("updated_at")) or 0, Rank.RECORD, facts)]


def _values(text: str) -> dict[str, str]:
    """The scalars of a YAML mapping, by key; lines that are indented go on with the value before."""
    lines: dict[str, list[str]] = {}
    value: list[str] = []
    for line in text.split("\n"):
        if key := _KEY.fullmatch(line.rstrip()):
            value = lines.setdefault(key[1], [])
            value.append(key[2])
        else:
            value.append(line.strip())
    return {key: _scalar(value) for key, value in lines.items()}


def _scalar(lines: list[str]) -> str:
    """The text that the lines of a YAML scalar stand for."""
    if _BLOCK.fullmatch(lines[0]):
        return ("\n" if lines[0].startswith("|") else " ").join(lines[1:]).strip()
    text = " ".join(lines).strip()
    if text.startswith("'"):
        return text.strip("'").replace("''", "'")
    if text.startswith('"'):
        try:
            return decode(text, type=str)
        except DecodeError:  # an escape that JSON does not have
            return text.strip('"')
    return text
