"""The records of Cline's session files: the client's own, which win over hooks (Rank.RECORD).

How a session ended is the exception: of the record and the hooks, the latest is right. A client that was killed, or
that a person left from the full screen, is marked as failed by the next one that starts, at the time of that start.
"""

from typing import Any

from msgspec import MsgspecError, ValidationError
from msgspec.json import Decoder, encode

from clankers.log.reader import Event
from projector.adapters.base import Case, Meaning, case
from projector.adapters.cline.common import COMPACTION, MANIFEST, SOURCE, FilePlace, place_of, prompt_report, typed
from projector.adapters.cline.messages import message_changes, summary_changes
from projector.adapters.cline.wire import Head, HeadRecord, MessageRecord, Metadata, Row
from projector.adapters.wire import Id, Wire, any_millis
from projector.model.changes import Change, Rank, SessionSeen
from projector.model.evidence import HistoryMark

# By the status that the client writes. It writes `failed` for an error, too.
_STATUS = {"completed": "ended", "cancelled": "ended", "failed": "error"}


class _Named(Wire):
    sessionId: Id


def _placed(event: Event) -> FilePlace:
    if (place := place_of(event)) is None:
        raise ValidationError(f"the id {event.id!r} does not say which file the record is from")
    return place


def _session(session: str, place: FilePlace, at: int | None, **facts: Any) -> list[Change]:
    """The session of a record with the `facts` that are known; a subagent's is in its parent's directory."""
    known = {name: value for name, value in facts.items() if value}
    if at:
        known["updated_at"] = at
    seen = SessionSeen(session, SOURCE, at or 0, Rank.RECORD, known)
    if session == place.root:
        return [seen]
    # A subagent of a subagent is in the same directory: hooks and the database know better.
    parent = SessionSeen(session, SOURCE, 0, Rank.GUESS, {"parent_id": place.root})
    return [SessionSeen(place.root, SOURCE), seen, parent]


def _ended(session: str, status: str | None, ended: int | None, metadata: Metadata) -> list[Change]:
    """How a session ended; a session that goes on again is reported by hooks, at a later time."""
    if metadata.terminal_marker:
        at = any_millis(metadata.terminal_marker_at) or ended or 0
        return [SessionSeen(session, SOURCE, at, Rank.HOOK, {"status": "ended"})]
    if ended is None or status not in _STATUS:
        return []
    return [SessionSeen(session, SOURCE, ended, Rank.HOOK, {"status": _STATUS[status], "ended_at": ended})]


def _head(event: Event, record: HeadRecord) -> list[Change]:
    place, head, session = _placed(event), record.head, record.sessionId
    if place.part == MANIFEST:
        return _manifest(place, head)
    if place.part == COMPACTION:
        return _session(session, place, None)
    at = any_millis(head.updated_at)
    version = head.origin.version if head.origin else None
    agent = head.agent if session != place.root else None
    changes = _session(session, place, at, client_version=version, agent=agent)
    if record.ids is not None and at:
        kept = encode(record.ids).decode()
        changes.append(HistoryMark(session, SOURCE, at, "replaced", at, kept=kept))
    return changes


def _manifest(place: FilePlace, head: Head) -> list[Change]:
    about = head.metadata or Metadata()
    started, ended = any_millis(head.started_at), any_millis(head.ended_at)
    session = place.root
    facts: dict[str, Any] = {
        "created_at": started,
        "title": about.title,
        "project_path": head.cwd,
        "git_branch": about.git.branch if about.git else None,
        "client_version": about.sessionHistoryOrigin.version if about.sessionHistoryOrigin else None,
        "forked_from": about.fork.forkedFromSessionId if about.fork else None,
    }
    changes = _session(session, place, started, **facts)
    changes += _ended(session, head.status, ended, about)
    if origin := facts["forked_from"]:
        changes.append(SessionSeen(origin, SOURCE))
    if head.prompt:
        prompt = typed(head.prompt)[0] or head.prompt
        changes.append(prompt_report(session, prompt, started or 0))
    return changes


def _message(event: Event, record: MessageRecord) -> Meaning:
    place, session, message = _placed(event), record.sessionId, record.message
    if place.part == COMPACTION:
        made = any_millis(message.metadata.generatedAt) if message.metadata else None
        id = f"{SOURCE}:{COMPACTION}:{made}" if made else event.id  # a fork has it, too
        return [*_session(session, place, made), *summary_changes(session, id, message)]
    at = any_millis(message.ts)
    changes = message_changes(session, message.id or event.id, message, subagent=session != place.root)
    return [*_session(session, place, at, created_at=at), *changes]


def _row(event: Event, row: Row) -> list[Change]:
    place = _placed(event)
    about = row.metadata_json if isinstance(row.metadata_json, Metadata) else Metadata()
    started = any_millis(row.started_at)
    facts: dict[str, Any] = {
        "created_at": started,
        "title": about.title,
        "project_path": row.cwd,
        "parent_id": row.parent_subagent or row.parent_session_id,
        "client_version": about.sessionHistoryOrigin.version if about.sessionHistoryOrigin else None,
    }
    changes = _session(row.session_id, place, any_millis(row.updated_at), **facts)
    return [*changes, *_ended(row.session_id, row.status, any_millis(row.ended_at), about)]


def _plain(_: Event, named: _Named) -> list[Change]:
    return [SessionSeen(named.sessionId, SOURCE)]


plain = case(_Named, _plain)

CASES: dict[str, Case] = {
    "document.head": case(HeadRecord, _head),
    "document.message": case(MessageRecord, _message),
    "db.session": case(Row, _row),
}

_decode_head = Decoder(HeadRecord).decode


def client_version(event: Event) -> str:
    """The version of the client that wrote a head; empty if the event does not say."""
    if event.type != "document.head":
        return ""
    try:
        head = _decode_head(event.payload).head
    except MsgspecError:
        return ""
    origin = head.origin or (head.metadata.sessionHistoryOrigin if head.metadata else None)
    return (origin.version if origin else None) or ""
