"""GitHub Copilot CLI's messages: prompts, responses, the results of calls, summaries."""

import re
from itertools import count

from msgspec.json import encode

from clankers.log.reader import Event
from projector.adapters.copilot.common import SOURCE, TOOLS, EventPlace
from projector.adapters.copilot.usage import counts
from projector.adapters.copilot.wire import (
    AssistantMessage,
    Compaction,
    Notification,
    SavedFile,
    ToolComplete,
    ToolRequest,
    UserMessage,
)
from projector.model.changes import Change, CompactionSeen, MessageSeen, PartSeen, Rank, ToolSeen
from projector.model.evidence import OutputSaved
from projector.model.naming import call_row_id, scoped_id

_EXIT_CODE = re.compile(r"<shellId: \S+ completed with exit code (-?\d{1,10})>\s*\Z")  # in version 1.0.60
_SAVED = re.compile(r"Saved to: \S.*?([\w-]+-copilot-tool-output-[\w-]+\.txt)$", re.MULTILINE)
_CHUNK = 1000  # parts of one line of a response


def user(place: EventPlace, message: UserMessage) -> list[Change]:
    """A prompt; one that names a source is a parent's, or the client's."""
    synthetic = message.source is not None or message.isAutopilotContinuation is True
    parts = [_part(place, place.id, 0, "text", message.content)] if message.content else []
    parts += [
        _part(place, place.id, n, "file", None, encode(attached).decode())
        for n, attached in enumerate(message.attachments or [], 1)
    ]
    return [_message(place, place.id, "user", synthetic=synthetic), *parts]


def notification(place: EventPlace, found: Notification) -> list[Change]:
    """What the client said to the model in the person's place."""
    if not found.content:
        return []
    return [
        _message(place, place.id, "user", synthetic=1),
        _part(place, place.id, 0, "text", found.content),
    ]


def response_id(place: EventPlace, message: AssistantMessage) -> str:
    """The row id of a response, which several lines may hold.

    The ids that servers give to requests are unique only within a turn: some count up to a thousand.
    """
    if not message.apiCallId or not message.interactionId:
        return place.id
    return scoped_id(message.apiCallId, scoped_id(message.turnId or "", message.interactionId))


def assistant(place: EventPlace, id: str, message: AssistantMessage) -> list[Change]:
    """A response, or one of several lines of it, with the calls that it makes."""
    found = _message(place, id, "assistant", model=message.model)
    found.completion_tokens = message.outputTokens
    changes: list[Change] = [found]
    seq = count((message.chunkIndex or 0) * _CHUNK)
    for kind, text in (("reasoning", message.reasoningText), ("text", message.content)):
        if text:
            changes.append(_part(place, id, next(seq), kind, text))
    for call in message.toolRequests or []:
        if call.toolCallId:
            row = call_row_id(call.toolCallId, message.interactionId or place.session)
            changes.append(_call(place, row, id, call))
            changes.append(_part(place, id, next(seq), "tool", None, encode({"id": row}).decode()))
    return changes


def _call(place: EventPlace, row: str, message: str, call: ToolRequest) -> ToolSeen:
    opened = TOOLS.opened(row, place.session, SOURCE, call.name, call.arguments, place.at)
    opened.message_id, opened.title = message, call.toolTitle
    return opened


def tool_complete(place: EventPlace, result: ToolComplete) -> list[Change]:
    """A call ended. A command that fails counts as a success for the client."""
    text = result.result.content if result.result else None
    error = result.error.message if result.error else None
    code = result.shellExecution.exitCode if result.shellExecution else None
    if code is None and (found := _EXIT_CODE.search(text or "")):
        code = int(found[1])
    failed = result.success is False
    interrupted = failed and result.error is not None and result.error.code == "interrupted"
    edited = [edit.path for edit in result.fileEdits or [] if edit.path]
    row = call_row_id(result.toolCallId, result.interactionId or place.session)
    saved = _SAVED.search(text or "")
    return [
        *([OutputSaved(place.log, SOURCE, saved[1], row)] if saved else []),
        ToolSeen(
            row,
            place.session,
            SOURCE,
            close_rank=Rank.RECORD,
            status="interrupted" if interrupted else "error" if failed else "completed",
            success=not failed and not code,
            tool_output=text if text is not None else error,
            exit_code=code,
            error_message=error if failed else None,
            completed_at=place.at,
            edited_files=encode(edited).decode() if edited else None,
        ),
    ]


def saved_output(_: Event, found: SavedFile) -> list[Change]:
    """A long output, which the client's log has cut."""
    return [OutputSaved(found.sessionId, SOURCE, found.name, text=found.text)]


def compaction(place: EventPlace, found: Compaction) -> list[Change]:
    """A summary, with what the request for it used: no sum of the client has that."""
    tokens = (found.preCompactionTokens, found.postCompactionTokens)
    changes: list[Change] = [CompactionSeen(place.id, place.session, SOURCE, place.at, found.trigger, *tokens)]
    used = found.compactionTokensUsed
    if used is None and not found.summaryContent:
        return changes
    message = _message(place, place.id, "assistant", model=used.model if used else None, synthetic=1)
    if used:
        spent = counts(used)
        message.prompt_tokens, message.completion_tokens = spent.prompt_tokens, spent.completion_tokens
        message.cache_read_tokens, message.cache_write_tokens = spent.cache_read_tokens, spent.cache_write_tokens
        message.reasoning_tokens = spent.reasoning_tokens
    changes.append(message)
    if found.summaryContent:
        changes.append(_part(place, place.id, 0, "text", found.summaryContent))
    return changes


def _message(place: EventPlace, id: str, role: str, *, model: str | None = None, synthetic: int = 0) -> MessageSeen:
    return MessageSeen(
        id, place.session, SOURCE, role, model=model, created_at=place.at, completed_at=place.at, synthetic=synthetic
    )


def _part(place: EventPlace, message: str, seq: int, kind: str, text: str | None, data: str | None = None) -> PartSeen:
    id = scoped_id(str(seq), message)
    return PartSeen(id, message, place.session, SOURCE, seq, kind, text, data, place.at, place.at)
