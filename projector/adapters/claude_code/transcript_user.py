"""Claude Code's transcript: prompts, tool results, and text that the client puts in the user's place."""

import re
from collections.abc import Iterator

from msgspec import UNSET
from msgspec.json import encode

from clankers.log.reader import Event
from projector.adapters.base import Meaning
from projector.adapters.claude_code.common import (
    SOURCE,
    SYNTHETIC,
    exit_code_in,
    is_declined,
    is_unique,
    output_in,
    row_id,
    text_of,
    todos_in,
)
from projector.adapters.claude_code.transcript_session import ended, origin, session_changes
from projector.adapters.claude_code.transcript_wire import (
    AttachmentLine,
    ContentBlock,
    Line,
    QueuedCommand,
    UserLine,
    blocks_in,
    message_in,
)
from projector.adapters.decode import LenientDecoder
from projector.adapters.wire import any_millis, as_object
from projector.model.changes import Change, MessageSeen, PartSeen, Rank, ToolSeen
from projector.model.evidence import PromptSeen

# What an editor or the client puts before a prompt, in one block with it or in a block of its own.
_HINTS = re.compile(r"\s*(?:<(ide_\w+|system-reminder)>.*?</\1>\s*)+", re.DOTALL)
_INTERRUPTED = "[Request interrupted by user"  # how the result of a call that a person stopped begins
_COMMAND = "<command-message>"  # how a command begins that is a prompt
_LOCAL = ("<local-command-caveat>", "<command-name>")  # how the lines of a command begin that is no prompt
_COMMAND_NAME = re.compile(r"<command-name>(.*?)</command-name>", re.DOTALL)
_COMMAND_ARGS = re.compile(r"<command-args>(.*?)</command-args>", re.DOTALL)


def user(_: Event, line: UserLine) -> list[Change]:
    """A prompt, or the results of tool calls."""
    changes = session_changes(line, line.uuid, permission_mode=line.permissionMode)
    content = blocks_in(message_in(line.message).content)
    results = [b for b in content if b.type == "tool_result"]
    for block in results:
        changes += _tool_result(line, block)
    spoken = [b for b in content if b.type != "tool_result"]
    text = "\n".join(b.text for b in spoken if b.text is not None)
    if not spoken or (results and not text):
        return changes
    at = any_millis(line.timestamp)
    changes += _message(line, at, spoken, by_client=_is_by_client(line))
    return changes + _prompt(line, at, text, changes)


def _prompt(line: UserLine, at: int | None, text: str, changes: list[Change]) -> list[Change]:
    """Where a prompt stands in the conversation; nothing for what the client wrote, or in older clients a subagent.

    A command that only concerns the client stands there like a prompt: it may be the first line after a rewind.
    """
    typed = text.startswith(_LOCAL) or any(isinstance(one, MessageSeen) and not one.synthetic for one in changes)
    if not typed or at is None or line.parentUuid is UNSET or line.agentId or line.isSidechain:
        return []
    return [PromptSeen(line.uuid, line.sessionId, SOURCE, line.parentUuid or "", at)]


def _is_by_client(line: UserLine) -> bool:
    made_by_client = as_object(line.origin).get("kind", "human") != "human"
    # Older versions kept subagents in the session's own file: the parent wrote their prompts.
    of_parent = line.isSidechain is True and not line.agentId
    return bool(line.isMeta or line.isCompactSummary or made_by_client or of_parent)


def _message(line: Line, at: int | None, blocks: list[ContentBlock], *, by_client: bool) -> list[Change]:
    """A user's message with `blocks` as its parts; `by_client`: the client wrote all of it."""
    id, session = line.uuid, origin(line)
    parts = [part for block in blocks for part in _parts(block)]
    synthetic = by_client or all(synthetic for _, _, synthetic in parts)
    mixed = not synthetic and any(of_client for _, _, of_client in parts)
    changes: list[Change] = [
        MessageSeen(id, session, SOURCE, "user", synthetic=synthetic, created_at=at, completed_at=ended(line, at))
    ]
    for i, (kind, text, of_client) in enumerate(parts):
        name = id if i == 0 else f"{id}:{i}"
        data = _typed_data(text) if of_client else None
        mark = int(of_client) if mixed else None
        changes.append(PartSeen(name, id, session, SOURCE, i, kind, text, data, at, at, synthetic=mark))
    return changes


def _parts(block: ContentBlock) -> Iterator[tuple[str, str | None, bool]]:
    """The parts of a block: type, text, whether the client wrote it. What was typed may stand behind the client's."""
    text = block.text
    if text is None:
        yield ("text" if block.type == "text" else "file"), None, False
        return
    if (hints := _HINTS.match(text)) and hints.end() < len(text):
        yield "text", hints[0].rstrip(), True
        text = text[hints.end() :]
    if text.startswith(_COMMAND):
        text = _typed(text) or text
    yield "text", text, text.startswith(SYNTHETIC)


def _typed(text: str) -> str | None:
    """What was typed where the client recorded the tags of a slash command."""
    name, args = _COMMAND_NAME.search(text), _COMMAND_ARGS.search(text)
    return f"{name[1]} {args[1] if args else ''}".strip() if name else None


def _typed_data(text: str | None) -> str | None:
    """`parts.data` of a slash command of the client's own: what was typed, as the hook reports it."""
    typed = _typed(text or "")
    return encode({"typed": typed}).decode() if typed else None


def _tool_result(line: UserLine, block: ContentBlock) -> list[Change]:
    if not block.tool_use_id:
        return []
    unique = is_unique(block.tool_use_id)
    if line.copy_id and not unique:
        return []  # what it follows has another id in the origin, whose own line says the same
    at = any_millis(line.timestamp)
    session = origin(line)
    # A result follows the line of its call. Where it does not, `projector.derived.call_results` finds the call.
    call = row_id(block.tool_use_id, line.sourceToolAssistantUUID or line.parentUuid or line.uuid)
    text = text_of(block.content)
    response = as_object(line.toolUseResult)
    failed = block.is_error is True
    interrupted = line.toolDenialKind == "interrupted" or response.get("interrupted") is True
    interrupted = interrupted or (failed and (text or "").startswith(_INTERRUPTED))
    denied = bool(line.toolDenialKind) or (failed and is_declined(text))
    status = "interrupted" if interrupted else "denied" if denied else "error" if failed else "completed"
    success = status == "completed"
    # After a kill, the next resume closes open calls as "interrupted, the outcome is unknown". A hook that saw the end
    # knows better.
    rank = Rank.HOOK if line.toolDenialKind == "interrupted" else Rank.RECORD
    changes: list[Change] = [
        ToolSeen(
            call,
            session,
            SOURCE,
            call_id=None if unique else block.tool_use_id,
            close_rank=rank,
            completed_at=at,
            status=status,
            success=success,
            tool_output=text,
            exit_code=None if success else exit_code_in(text),
            error_message=None if success else text,
        )
    ]
    changes += output_in(call, text, response)
    if success:
        changes += todos_in(session, ended(line, at) or 0, Rank.RECORD, response)
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
    by_client = queued.commandMode not in (None, "prompt")
    return [*changes, *_message(line, any_millis(line.timestamp), blocks, by_client=by_client), *ignored]
