"""The records of Continue's session files."""

import re

from msgspec import ValidationError
from msgspec.json import encode

from clankers.log.reader import Event
from projector.adapters.base import Case, Tools, case
from projector.adapters.continue_cli.wire import (
    Call,
    CallState,
    EntryRecord,
    HeadRecord,
    IndexEntry,
    Message,
    Part,
    Usage,
)
from projector.adapters.wire import Id, Wire, any_millis
from projector.model.changes import Change, MessageSeen, PartSeen, Rank, SessionSeen, ToolSeen
from projector.model.naming import call_row_id, scoped_id

SOURCE = "continue"
TOOLS = Tools(editing=frozenset({"Edit", "MultiEdit", "Write"}), path_keys=("filepath", "file_path", "path"))

# How the id of a record begins (`clankers.harnesses.continue_cli.history_file`), and the name of an entry in it.
_SESSION = re.compile(r"([^/@\[#]+)[/\[#]")
_NAME = re.compile(r"[^\[]+\[\d+\]([^#]+)#")
_UNTITLED = "Untitled Session"
_EXIT_CODE = re.compile(r"Error \(exit code (-?\d{1,10})\)")
# By the state of a call; the others are not its end.
_ENDED = {"done": "completed", "errored": "error", "canceled": "interrupted"}


class _Named(Wire):
    sessionId: Id


def session_of(event: Event) -> str | None:
    """The session in whose file a record is."""
    found = _SESSION.match(event.id)
    return found[1] if found else None


def _head(_: Event, record: HeadRecord) -> list[Change]:
    head = record.head
    facts = {"title": head.title if head.title != _UNTITLED else None, "project_path": head.workspaceDirectory}
    known = {name: value for name, value in facts.items() if value}
    return [SessionSeen(record.sessionId, SOURCE, 0, Rank.RECORD, known)]


def _index(_: Event, entry: IndexEntry) -> list[Change]:
    at = any_millis(entry.dateCreated)
    facts = {"created_at": at, "updated_at": at} if at else {}
    return [SessionSeen(entry.sessionId, SOURCE, at or 0, Rank.RECORD, facts)]


def _entry(event: Event, record: EntryRecord) -> list[Change]:
    if (found := _NAME.match(event.id)) is None:
        raise ValidationError(f"the id {event.id!r} does not name an entry")
    id, session, message = found[1], record.sessionId, record.message.message
    row = MessageSeen(id, session, SOURCE, message.role if message.role in ("user", "assistant") else "system")
    row.synthetic = row.role == "system"
    if message.usage:
        _spend(row, message.usage)
    changes: list[Change] = [SessionSeen(session, SOURCE), row, *_parts(row, message)]
    states = {state.toolCallId: state for state in record.message.toolCallStates}
    return [*changes, *(_call(row, call, states.get(call.id)) for call in message.toolCalls if call.id)]


def _spend(row: MessageSeen, usage: Usage) -> None:
    """The counts of a response: input includes what was read from the cache, output the reasoning."""
    cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else None
    if usage.prompt_tokens is not None:
        row.prompt_tokens = max(usage.prompt_tokens - (cached or 0), 0)
    row.cache_read_tokens, row.completion_tokens = cached, usage.completion_tokens
    if usage.completion_tokens_details:
        row.reasoning_tokens = usage.completion_tokens_details.reasoning_tokens
    row.model = usage.model
    row.cost = usage.cost_cents / 100 if usage.cost_cents else None  # 0 for a model without a known price


def _parts(row: MessageSeen, message: Message) -> list[PartSeen]:
    content = [message.content] if isinstance(message.content, str) else message.content or []
    texts = [Part("text", one) if isinstance(one, str) else one for one in content]
    found: list[tuple[str, str | None, str | None]] = [
        ("text" if one.text is not None else "file", one.text, None) for one in texts if one.text != ""
    ]
    calls = [call_row_id(call.id, row.session_id) for call in message.toolCalls if call.id]
    found += [("tool", None, encode({"id": id}).decode()) for id in calls]
    return [
        PartSeen(scoped_id(str(n), row.id), row.id, row.session_id, SOURCE, n, kind, text, data)
        for n, (kind, text, data) in enumerate(found)
    ]


def _call(row: MessageSeen, call: Call, state: CallState | None) -> ToolSeen:
    name = call.function.name if call.function else None
    seen = ToolSeen(
        call_row_id(str(call.id), row.session_id),
        row.session_id,
        SOURCE,
        open_rank=Rank.RECORD,
        message_id=row.id,
        tool_name=name,
        tool_input=call.function.arguments if call.function else None,
        edits_file=name in TOOLS.editing,
        status="running",
    )
    if state is None:
        return seen
    seen.file_path = TOOLS.file_path(state.parsedArgs)
    if state.status in _ENDED:
        text = "\n".join(one.content for one in state.output if one.content is not None)
        code = _EXIT_CODE.search(text) if state.status == "errored" else None
        seen.close_rank, seen.status = Rank.RECORD, _ENDED[state.status]
        seen.success = state.status == "done"
        seen.tool_output, seen.error_message = text, None if seen.success else text
        seen.exit_code = int(code[1]) if code else None
    return seen


def _plain(_: Event, named: _Named) -> list[Change]:
    return [SessionSeen(named.sessionId, SOURCE)]


plain = case(_Named, _plain)

CASES: dict[str, Case] = {
    "document.head": case(HeadRecord, _head),
    "document.message": case(EntryRecord, _entry),
    "session_index": case(IndexEntry, _index),
}
