"""Claude Code's transcript: prompts, tool results, and text that the client puts in the user's place."""

import re

from msgspec.json import encode

from clankers.log.reader import Event
from projector.adapters.base import Meaning
from projector.adapters.claude_code.common import (
    SOURCE,
    SYNTHETIC,
    exit_code_in,
    is_declined,
    row_id,
    text_of,
    todos_in,
)
from projector.adapters.claude_code.transcript_session import origin, session_changes
from projector.adapters.claude_code.transcript_wire import (
    AttachmentLine,
    ContentBlock,
    Line,
    QueuedCommand,
    UserLine,
    blocks_in,
)
from projector.adapters.decode import LenientDecoder
from projector.adapters.wire import any_millis, as_object
from projector.model.changes import Change, MessageSeen, PartSeen, Rank, ToolSeen

_COMMAND_NAME = re.compile(r"<command-name>(.*?)</command-name>", re.DOTALL)
_COMMAND_ARGS = re.compile(r"<command-args>(.*?)</command-args>", re.DOTALL)


def user(_: Event, line: UserLine) -> list[Change]:
    """A prompt, or the results of tool calls."""
    changes = session_changes(line, line.uuid, permission_mode=line.permissionMode)
    message = line.message
    content = blocks_in(message.content)
    results = [b for b in content if b.type == "tool_result"]
    for block in results:
        changes += _tool_result(line, block)
    spoken = [b for b in content if b.type != "tool_result"]
    text = "\n".join(b.text for b in spoken if b.text is not None)
    if not spoken or (results and not text):
        return changes
    return changes + text_changes(line, line.uuid, any_millis(line.timestamp), spoken, _is_synthetic(line, text))


def _is_synthetic(line: UserLine, text: str) -> bool:
    made_by_client = as_object(line.origin).get("kind", "human") != "human"
    return bool(line.isMeta or line.isCompactSummary or made_by_client or text.startswith(SYNTHETIC))


def text_changes(line: Line, id: str, at: int | None, blocks: list[ContentBlock], synthetic: bool) -> list[Change]:
    """A user's message with `blocks` as its parts."""
    session = origin(line)
    changes: list[Change] = [
        MessageSeen(id, session, SOURCE, "user", synthetic=synthetic, created_at=at, completed_at=at)
    ]
    for i, block in enumerate(blocks):
        kind = "text" if block.type == "text" else "file"
        part = id if i == 0 else f"{id}:{i}"
        changes.append(PartSeen(part, id, session, SOURCE, i, kind, block.text, _typed(block.text), at, at))
    return changes


def _typed(text: str | None) -> str | None:
    """`parts.data` of a slash command: what was typed, as the hook reports it; the client records tags instead."""
    name = _COMMAND_NAME.search(text or "")
    if not name or not text or not text.startswith(SYNTHETIC):
        return None
    args = _COMMAND_ARGS.search(text)
    return encode({"typed": f"{name[1]} {args[1] if args else ''}".strip()}).decode()


def _tool_result(line: UserLine, block: ContentBlock) -> list[Change]:
    if not block.tool_use_id:
        return []
    at = any_millis(line.timestamp)
    session = origin(line)
    text = text_of(block.content)
    response = as_object(line.toolUseResult)
    failed = block.is_error is True
    interrupted = line.toolDenialKind == "interrupted" or response.get("interrupted") is True
    denied = bool(line.toolDenialKind) or (failed and is_declined(text))
    status = "interrupted" if interrupted else "denied" if denied else "error" if failed else "completed"
    success = status == "completed"
    # After a kill, the next resume closes open calls as "interrupted, the outcome is unknown". A hook that saw the end
    # knows better.
    rank = Rank.HOOK if line.toolDenialKind == "interrupted" else Rank.RECORD
    changes: list[Change] = [
        ToolSeen(
            row_id(block.tool_use_id, session),
            session,
            SOURCE,
            close_rank=rank,
            completed_at=at,
            status=status,
            success=success,
            tool_output=text,
            exit_code=None if success else exit_code_in(text),
            error_message=None if success else text,
        )
    ]
    if success:
        changes += todos_in(session, at or 0, Rank.RECORD, response)
    return changes


_decode_queued = LenientDecoder(QueuedCommand).decode


def attachment(_: Event, line: AttachmentLine) -> Meaning:
    """Of the attachments, only prompts that were queued during a turn are messages."""
    changes = session_changes(line, line.uuid)
    if as_object(line.attachment).get("type") != "queued_command":
        return changes
    queued, ignored = _decode_queued(line.attachment)
    if not queued.prompt:
        return [*changes, *ignored]
    blocks = blocks_in(queued.prompt)
    text = "\n".join(b.text for b in blocks if b.text is not None)
    synthetic = queued.commandMode not in (None, "prompt") or text.startswith(SYNTHETIC)
    return [*changes, *text_changes(line, line.uuid, any_millis(line.timestamp), blocks, synthetic), *ignored]
