"""Prompts, and what the client writes in a person's place."""

from projector.adapters.kimi.common import SOURCE
from projector.adapters.kimi.line import WireLine
from projector.adapters.kimi.wire import MessageLine, Origin, Part, PromptLine
from projector.model.changes import Change, MessageSeen, PartSeen
from projector.model.naming import scoped_id

_PERSON = "user"  # the kind of an origin


def prompt(place: WireLine, line: PromptLine) -> list[Change]:
    """What begins a turn; a client that is killed here leaves no other line."""
    if not line.promptId:
        return []
    changes = _message(place, line.promptId, "user", line.input, line.origin)
    return [*changes, place.response_line("prompt", message=line.promptId)] if _is_typed(line.origin) else changes


def message(place: WireLine, line: MessageLine) -> list[Change]:
    """A message of the conversation that is not a response."""
    one = line.message
    return _message(place, one.id or place.id, one.role, one.content, one.origin)


def _is_typed(origin: Origin | None) -> bool:
    """Whether a person typed a prompt, which an undo counts; what is typed during a turn has another one's place."""
    return origin is None or (origin.kind == _PERSON and not origin.inTurn)


def _message(place: WireLine, id: str, role: str, content: list[Part], origin: Origin | None) -> list[Change]:
    synthetic = origin is not None and origin.kind != _PERSON
    at = place.at
    changes: list[Change] = [
        MessageSeen(id, place.session, SOURCE, role, created_at=at, completed_at=at, synthetic=synthetic)
    ]
    for seq, part in enumerate(content):
        changes.append(
            PartSeen(scoped_id(str(seq), id), id, place.session, SOURCE, seq, *kind_and_text(part), None, at, at)
        )
    return changes


def kind_and_text(part: Part) -> tuple[str, str | None]:
    """A part's type and text, by our names."""
    return ("reasoning", part.think) if part.type == "think" else (part.type or "text", part.text)
