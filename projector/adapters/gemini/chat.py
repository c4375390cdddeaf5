"""Gemini CLI's chat files: the client's own record, which wins over hooks (Rank.RECORD).

A message stands there several times under one id: it is written again once its calls have ended, and in lists that
replace the conversation, where it may have lost its tokens, model and calls. Rows keep whatever was reported of it.
"""

from base64 import b64decode
from typing import Any

from msgspec import ValidationError
from msgspec.json import decode, encode

from clankers.log.reader import Event
from projector.adapters.base import Case, case
from projector.adapters.gemini.common import SOURCE, Place, document_position, message_id, place_of
from projector.adapters.gemini.messages import is_context, is_summary, message_changes
from projector.adapters.gemini.wire import (
    DocumentHead,
    DocumentMessage,
    Header,
    Message,
    Output,
    Project,
    RewindLine,
    SetLine,
    Update,
)
from projector.adapters.wire import any_millis
from projector.model.changes import Change, Rank, SessionSeen
from projector.model.evidence import HistoryMark, OutputSaved

_START = 50  # milliseconds within which a client that starts makes its context and lists it


def _placed(event: Event) -> Place:
    if (place := place_of(event)) is None:
        raise ValidationError(f"the id {event.id!r} does not say which file the record is from")
    return place


def session_changes(place: Place, at: int | None, **facts: Any) -> list[Change]:
    """The changes that a record makes to its session; None for a fact that it does not have."""
    known = {name: value for name, value in facts.items() if value is not None}
    if at:
        known["updated_at"] = at
    changes: list[Change] = []
    if place.parent:
        known["parent_id"] = place.parent
        changes.append(SessionSeen(place.parent, SOURCE))
    return [*changes, SessionSeen(place.session, SOURCE, at or 0, Rank.RECORD, known)]


def _header(event: Event, header: Header) -> list[Change]:
    place = _placed(event)
    changes = session_changes(place, any_millis(header.lastUpdated), created_at=any_millis(header.startTime))
    return changes + _about(place, header)


def _about(place: Place, record: Header | Update) -> list[Change]:
    """The title, which for a subagent is its result, and the directory, which hooks and the slug say better."""
    changes: list[Change] = []
    if record.summary and not place.parent:
        changes.append(SessionSeen(place.session, SOURCE, place.position, Rank.RECORD, {"title": record.summary}))
    if record.directories:
        changes.append(_directory(place.session, record.directories[0]))
    return changes


def _directory(session: str, path: str) -> SessionSeen:
    return SessionSeen(session, SOURCE, 0, Rank.GUESS, {"project_path": path})


def _update(event: Event, line: SetLine) -> list[Change]:
    place, update = _placed(event), line.set
    at = any_millis(update.lastUpdated)
    changes = session_changes(place, at) + _about(place, update)
    if update.messages is not None:
        changes += _replaced(place, update.messages, at)
    return changes


def _replaced(place: Place, messages: list[Message], at: int | None) -> list[Change]:
    """A list that replaces the conversation."""
    changes: list[Change] = []
    for n, message in enumerate(messages):
        message.id = message.id or f"{place.position}.{n}"
        changes += message_changes(message, place, listed=True)
    if len(messages) == 1 and is_context(messages[0]):
        made = any_millis(messages[0].timestamp)
        if at is None or made is None or at - made < _START:
            return changes  # a client that starts: a resumed conversation follows
    summaries = [message_id(m.id, place.session) for m in messages if is_summary(m)]
    mark = HistoryMark(place.session, SOURCE, place.position, "replaced", at, summaries[-1] if summaries else None)
    return [*changes, mark]


def _rewound(event: Event, line: RewindLine) -> list[Change]:
    place = _placed(event)
    mark = HistoryMark(place.session, SOURCE, place.position, "rewound", None, message_id(line.to, place.session))
    return [*session_changes(place, None), mark]


def _message(event: Event, message: Message) -> list[Change]:
    place = _placed(event)
    message.id = message.id or event.id
    at = any_millis(message.timestamp)
    changes = [*session_changes(place, at), *message_changes(message, place)]
    if is_context(message) and not place.parent:
        # A client that starts lists its context. As a line it begins a copy of the conversation, under other ids.
        changes.append(HistoryMark(place.session, SOURCE, place.position, "copied", at))
    return changes


def _document_head(event: Event, document: DocumentHead) -> list[Change]:
    place, head = _placed(event), document.head
    at = any_millis(head.lastUpdated)
    changes = _header(event, head)
    if document.ids is not None:
        position = document_position(event, at)
        kept = encode([message_id(id, place.session) for id in document.ids]).decode()
        changes.append(HistoryMark(place.session, SOURCE, position, "replaced", at, kept=kept))
    return changes


def _document_message(event: Event, document: DocumentMessage) -> list[Change]:
    document.message.id = document.message.id or event.id
    at = any_millis(document.message.timestamp)
    place = _placed(event)._replace(position=document_position(event, at))
    return [*session_changes(place, at), *message_changes(document.message, place)]


def _project(_: Event, project: Project) -> list[Change]:
    facts = {"project_path": project.projectRoot}
    return [SessionSeen(project.sessionId, SOURCE, 0, Rank.REPORT, facts)]


def _output(_: Event, output: Output) -> list[Change]:
    """The complete output of a call, whose result names the file."""
    text = decode(output.text)
    if output.text_b64 is not None:
        text = b64decode(output.text_b64).decode("utf-8", "replace")
    session = SessionSeen(output.sessionId, SOURCE)
    return (
        [session, OutputSaved(output.sessionId, SOURCE, output.name, None, text)]
        if isinstance(text, str)
        else [session]
    )


def owner(event: Event) -> str | None:
    """The session in whose files a record is; None for an event that is not of a file."""
    place = place_of(event)
    return place.session if place else None


message = case(Message, _message)

CASES: dict[str, Case] = {
    "chat.header": case(Header, _header),
    "chat.set": case(SetLine, _update),
    "chat.rewind": case(RewindLine, _rewound),
    **dict.fromkeys(("chat.user", "chat.gemini", "chat.info", "chat.warning", "chat.error"), message),
    "document.head": case(DocumentHead, _document_head),
    "document.message": case(DocumentMessage, _document_message),
    "project": case(Project, _project),
    "tool-output": case(Output, _output),
}
