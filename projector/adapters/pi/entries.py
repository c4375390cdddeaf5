"""pi's session files: the client's own record, which wins over our extension's events (Rank.RECORD)."""

from collections.abc import Callable
from typing import Any

from msgspec import ValidationError
from msgspec.json import decode

from clankers.log.reader import Event
from projector.adapters.base import Case, Meaning, case
from projector.adapters.pi.common import ENTRY, SOURCE, session_of
from projector.adapters.pi.messages import ROLES, branch_point, error_id, message_of
from projector.adapters.pi.wire import (
    ContextEdit,
    CustomMessage,
    Entry,
    Header,
    MessageEntry,
    SessionInfo,
    Summary,
    UsageEntry,
)
from projector.adapters.wire import any_millis
from projector.model.changes import Change, CompactionSeen, ErrorSeen, MessageSeen, Rank, SessionSeen


def _entry_case(wire: Any, adapt: Callable[[str, Any], Meaning]) -> Case:
    """A case for an entry, which belongs to the session in whose file it is."""

    def located(event: Event, entry: Entry) -> Meaning:
        if (session := session_of(event)) is None:
            raise ValidationError("the id of the record names no session")
        entry.id = entry.id or event.id
        at = any_millis(entry.timestamp) or 0
        facts: dict[str, Any] = {"updated_at": at} if at else {}
        return [SessionSeen(session, SOURCE, at, Rank.RECORD, facts), *adapt(session, entry)]

    return case(wire, located)


def _header(session: str, header: Header) -> list[Change]:
    at = any_millis(header.timestamp)
    facts: dict[str, Any] = {"created_at": at, "project_path": header.cwd or None}
    changes: list[Change] = []
    if header.parentSession:  # .../<time>_<session>.jsonl
        origin = header.parentSession.replace("\\", "/").rpartition("/")[2].removesuffix(".jsonl").rpartition("_")[2]
        if origin and origin != session:
            facts["forked_from"] = origin
            changes.append(SessionSeen(origin, SOURCE))
    facts = {name: value for name, value in facts.items() if value is not None}
    return [*changes, SessionSeen(session, SOURCE, at or 0, Rank.RECORD, facts)]


def _message(session: str, entry: MessageEntry) -> Meaning:
    adapt = ROLES.get(entry.message.role)
    return adapt(session, entry) if adapt else []


def _custom_message(session: str, entry: CustomMessage) -> list[Change]:
    return message_of(session, entry, "user", entry.content, any_millis(entry.timestamp), synthetic=True)


def _summary(session: str, entry: Summary) -> list[Change]:
    """A summary, with what the request for it used: no other entry has that."""
    at = any_millis(entry.timestamp)
    return message_of(session, entry, "assistant", entry.summary, at, entry.usage, synthetic=True, completed_at=at)


def _branch_summary(session: str, entry: Summary) -> list[Change]:
    """A summary of the branch that the person left; the new one begins with it."""
    return [*_summary(session, entry), *branch_point(session, entry, any_millis(entry.timestamp))]


def _compaction(session: str, entry: Summary) -> list[Change]:
    summary = _summary(session, entry)
    message = summary[0]
    assert isinstance(message, MessageSeen)
    compaction = CompactionSeen(message.id, session, SOURCE, message.created_at, pre_tokens=entry.tokensBefore)
    return [compaction, *summary]


def _usage(session: str, entry: UsageEntry) -> list[Change]:
    """A request beside the conversation, as one that keeps a cache warm."""
    at = any_millis(entry.timestamp)
    return message_of(
        *(session, entry, "assistant", None, at, entry.usage),
        synthetic=True,
        completed_at=at,
        model=entry.model,
        provider=entry.provider,
    )


def _session_info(session: str, entry: SessionInfo) -> list[Change]:
    at = any_millis(entry.timestamp) or 0
    return [SessionSeen(session, SOURCE, at, Rank.RECORD, {"title": entry.name})] if entry.name else []


def _context_edit(session: str, entry: ContextEdit) -> list[Change]:
    """The attempt just before, which failed, is hidden: the client tries again."""
    if entry.targetId is None or entry.targetId != entry.parentId or decode(entry.replacement) is not None:
        return []
    return [ErrorSeen(error_id(entry.targetId), session, SOURCE, None, None, None, will_retry=True)]


def _plain(_: str, _entry: Entry) -> list[Change]:
    return []


plain = _entry_case(Entry, _plain)

CASES: dict[str, Case] = {
    ENTRY + "session": _entry_case(Header, _header),
    ENTRY + "message": _entry_case(MessageEntry, _message),
    ENTRY + "custom_message": _entry_case(CustomMessage, _custom_message),
    ENTRY + "compaction": _entry_case(Summary, _compaction),
    ENTRY + "branch_summary": _entry_case(Summary, _branch_summary),
    ENTRY + "usage": _entry_case(UsageEntry, _usage),
    ENTRY + "session_info": _entry_case(SessionInfo, _session_info),
    ENTRY + "context_edit": _entry_case(ContextEdit, _context_edit),
    # Responses name their model and level; the other entries concern the client or its extensions.
    **dict.fromkeys((ENTRY + name for name in ("model_change", "thinking_level_change", "label", "custom")), plain),
}
