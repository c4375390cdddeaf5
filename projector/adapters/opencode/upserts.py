"""Upserts of sessions and messages, as recorders with a daemon send them: `session.upsert`, `message.upsert`.

The fields are in the payload, or in its `params` where it is a JSON-RPC request. They mean what an event reports
without `info`: an absent field is unknown.
"""

from collections.abc import Callable
from typing import Any

from msgspec import Raw, ValidationError
from msgspec.json import Decoder, encode

from clankers.log.reader import Event
from projector.adapters.base import Case, Meaning
from projector.adapters.decode import LenientDecoder
from projector.adapters.opencode.messages import message, part
from projector.adapters.opencode.sessions import session
from projector.adapters.opencode.wire import (
    MessageInfo,
    MessageProperties,
    PartProperties,
    SessionProperties,
    Time,
    Usage,
)
from projector.adapters.wire import ABSENT, Count, Dollars, Id, Millis, Wire
from projector.model.changes import Change, ProjectSeen


class _SessionUpsert(Wire):
    id: Id | None = None
    sessionId: Id | None = None
    title: str | None = None
    projectPath: str | None = None
    projectName: str | None = None
    model: str | None = None
    provider: str | None = None
    promptTokens: Count | None = None
    completionTokens: Count | None = None
    cost: Dollars | None = None
    createdAt: Millis | None = None
    updatedAt: Millis | None = None


class _MessageUpsert(Wire):
    id: Id
    sessionId: Id
    role: str | None = None
    textContent: str | None = None
    model: str | None = None
    promptTokens: Count | None = None
    completionTokens: Count | None = None
    durationMs: Count | None = None
    createdAt: Millis | None = None
    completedAt: Millis | None = None


def _session(event: Event, sent: _SessionUpsert) -> Meaning:
    """A session.

    Raises:
        msgspec.ValidationError: it is not named.
    """
    if not (id := sent.sessionId or sent.id):
        raise ValidationError("Object missing required field `id`")
    counted = (sent.promptTokens, sent.completionTokens) != (None, None)
    properties = SessionProperties(
        id=id,
        title=sent.title,
        directory=sent.projectPath,
        model=sent.model,
        provider=sent.provider,
        usage=Usage(sent.promptTokens, sent.completionTokens) if counted else None,
        cost=sent.cost,
        time=Time(created=sent.createdAt, updated=sent.updatedAt),
    )
    changes: list[Change] = session(event, properties)
    if sent.projectPath and sent.projectName:
        changes.append(ProjectSeen(sent.projectPath, event.source, None, sent.projectName))
    return changes


def _message(event: Event, sent: _MessageUpsert) -> Meaning:
    ended = sent.completedAt
    if ended is None and sent.createdAt is not None and sent.durationMs is not None:
        ended = sent.createdAt + sent.durationMs
    info = MessageInfo(
        id=sent.id,
        sessionID=sent.sessionId,
        role=sent.role,
        model=sent.model,
        usage=Usage(sent.promptTokens, sent.completionTokens),
        time=Time(created=sent.createdAt, completed=ended),
    )
    changes = message(event, MessageProperties(info))
    if not sent.textContent:
        return changes
    text = {"messageID": sent.id, "sessionID": sent.sessionId, "type": "text", "text": sent.textContent}
    return [*changes, *part(event, PartProperties(Raw(encode(text))))]


class _Request(Wire):
    params: Raw = ABSENT


_decode_request = Decoder(_Request).decode


def _case(wire: type[Any], adapt: Callable[[Event, Any], Meaning]) -> Case:
    decode = LenientDecoder(wire).decode

    def adapted(event: Event) -> Meaning:
        params = _decode_request(event.payload).params
        sent, ignored = decode(event.payload if params == ABSENT else params)
        return [*adapt(event, sent), *ignored]

    return adapted


CASES: dict[str, Case] = {
    "session.upsert": _case(_SessionUpsert, _session),
    "message.upsert": _case(_MessageUpsert, _message),
}
