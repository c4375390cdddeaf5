"""The turns in Vibe's store: the entries of the history have ids and times, the model's messages the calls.

Both are in one record, and are joined by their texts, and calls by tool and arguments.
"""

from msgspec import Raw

from clankers.log.reader import Event
from projector.adapters.base import Case, case
from projector.adapters.vibe.common import (
    SOURCE,
    ModelOutput,
    compact,
    failed,
    opened,
    parts,
    response,
    succeeded,
    value_of,
)
from projector.adapters.vibe.wire import Entry, ModelMessage, Turn
from projector.model.changes import Change, MessageSeen, PartSeen, SessionSeen, ToolSeen
from projector.model.naming import scoped_id

_ASSISTANT, _REASONING = "assistant-", "reasoning-"  # an action's id follows
_PROMPT = "turn_start"  # the source of the entry of what was typed


class _Entries:
    """The entries of a turn, each used once."""

    def __init__(self, entries: list[Entry]) -> None:
        self.responses: dict[str, Entry] = {}  # with text, by action
        self.reasoning: dict[str, list[Entry]] = {}
        self._effects: list[Entry] = []
        for entry in entries:
            id = entry.id or ""
            if entry.type == "message" and id.startswith(_ASSISTANT):
                self.responses[id.removeprefix(_ASSISTANT)] = entry
            elif entry.type == "reasoning" and id.startswith(_REASONING):
                action = id.removeprefix(_REASONING).rpartition("-")[0]
                self.reasoning.setdefault(action, []).append(entry)
            elif entry.type == "effect":
                self._effects.append(entry)

    def of(self, action: str) -> ModelOutput:
        """The response that the entries of `action` make up."""
        own = self.responses.get(action)
        thought = [entry.text for entry in self.reasoning.get(action, []) if entry.text]
        return ModelOutput(response(own.content).texts if own else [], thought, [])

    def at(self, action: str) -> int | None:
        """When the entries of `action` were made."""
        own = [self.responses[action]] if action in self.responses else self.reasoning.get(action, [])
        return own[0].createdAt if own else None

    def actions(self) -> list[str]:
        """Those that are left."""
        return list(dict.fromkeys((*self.responses, *self.reasoning)))

    def take(self, said: ModelOutput) -> str | None:
        """The action whose entries have the texts of `said`; then its entries are used."""
        if not (said.texts or said.reasoning):
            return None
        return next((one for one in self.actions() if self.of(one)[:2] == said[:2]), None)

    def use(self, action: str) -> None:
        """Note that the entries of `action` have a message."""
        self.responses.pop(action, None)
        self.reasoning.pop(action, None)

    def effect(self, name: str | None, arguments: Raw) -> Entry | None:
        """The entry of the next call of this tool with these arguments; its name is behind the tool's group."""
        given = compact(value_of(arguments))
        for entry in self._effects:
            detail = entry.detail
            tool = (detail.toolName or "").rpartition(".")[2] if detail else None
            if detail and tool == name and compact(value_of(detail.input)) == given:
                self._effects.remove(entry)
                return entry
        return None


def _turn(_: Event, turn: Turn) -> list[Change]:
    session, entries = turn.sessionId, _Entries(turn.entries)
    changes: list[Change] = [SessionSeen(session, SOURCE)]
    ends: dict[str, int | None] = {}
    for entry in turn.entries:
        if entry.type == "message" and entry.role == "user":
            changes += _prompt(session, entry)
    for message in (one.message for one in turn.messages if one.message):
        if message.role == "assistant":
            changes += _response(session, response(message.content), entries, ends)
        elif message.role == "tool" and message.tool_call_id:
            changes.append(_result(session, message, ends.get(message.tool_call_id)))
    for action in entries.actions():  # which a summary has replaced in the model's messages
        changes += _message(session, action, entries.at(action), entries.of(action))
    return changes


def _prompt(session: str, entry: Entry) -> list[Change]:
    id = entry.turnId if entry.source == _PROMPT else entry.id
    if not id:
        return []
    at = entry.createdAt
    texts = response(entry.content).texts
    message = MessageSeen(id, session, SOURCE, "user", created_at=at, completed_at=at)
    return [
        message,
        *(
            PartSeen(scoped_id(f"text{n}", id), id, session, SOURCE, n, "text", text, None, at, at)
            for n, text in enumerate(texts)
        ),
    ]


def _response(session: str, said: ModelOutput, entries: _Entries, ends: dict[str, int | None]) -> list[Change]:
    """A response with its calls; `ends` gets when these ended. Without calls an entry says all of it."""
    action = entries.take(said)
    id = said.row_id(action, session)
    if id is None:
        return []
    begun = at = entries.at(action) if action else None
    if action:
        entries.use(action)
    calls: list[Change] = []
    for call in said.calls:
        effect = entries.effect(call[1], call[2])
        ends[call[0]] = effect.updatedAt if effect else None
        begun = effect.createdAt if begun is None and effect else begun
        calls.append(opened(session, id, at or (effect.createdAt if effect else None), call))
    return [*_message(session, id, begun, said), *calls]


def _message(session: str, id: str, at: int | None, said: ModelOutput) -> list[Change]:
    message = MessageSeen(id, session, SOURCE, "assistant", created_at=at, completed_at=at if said.text else None)
    return [message, *parts(session, id, at, said)]


def _result(session: str, message: ModelMessage, at: int | None) -> ToolSeen:
    """How a call ended, as reported to the model: its structured result, or an error."""
    call = message.tool_call_id or ""
    said = value_of("".join(part.text for part in message.content if part.text))
    if message.outcome != "failure":
        return succeeded(session, call, at, said)
    outer = said.get("result") if isinstance(said, dict) else None
    error = outer.get("error") if isinstance(outer, dict) else None
    if isinstance(error, dict):
        code, text = error.get("name"), error.get("message")
        return failed(
            session, call, at, code if isinstance(code, str) else None, text if isinstance(text, str) else None
        )
    return failed(session, call, at, None, said if isinstance(said, str) else compact(said))


CASES: dict[str, Case] = {"turn": case(Turn, _turn)}
