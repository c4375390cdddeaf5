"""What the adapter does not know of OpenCode's messages and parts: types of parts, texts, token counts."""

from collections.abc import Iterator

from msgspec import Raw
from msgspec.json import Decoder

from clankers.log.reader import Event
from projector.adapters.unknown import counts, limited, members, text_of, texts
from projector.adapters.wire import ABSENT, Wire

_PARTS = frozenset(
    [
        "text",
        "reasoning",
        "tool",
        "step-start",
        "step-finish",
        "patch",
        "compaction",
        "file",
        "subtask",
        "agent",
        "retry",
        "snapshot",
    ]
)
_IDS = ("id", "sessionID", "messageID")
_IN_PART = frozenset(
    (
        *_IDS,
        *[
            "type",
            "text",
            "tool",
            "callID",
            "hash",
            "reason",
            "snapshot",
            "mime",
            "filename",
            "url",
            "name",
            "prompt",
            "description",
            "agent",
            "command",
        ],
    )
)
_IN_STATE = frozenset(["status", "output", "error", "title", "raw"])
_IN_MESSAGE = frozenset(
    (
        *_IDS,
        *[
            "role",
            "parentID",
            "error",
            "mode",
            "agent",
            "modelID",
            "providerID",
            "model",
            "provider",
            "finish",
            "variant",
            "system",
        ],
    )
)
_TOKENS = frozenset(["input", "output", "reasoning", "total"])  # the total is the sum of the others
_CACHE = frozenset(("read", "write"))
_USAGE = frozenset(("promptTokens", "completionTokens", "cost"))


def _find(event: Event) -> Iterator[str]:
    kind = event.type
    if is_of_version_2(event):
        yield "data"
    elif kind in ("message.updated", "message.part.updated"):
        found = _event(event.payload).properties
        yield from _part(found.part) if kind == "message.part.updated" else _message(found.info)
    elif kind in ("storage.part", "storage.message"):
        yield from _part(event.payload) if kind == "storage.part" else _message(event.payload)
    elif kind in ("db.part", "db.message"):
        data = members(event.payload).get("data")
        yield from _part(data) if kind == "db.part" else _message(data)


def is_of_version_2(event: Event) -> bool:
    """Whether an event has the envelope of 2.x, whose `data` was not observed."""
    if b'"properties"' in bytes(event.payload):  # those of 1.x, nearly all
        return False
    envelope = members(event.payload)
    return "data" in envelope and text_of(envelope.get("type")) == event.type


def _part(raw: Raw | None) -> Iterator[str]:
    part = members(raw)
    type = text_of(part.get("type"))
    if type not in _PARTS:
        yield f"part {type[:64]}"
    else:
        yield from texts(part, _IN_PART, "part")
        yield from texts(members(part.get("state")), _IN_STATE, "part.state")
    yield from _spent(part, "part")


def _message(raw: Raw | None) -> Iterator[str]:
    message = members(raw)
    yield from texts(message, _IN_MESSAGE, "message")
    yield from _spent(message, "message")


def _spent(found: dict[str, Raw], place: str) -> Iterator[str]:
    tokens = members(found.get("tokens"))
    yield from counts(tokens, _TOKENS, f"{place}.tokens")
    yield from counts(members(tokens.get("cache")), _CACHE, f"{place}.tokens.cache")
    yield from counts(members(found.get("usage")), _USAGE, f"{place}.usage")


class _Properties(Wire):
    part: Raw = ABSENT
    info: Raw = ABSENT


class _Event(Wire):
    properties: _Properties


_event = Decoder(_Event).decode
unknown = limited(_find)
